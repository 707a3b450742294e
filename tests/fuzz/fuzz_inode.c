/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_inode - tables of inodes and directories
 *
 * Input: offset of the inode to begin with, length of the directory table (2 bytes each);
 * the table of directories; that of inodes. */
#include "image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned ref = fuzz_take16(&data, &size);
	size_t dirs = fuzz_take16(&data, &size);
	struct fuzz_image f;

	if (fuzz_image_empty(&f, 1, 16) < 0)
		return 0;
	if (dirs > size)
		dirs = size;
	f.squash.dir_table = fuzz_image_append_meta(&f, data, dirs).block;
	f.squash.inode_table = fuzz_image_append_meta(&f, data + dirs, size - dirs).block;
	fuzz_image_visit_ref(&f, ref);
	fuzz_image_done(&f);
	return 0;
}
