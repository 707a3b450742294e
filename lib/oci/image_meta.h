/* SPDX-License-Identifier: Apache-2.0 */
/* image_meta.h - from the configuration of an image (image-spec, config.md) to our metadata */
#ifndef CH_OCI_IMAGE_META_H
#define CH_OCI_IMAGE_META_H

#include <stddef.h>

struct ch_err;
struct ch_oci_meta;

/* Read LEN bytes of JSON into RET, which is empty. What has another type than it should is not
 * there. Errors: -EINVAL no JSON; -ENOMEM. */
int ch_oci_image_meta(const char *text, size_t len, struct ch_oci_meta *ret, struct ch_err *err);

#endif
