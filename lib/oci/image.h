/* SPDX-License-Identifier: Apache-2.0 */
/* image.h - the configuration of an image (image-spec, config.md), as far as pulling needs it
 *
 * What it says about running the image: oci/config.h. */
#ifndef CH_OCI_IMAGE_H
#define CH_OCI_IMAGE_H

#include <stddef.h>

#include "oci/manifest.h"

struct ch_oci_image {
	char *os, *arch, *variant;	      /* malloc'ed, or NULL */
	char (*diff_ids)[CH_OCI_DIGEST_SIZE]; /* owned: of the layers' archives, unpacked */
	size_t n;
};

/* Parse LEN bytes. Errors: as ch_oci_manifest_parse. */
int ch_oci_image_parse(const char *text, size_t len, struct ch_oci_image *ret, struct ch_err *err);

/* Is it for Linux, as far as it says? Errors: -ENOTSUP */
int ch_oci_image_check_os(const struct ch_oci_image *image, struct ch_err *err);

void ch_oci_image_done(struct ch_oci_image *image);

static inline void ch_auto_oci_image(struct ch_oci_image *image)
{
	ch_oci_image_done(image);
}

#endif
