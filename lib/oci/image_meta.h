/* SPDX-License-Identifier: Apache-2.0 */
/* image_meta.h - from the configuration of an image (image-spec, config.md) to our metadata */
#ifndef CH_OCI_IMAGE_META_H
#define CH_OCI_IMAGE_META_H

#include <stddef.h>

struct ch_err;
struct ch_oci_meta;
struct ch_words;

/* Read LEN bytes of JSON into RET, which is empty. What has another type than it should is not
 * there. Errors: -EINVAL no JSON; -ENOMEM; -E2BIG (ch_oci_meta_check). */
int ch_oci_image_meta(const char *text, size_t len, struct ch_oci_meta *ret, struct ch_err *err);

/* The same of the member "config" of such a configuration, alone. */
int ch_oci_settings_meta(const char *text, size_t len, struct ch_oci_meta *ret, struct ch_err *err);

/* Read labels, an object whose members are texts, to RET. Errors: as above. */
int ch_oci_labels(const char *text, size_t len, struct ch_words *ret, struct ch_err *err);

#endif
