/* SPDX-License-Identifier: Apache-2.0 */
/* config.h - what an image says about itself, as the text that rt/meta.h describes
 *
 * Two files tell it: /ch/config.pulled.json, the configuration of an OCI image
 * (image-spec, config.md), which tools that pull images leave there; and
 * /ch/metadata.json, which ch-image writes: "entrypoint" and "cmd", each a list (exec
 * form) or a text (shell form), "shell", a list, and "env", an object or a list. The
 * latter's commands count if it has one of the two keys, its "env" and "shell" if it has
 * that. Both are the image's, so they may be anything. */
#ifndef CH_OCI_CONFIG_H
#define CH_OCI_CONFIG_H

#include <stddef.h>

struct ch_err;

/* One JSON text. */
struct ch_oci_text {
	const char *data; /* NULL: the file is not there */
	size_t len;
};

/* Make the items of METADATA and CONFIG. Variables that are not as they should be are left
 * out; odd commands become a "cmd-error".
 * ret_text: malloc'ed; at most MAX bytes. Errors: -EINVAL no JSON; -EFBIG; -ENOMEM. */
int ch_oci_config_meta(struct ch_oci_text metadata, struct ch_oci_text config, size_t max,
		       char **ret_text, size_t *ret_len, struct ch_err *err);

/* The same for the image that is our root directory. None of the files: empty. */
int ch_oci_config_read(char **ret_text, size_t *ret_len, struct ch_err *err);

#endif
