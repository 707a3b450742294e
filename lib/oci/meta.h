/* SPDX-License-Identifier: Apache-2.0 */
/* meta.h - what ch-image knows of an image: /ch/metadata.json
 *
 * Builds start from the metadata of their base image, change it instruction by instruction,
 * and leave it in the image, where oci/config.h reads it for those that run the image. Its
 * keys, none of which has to be there:
 *
 *	arch, cwd, user, stopsignal          texts
 *	arg, env, labels, healthopts         objects with texts as members
 *	shell, volumes, ports, onbuild       lists of texts
 *	entrypoint, cmd, health              a list of texts (exec form), or a text (shell form)
 *
 * It is the image's, so it may be anything. What has another type is not there. */
#ifndef CH_OCI_META_H
#define CH_OCI_META_H

#include <stdbool.h>
#include <stddef.h>

#include "base/words.h"

struct ch_err;

#define CH_OCI_META_MAX (1024 * 1024) /* bytes of the file */
/* Variables, and labels: more than any image has. Lists are looked through for each of them. */
#define CH_OCI_PAIRS_MAX 4096

/* A command as a Dockerfile has it. */
struct ch_oci_form {
	bool is_given;
	bool is_shell;	       /* one word, for the shell */
	struct ch_words words; /* may be empty: ENTRYPOINT [] */
};

struct ch_oci_meta {
	char *arch; /* as registries call it; texts are malloc'ed, or NULL */
	char *cwd;
	char *user;
	char *stopsignal;
	struct ch_words arg, env, labels, healthopts; /* NAME=VALUE */
	struct ch_words shell, volumes, ports, onbuild;
	struct ch_oci_form entrypoint, cmd, health;
};

/* Are there at most CH_OCI_PAIRS_MAX variables, and as many labels? Else -E2BIG. */
int ch_oci_meta_check(const struct ch_oci_meta *meta, struct ch_err *err);

/* Read LEN bytes of JSON into RET, which is empty. Errors: -EINVAL no JSON; -ENOMEM; -E2BIG. */
int ch_oci_meta_parse(const char *text, size_t len, struct ch_oci_meta *ret, struct ch_err *err);

/* Write it. ret_text: malloc'ed. Errors: -ENOMEM, also if a list of META is bad, or all is too
 * long; -E2BIG. */
int ch_oci_meta_print(const struct ch_oci_meta *meta, char **ret_text, struct ch_err *err);

/* The environment as lines for ch-run --set-env (/ch/environment). Variables whose value has
 * more than one line cannot be there. ret_text: malloc'ed. */
int ch_oci_meta_environment(const struct ch_oci_meta *meta, char **ret_text, struct ch_err *err);

/* Make FORM the words of FROM (borrowed), by copies. */
void ch_oci_form_set(struct ch_oci_form *form, bool is_shell, const struct ch_words *from);

void ch_oci_meta_done(struct ch_oci_meta *meta);

static inline void ch_auto_oci_meta(struct ch_oci_meta *meta)
{
	ch_oci_meta_done(meta);
}

#endif
