/* SPDX-License-Identifier: Apache-2.0 */
/* image_print.h - from our metadata to the configuration of an image (image-spec, config.md)
 *
 * The other way round: oci/image_meta.h. Nothing is in it of when and where it was made, so that
 * the same image has the same digest. */
#ifndef CH_OCI_IMAGE_PRINT_H
#define CH_OCI_IMAGE_PRINT_H

#include <stddef.h>

#include "oci/manifest.h"

struct ch_err;
struct ch_oci_meta;

/* The configuration of the image with META and N layers.
 *
 * diff_ids: of the layers' archives, uncompressed; the lowest first
 * ret_text: malloc'ed; JSON
 * Errors: -ENOMEM, also if a list of META is bad, or all is too long. */
int ch_oci_image_print(const struct ch_oci_meta *meta, const char (*diff_ids)[CH_OCI_DIGEST_SIZE],
		       size_t n, char **ret_text, struct ch_err *err);

#endif
