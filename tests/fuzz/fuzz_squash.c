/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_squash - an image file, from the superblock on */
#include "image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_image f;

	if (fuzz_image_open(&f, data, size) < 0)
		return 0;
	fuzz_image_visit_ref(&f, f.squash.root);
	fuzz_image_done(&f);
	return 0;
}
