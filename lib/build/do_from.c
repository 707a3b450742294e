/* SPDX-License-Identifier: Apache-2.0 */
#include "build/step.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/analyser.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "build/vars.h"

/* Foreign machines' images need an emulator that is registered with the kernel; which is
 * wanted is for those who fetch the base image. Here it has to be the host's. */
static int check_platform(struct ch_step *step)
{
	const struct ch_df_flag *flag = ch_df_flag(step->instr, "platform");
	ch_auto(str) char *text = NULL;
	char host[64];
	int rc = ch_step_flag(step, "platform", &text);

	if (rc < 0 || !text || !*text)
		return rc;
	snprintf(host, sizeof(host), "linux/%s", ch_vars_arch());
	if (strcmp(text, host) == 0 || strcmp(text, ch_vars_arch()) == 0)
		return 0;
	return ch_df_fail(step->df, &flag->value, 0, step->err, -ENOTSUP,
			  "platform '%s': images can be built for this machine only, which is "
			  "'%s'",
			  text, host);
}

/* --arg=NAME=VALUE, as often as wanted */
static int set_args(struct ch_step *step)
{
	for (size_t i = 0; i < step->instr->nflags; i++) {
		const struct ch_df_flag *flag = &step->instr->flags[i];
		ch_auto(str) char *text = NULL;
		char *equals;

		if (strcmp(flag->name, "arg") != 0)
			continue;

		int rc = ch_step_expand(step, &flag->value, &text);

		if (rc < 0)
			return rc;
		equals = text ? strchr(text, '=') : NULL;
		if (!equals || equals == text)
			return ch_df_fail(step->df, &flag->value, 0, step->err, -EINVAL,
					  "--arg wants NAME=VALUE");
		*equals = '\0';
		ch_words_set(&step->job->args, text, equals + 1);
	}
	return step->job->args.bad ? ch_step_nomem(step) : 0;
}

static int from_image(struct ch_step *step, const char *name)
{
	ch_auto(ref) struct ch_ref ref = { 0 };
	struct ch_err err = { 0 };

	if (ch_ref_parse(name, &ref, &err) < 0)
		return ch_step_fail(step, &err);
	if (strcmp(ref.text, step->stage->ref.text) == 0) {
		ch_err_set(&err, -EINVAL, "image '%s' cannot be its own base: choose another --tag",
			   name);
		return ch_step_fail(step, &err);
	}

	int rc = ch_stage_from_image(step->stage, &ref, &err);

	return rc < 0 ? ch_step_fail(step, &err) : rc;
}

/* Returns 1 if that is in the cache, else 0. */
static int begin(struct ch_step *step, const char *name)
{
	int number = ch_df_stage(step->df, name, step->instr->stage);
	bool has_cache = step->job->build->shelf.cache;
	struct ch_err err;
	int rc;

	if (number < 0 && strcmp(name, "scratch") != 0)
		return from_image(step, name);
	if (number >= 0)
		rc = ch_stage_from_stage(step->stage, &step->job->stages[number], &err);
	else
		rc = ch_stage_from_scratch(step->stage, &err);
	return rc < 0 ? ch_step_fail(step, &err) : has_cache;
}

/* They run as if they stood behind FROM. */
static int run_triggers(struct ch_step *from, const struct ch_words *lines)
{
	ch_auto(buf) struct ch_buf text = CH_BUF_INIT(CH_DF_MAX);
	ch_auto(dockerfile) struct ch_dockerfile df = { 0 };
	int rc;

	ch_buf_adds(&text, "FROM scratch\n");
	for (size_t i = 0; i < lines->n; i++)
		ch_buf_addf(&text, "%s\n", lines->v[i]);
	if (ch_buf_bad(&text))
		return ch_step_nomem(from);
	rc = ch_dockerfile_parse(text.data, text.len, &df, from->err);
	for (size_t i = 1; i < df.n && rc == 0; i++)
		rc = ch_do(from->job, from->stage, &df, &df.instrs[i], from->number, from->err);
	/* Places in that text tell nobody anything. */
	if (rc < 0) {
		struct ch_err err;

		ch_err_set(&err, rc, "ONBUILD of the base image: %s", from->err->msg);
		return ch_step_fail(from, &err);
	}
	return 0;
}

static int do_triggers(struct ch_step *from)
{
	ch_auto(words) struct ch_words lines = ch_take(from->stage->meta.onbuild);

	return lines.n > 0 ? run_triggers(from, &lines) : 0;
}

CH_MOVES_BEGIN
static int set_defaults(struct ch_step *step)
{
	struct ch_oci_meta *meta = &step->stage->meta;

	if (!meta->arch)
		meta->arch = strdup(ch_vars_arch());
	if (!meta->cwd)
		meta->cwd = strdup("/");
	return meta->arch && meta->cwd ? 0 : ch_step_nomem(step);
}
CH_MOVES_END

int ch_do_from(struct ch_step *step)
{
	ch_auto(str) char *name = NULL;
	int rc = check_platform(step);

	if (rc == 0)
		rc = ch_step_expand(step, &step->instr->words[0], &name);
	if (rc == 0 && (!name || !*name))
		return ch_df_fail(step->df, &step->instr->words[0], 0, step->err, -EINVAL,
				  "no base image is left when variables are replaced");
	if (rc == 0)
		rc = set_args(step);
	if (rc == 0)
		rc = begin(step, name);
	if (rc >= 0)
		rc = ch_step_show(step, rc ? '*' : '.');
	if (rc == 0)
		rc = set_defaults(step);
	return rc < 0 ? rc : do_triggers(step);
}
