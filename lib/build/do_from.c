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
#include "build/base.h"
#include "oci/manifest.h"
#include "pull/pull.h"

#define OS "linux/"

/* --platform=[linux/]ARCH[/VARIANT]. ret_arch: malloc'ed, or NULL: it is not said. What is for
 * other machines needs an emulator that is registered with the kernel. */
static int find_platform(struct ch_step *step, char **ret_arch)
{
	const struct ch_df_flag *flag = ch_df_flag(step->instr, "platform");
	ch_auto(str) char *text = NULL;
	int rc = ch_step_flag(step, "platform", &text);
	const char *arch;
	struct ch_err err;

	if (rc < 0 || !text || !*text)
		return rc;
	arch = strncmp(text, OS, strlen(OS)) == 0 ? text + strlen(OS) : text;
	if (ch_oci_arch_parse(arch, &arch, &err) < 0)
		return ch_df_fail(step->df, &flag->value, 0, step->err, err.code, "platform: %s",
				  err.msg);
	*ret_arch = strdup(arch);
	return *ret_arch ? 0 : ch_step_nomem(step);
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

/* Is what STAGE has begun with for another architecture than ARCH? That is not so if either is not
 * known. */
static bool is_foreign(const struct ch_stage *stage, const char *arch)
{
	ch_auto(str) char *has = stage->meta.arch ? strdup(stage->meta.arch) : NULL;
	char *slash = has ? strchr(has, '/') : NULL;

	if (!arch || !has)
		return false;
	if (slash)
		*slash++ = '\0';
	return !ch_oci_arch_matches(arch, has, slash);
}

/* Returns 1 if the image is there, as it should be, 0 if it has to be pulled first. */
static int find_image(struct ch_step *step, const struct ch_ref *ref, const char *arch,
		      struct ch_err *err)
{
	const struct ch_shelf *shelf = step->stage->shelf;
	int rc;

	if (shelf->pull && !arch)
		arch = shelf->pull->arch;
	if (shelf->pull && shelf->pull->anew && ch_base_was_pulled(shelf, ref))
		return 0;
	rc = ch_stage_from_image(step->stage, ref, err);
	if (rc == -ENOENT && shelf->pull)
		return 0;
	if (rc < 0 || !shelf->pull || !is_foreign(step->stage, arch))
		return rc < 0 ? rc : rc + 1;
	ch_stage_forget(step->stage);
	return 0;
}

static int pull_image(struct ch_step *step, const struct ch_ref *ref, const char *arch)
{
	struct ch_err err;
	int rc = ch_step_show(step, '.');

	if (rc < 0)
		return rc;
	if (step->job->build->dry_run)
		rc = ch_stage_from_unknown(step->stage, &err);
	else
		rc = ch_base_fetch(step->stage->shelf, ref, arch, &err);
	if (rc == 0 && !step->job->build->dry_run)
		rc = ch_stage_from_image(step->stage, ref, &err);
	return rc < 0 ? ch_step_fail(step, &err) : 0;
}

static int from_image(struct ch_step *step, const char *name, const char *arch)
{
	ch_auto(ref) struct ch_ref ref = { 0 };
	struct ch_err err = { 0 };
	int rc;

	if (ch_ref_parse(name, &ref, &err) < 0)
		return ch_step_fail(step, &err);
	if (strcmp(ref.text, step->stage->ref.text) == 0) {
		ch_err_set(&err, -EINVAL, "image '%s' cannot be its own base: choose another --tag",
			   name);
		return ch_step_fail(step, &err);
	}
	rc = find_image(step, &ref, arch, &err);
	if (rc == 0)
		return pull_image(step, &ref, arch);
	return rc < 0 ? ch_step_fail(step, &err) : ch_step_show(step, rc == 2 ? '*' : '.');
}

/* With a stage, or with nothing (NULL). */
static int from_known(struct ch_step *step, struct ch_stage *base)
{
	bool has_cache = step->job->build->shelf.cache;
	struct ch_err err;
	int rc = base ? ch_stage_from_stage(step->stage, base, &err)
		      : ch_stage_from_scratch(step->stage, &err);

	return rc < 0 ? ch_step_fail(step, &err) : ch_step_show(step, has_cache ? '*' : '.');
}

static int decide(struct ch_step *step, const char *text, bool files)
{
	struct ch_err err;
	int rc = ch_stage_decide(step->stage, text, files, step->job->build->dry_run, &err);

	return rc < 0 ? ch_step_fail(step, &err) : 0;
}

CH_MOVES_BEGIN
/* What is made of nothing is for ARCH: without that, for what one builds for. */
static int from_scratch(struct ch_step *step, const char *arch)
{
	struct ch_vars_platform platform = step->job->target;
	struct ch_err err;

	if (arch && ch_vars_platform(arch, &platform, &err) < 0)
		return ch_step_fail(step, &err);

	int rc = from_known(step, NULL);

	if (rc < 0 || strcmp(platform.text, step->job->host.text) == 0)
		return rc;
	step->stage->meta.arch = strdup(platform.text + strlen(OS));
	return step->stage->meta.arch ? decide(step, platform.text, false) : ch_step_nomem(step);
}
CH_MOVES_END

static int begin(struct ch_step *step, const char *name, const char *arch)
{
	int number = ch_df_stage(step->df, name, step->instr->stage);
	bool is_scratch = strcmp(name, "scratch") == 0;
	int rc;

	if (number >= 0)
		return from_known(step, &step->job->stages[number]);
	rc = is_scratch ? from_scratch(step, arch) : from_image(step, name, arch);
	if (rc == 0 && step->stage->no_xattrs)
		rc = decide(step, "NO XATTRS", !is_scratch);
	return rc;
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
	/* Images of others say this: it could be more than one line. */
	if (rc == 0 && df.nstages > 1)
		rc = ch_df_fail_instr(&df, &df.instrs[0], from->err, -EINVAL,
				      "FROM cannot be behind ONBUILD");
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
		meta->arch = strdup(step->job->host.text + strlen(OS));
	if (!meta->cwd)
		meta->cwd = strdup("/");
	return meta->arch && meta->cwd ? 0 : ch_step_nomem(step);
}
CH_MOVES_END

int ch_do_from(struct ch_step *step)
{
	ch_auto(str) char *name = NULL, *arch = NULL;
	int rc = find_platform(step, &arch);

	if (rc == 0)
		rc = ch_step_expand(step, &step->instr->words[0], &name);
	if (rc == 0 && (!name || !*name))
		return ch_df_fail(step->df, &step->instr->words[0], 0, step->err, -EINVAL,
				  "no base image is left when variables are replaced");
	if (rc == 0)
		rc = set_args(step);
	if (rc == 0)
		rc = begin(step, name, arch);
	if (rc == 0)
		rc = set_defaults(step);
	return rc < 0 ? rc : do_triggers(step);
}
