/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_fragment - the table of fragments, and files that end in them
 *
 * Input: entries of 16 bytes. Their last 4 bytes, which are not used, are where the file's
 * tail is in the fragment. Fragments are anywhere in the image. */
#include <sys/stat.h>

#include "base/le.h"
#include "image.h"

enum { ENTRY = 16, TAIL = 100, FILES_MAX = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ch_inode inode = { .mode = S_IFREG, .size = TAIL, .xattr = CH_SQUASH_NONE };
	struct fuzz_image f;

	if (size > CH_META_SIZE || fuzz_image_empty(&f, 1, 16) < 0)
		return 0;
	f.squash.fragments = (uint32_t)(size / ENTRY + 1);
	f.squash.frag_table = fuzz_image_append_list(&f,
						     fuzz_image_append_meta(&f, data, size).block);
	for (uint32_t i = 0; i <= size / ENTRY && i < FILES_MAX; i++) {
		inode.fragment = i;
		inode.off = i < size / ENTRY ? ch_le32(data + i * ENTRY + 12) : 0;
		fuzz_image_visit(&f, &inode);
	}
	fuzz_image_done(&f);
	return 0;
}
