/* SPDX-License-Identifier: Apache-2.0 */
/* config.h - the configuration of an OCI image (image-spec, config.md)
 *
 * Image tools leave it in the image as /ch/config.pulled.json. It is the image's, so it
 * may be anything. */
#ifndef CH_OCI_CONFIG_H
#define CH_OCI_CONFIG_H

#include <stddef.h>

struct ch_err;

/* Turn LEN bytes of JSON into the text that meta.h describes: Env, Entrypoint, Cmd.
 * What is missing, or is not as the specification says, is left out.
 * ret_text: malloc'ed; at most MAX bytes. Errors: -EINVAL no JSON; -EFBIG; -ENOMEM. */
int ch_oci_config_meta(const char *json, size_t len, size_t max, char **ret_text, size_t *ret_len,
		       struct ch_err *err);

/* The same for the image that is our root directory. No configuration: empty. */
int ch_oci_config_read(char **ret_text, size_t *ret_len, struct ch_err *err);

#endif
