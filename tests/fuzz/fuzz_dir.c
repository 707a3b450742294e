/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_dir - one directory with an index
 *
 * Input: entries of the index, its length (2 bytes each); the index; the listing. */
#include <sys/stat.h>

#include "image.h"

enum { EMPTY = 3 }; /* size of a directory without entries */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ch_inode inode = { .mode = S_IFDIR, .xattr = CH_SQUASH_NONE };
	size_t index;
	struct fuzz_image f;

	inode.indexes = fuzz_take16(&data, &size);
	index = fuzz_take16(&data, &size);
	if (fuzz_image_empty(&f, 1, 16) < 0)
		return 0;
	if (index > size)
		index = size;
	inode.next = fuzz_image_append_meta(&f, data, index);
	inode.size = size - index + EMPTY;
	f.squash.dir_table = fuzz_image_append_meta(&f, data + index, size - index).block;
	fuzz_image_visit(&f, &inode);
	fuzz_image_done(&f);
	return 0;
}
