/* SPDX-License-Identifier: Apache-2.0 */
/* imagemeta.h - what is in an image about itself: /ch/metadata.json (oci/meta.h), and
 * /ch/environment for ch-run --set-env; of images that were pulled also what their registry said:
 * /ch/config.pulled.json */
#ifndef CH_STORE_IMAGEMETA_H
#define CH_STORE_IMAGEMETA_H

struct ch_err;
struct ch_oci_meta;

/* Metadata of the image in ROOT; without a file, empty. Errors: -EINVAL it cannot be read. */
int ch_store_read_meta(int root, struct ch_oci_meta *ret_meta, struct ch_err *err);

/* Write it, instead of what is there. */
int ch_store_write_meta(int root, const struct ch_oci_meta *meta, struct ch_err *err);

/* Write CONFIG, the configuration of an image that was pulled. */
int ch_store_write_config(int root, const char *config, struct ch_err *err);

#endif
