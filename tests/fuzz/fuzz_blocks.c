/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_blocks - the block list of a file, up to large ones
 *
 * Input: size of the file, position of its first block (8 bytes each); the list, which is
 * repeated a few thousand times. */
#include <string.h>
#include <sys/stat.h>

#include "base/le.h"
#include "image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ch_inode inode = { .mode = S_IFREG,
				  .fragment = CH_SQUASH_NONE,
				  .xattr = CH_SQUASH_NONE };
	static uint8_t list[3 * CH_META_SIZE];
	uint8_t word[8];
	struct fuzz_image f;

	fuzz_take(&data, &size, word, sizeof(word));
	inode.size = ch_le64(word) & INT64_MAX; /* ch_inode_read() refuses others */
	fuzz_take(&data, &size, word, sizeof(word));
	inode.start = ch_le64(word);
	if (size == 0 || size > CH_META_SIZE || fuzz_image_empty(&f, 1, 16) < 0)
		return 0;
	for (size_t at = 0; at < sizeof(list); at += size)
		memcpy(list + at, data, size < sizeof(list) - at ? size : sizeof(list) - at);
	inode.next = fuzz_image_append_meta(&f, list, sizeof(list));
	fuzz_image_visit(&f, &inode);
	fuzz_image_done(&f);
	return 0;
}
