/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_xattr - the attributes of one inode
 *
 * Input: its entry in the table of ids (16 bytes); names and values. */
#include <sys/stat.h>

#include "image.h"

enum { ID = 16, HEADER = 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ch_inode inode = { .mode = S_IFIFO, .xattr = 0 };
	uint8_t id[ID], header[HEADER] = { 0 };
	struct ch_meta_pos ids;
	struct fuzz_image f;

	fuzz_take(&data, &size, id, sizeof(id));
	if (fuzz_image_empty(&f, 1, 16) < 0)
		return 0;
	f.squash.xattr_base = fuzz_image_append_meta(&f, data, size).block;
	ids = fuzz_image_append_meta(&f, id, sizeof(id));
	f.squash.xattr_table = fuzz_image_append(&f, header, sizeof(header));
	fuzz_image_append_list(&f, ids.block);
	f.squash.xattrs = 1;
	fuzz_image_visit(&f, &inode);
	fuzz_image_done(&f);
	return 0;
}
