/* SPDX-License-Identifier: Apache-2.0 */
#include "convert/sif_meta.h"

#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/words.h"
#include "convert/sif_env.h"
#include "convert/source.h"
#include "oci/image_meta.h"
#include "oci/meta.h"

#define RUN ".singularity.d/runscript"

const char *const ch_sif_files[CH_SIF_TEXTS] = {
	[CH_SIF_LABELS] = ".singularity.d/labels.json",
	[CH_SIF_RUN] = RUN,
	[CH_SIF_ENV_DOCKER] = ".singularity.d/env/10-docker2singularity.sh",
	[CH_SIF_ENV] = ".singularity.d/env/90-environment.sh",
	[CH_SIF_ENV_MORE] = ".singularity.d/env/91-environment.sh",
};

/* In the script that Apptainer makes of an OCI image's settings; others replace it. */
#define RUN_OF_OCI "OCI_ENTRYPOINT="

/* The settings, with what the scripts change in them */
static void read_environment(char *const texts[CH_SIF_TEXTS], bool has_settings,
			     struct ch_words *env, unsigned *ret_unread)
{
	for (int i = CH_SIF_ENV_DOCKER; i < CH_SIF_TEXTS; i++)
		if (texts[i] && !(has_settings && i == CH_SIF_ENV_DOCKER) &&
		    !ch_sif_env_read(texts[i], env))
			(*ret_unread)++;
}

static void read_command(const char *run, bool has_settings, struct ch_oci_meta *ret)
{
	ch_auto(words) struct ch_words words = { 0 };

	if (!run || (has_settings && strstr(run, RUN_OF_OCI)))
		return;
	ch_words_add(&words, "/" RUN);
	ch_oci_form_set(&ret->entrypoint, false, &words);
	ch_words_done(&ret->cmd.words);
	ret->cmd.is_given = false;
}

/* They have those of the settings, and more. */
static int read_labels(const char *text, struct ch_oci_meta *ret, struct ch_err *err)
{
	ch_auto(words) struct ch_words labels = { 0 };
	int rc = text ? ch_oci_labels(text, strlen(text), &labels, err) : 0;

	if (rc == 0 && ret->labels.n + labels.n <= CH_OCI_PAIRS_MAX)
		ch_words_put(&ret->labels, &labels);
	return rc == -ENOMEM ? rc : 0;
}

static bool is_bad(const struct ch_oci_meta *meta)
{
	return meta->env.bad || meta->labels.bad || meta->entrypoint.words.bad;
}

int ch_sif_meta(const struct ch_source *source, char *const texts[CH_SIF_TEXTS],
		struct ch_oci_meta *ret, unsigned *ret_unread, struct ch_err *err)
{
	ch_auto(oci_meta) struct ch_oci_meta meta = { 0 };
	const char *settings = source->settings;
	int rc = settings ? ch_oci_settings_meta(settings, strlen(settings), &meta, err) : -EINVAL;
	bool has_settings = rc == 0, has_any = has_settings;

	/* What cannot be understood, it has not said. */
	if (rc == -ENOMEM || read_labels(texts[CH_SIF_LABELS], &meta, err) < 0)
		return err->code;
	for (int i = 0; i < CH_SIF_TEXTS; i++)
		has_any = has_any || texts[i];
	if (source->arch && !(meta.arch = strdup(source->arch)))
		return ch_err_nomem(err);
	*ret_unread = 0;
	read_environment(texts, has_settings, &meta.env, ret_unread);
	read_command(texts[CH_SIF_RUN], has_settings, &meta);
	if (is_bad(&meta))
		return ch_err_nomem(err);
	*ret = ch_take(meta);
	return has_any;
}
