/* SPDX-License-Identifier: Apache-2.0 */
#include "build/step.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "build/base.h"
#include "build/vars.h"
#include "dockerfile/subst.h"
#include "pull/watch.h"
#include "store/store.h"

/* ---- errors --------------------------------------------------------------------------------- */

int ch_step_fail(struct ch_step *step, const struct ch_err *err)
{
	return ch_df_fail_instr(step->df, step->instr, step->err, err->code, "%s", err->msg);
}

int ch_step_nomem(struct ch_step *step)
{
	return ch_df_fail_instr(step->df, step->instr, step->err, -ENOMEM, "out of memory");
}

/* ---- words -------------------------------------------------------------------------------- */

static const char *get(const char *name, void *data)
{
	return ch_vars_get(data, name);
}

static void unset(const char *name, struct ch_df_pos pos, void *data)
{
	const struct ch_step *step = data;
	const struct ch_build *b = step->job->build;

	/* Places in what the base image says tell nobody anything. */
	if (step->df != b->df)
		ch_tell(&b->shelf.teller, CH_WARN,
			"ONBUILD of the base image: variable '%s' is not set", name);
	else
		ch_tell(&b->shelf.teller, CH_WARN, "%s:%u:%u: variable '%s' is not set", b->file,
			pos.line, pos.column, name);
}

int ch_step_expand(struct ch_step *step, const struct ch_df_word *word, char **ret_text)
{
	const struct ch_df_vars vars = { get, unset, step };

	*ret_text = NULL;
	if (word->text) {
		int rc = ch_df_expand(step->df, word, &vars, ret_text, step->err);

		if (rc < 0)
			return rc;
	}
	ch_key_text(&step->key, *ret_text);
	return 0;
}

int ch_step_flag(struct ch_step *step, const char *name, char **ret_text)
{
	const struct ch_df_flag *flag = ch_df_flag(step->instr, name);

	*ret_text = NULL;
	return flag ? ch_step_expand(step, &flag->value, ret_text) : 0;
}

int ch_step_words(struct ch_step *step, struct ch_words *ret)
{
	for (size_t i = 0; i < step->instr->nwords; i++) {
		char *text;
		int rc = ch_step_expand(step, &step->instr->words[i], &text);

		if (rc < 0)
			return rc;
		ch_words_give(ret, text);
	}
	return ret->bad ? ch_step_nomem(step) : 0;
}

static int expand_pair(struct ch_step *step, const struct ch_df_pair *pair, struct ch_words *ret)
{
	ch_auto(str) char *name = NULL;
	ch_auto(str) char *value = NULL;
	int rc = ch_step_expand(step, &pair->name, &name);

	if (rc == 0)
		rc = ch_step_expand(step, &pair->value, &value);
	if (rc < 0)
		return rc;
	if (!name || !*name || strchr(name, '='))
		return ch_df_fail(step->df, &pair->name, 0, step->err, -EINVAL,
				  "this is no name of a variable");
	ch_words_set(ret, name, value ? value : "");
	return 0;
}

int ch_step_pairs(struct ch_step *step, struct ch_words *ret)
{
	for (size_t i = 0; i < step->instr->npairs; i++) {
		int rc = expand_pair(step, &step->instr->pairs[i], ret);

		if (rc < 0)
			return rc;
	}
	return ret->bad ? ch_step_nomem(step) : 0;
}

/* ---- execution ---------------------------------------------------------------------------- */

/* The instruction as it is shown, and called in the cache. RUN says how root is emulated, for
 * the results differ. ret_text: malloc'ed; NULL if memory is short. */
static char *shown(const struct ch_step *step)
{
	const struct ch_df_instr *instr = step->instr;
	const char *keyword = ch_df_keyword(instr->kind);
	char *text;

	if (instr->kind != CH_DF_RUN)
		return strdup(instr->text);
	if (asprintf(&text, "%s.%c%s", keyword, ch_force_letter(step->job->build->force.mode),
		     instr->text + strlen(keyword)) < 0)
		return NULL;
	return text;
}

int ch_step_show(struct ch_step *step, char mark)
{
	ch_auto(str) char *text = shown(step);

	if (!text)
		return ch_step_nomem(step);
	ch_tell(&step->job->build->shelf.teller, CH_INFO, "%3u%c %s", step->number, mark, text);
	step->job->executed++;
	return 0;
}

int ch_step_begin(struct ch_step *step)
{
	struct ch_err err;

	step->has_begun = true;
	if (ch_watch_is_interrupted())
		return ch_df_fail_instr(step->df, step->instr, step->err, -EINTR, "interrupted");

	int found = ch_stage_find(step->stage, &step->key, &err);

	if (found < 0)
		return ch_step_fail(step, &err);

	int rc = ch_step_show(step, found ? '*' : '.');

	return rc < 0 ? rc : found;
}

int ch_step_ready(struct ch_step *step)
{
	struct ch_err err;

	if (step->job->build->dry_run)
		return 1;
	return ch_stage_ready(step->stage, &err) < 0 ? ch_step_fail(step, &err) : 0;
}

int ch_step_end(struct ch_step *step, bool files)
{
	ch_auto(str) char *text = shown(step);
	struct ch_err err;

	if (!text)
		return ch_step_nomem(step);
	if (step->job->build->dry_run)
		return 0;
	return ch_stage_keep(step->stage, text, files, &err) < 0 ? ch_step_fail(step, &err) : 0;
}

/* ---- others' files ------------------------------------------------------------------------ */

static void add_commit(struct ch_key *key, const struct ch_oid *commit)
{
	ch_key_add(key, commit->bytes, sizeof(commit->bytes));
}

/* Does a stage make the image REF? */
static bool is_ours(const struct ch_step *step, const struct ch_ref *ref)
{
	for (const struct ch_stage *s = step->job->stages; s <= step->stage; s++)
		if (strcmp(s->ref.text, ref->text) == 0)
			return true;
	return false;
}

/* Have the image REF, as ch_base_have. What is of our own name is an older one: not to be got from
 * elsewhere, only to be replaced. */
static int have(const struct ch_step *step, const struct ch_ref *ref, bool files,
		struct ch_err *err)
{
	const struct ch_shelf *shelf = &step->job->build->shelf;

	if (is_ours(step, ref) && !ch_store_has(shelf->store, ref))
		return ch_err_set(err, -EDEADLK,
				  "image '%s' is made by this build, and not in storage yet: "
				  "choose another --tag",
				  ref->text);
	return ch_base_have(shelf, ref, files, err);
}

/* The image REF becomes a part of the key; in a dry run it need not be there. */
static int add_image(struct ch_step *step, const struct ch_ref *ref, struct ch_err *err)
{
	const struct ch_build *b = step->job->build;
	ch_auto(stage) struct ch_stage image = CH_STAGE_INIT;
	int rc = b->dry_run ? 0 : have(step, ref, false, err);

	if (rc < 0 || !b->shelf.cache)
		return rc;
	image.shelf = &b->shelf;
	rc = ch_stage_from_image(&image, ref, err);
	if (rc >= 0)
		add_commit(&step->key, &image.commit);
	return rc == -ENOENT && b->dry_run ? 0 : rc < 0 ? rc : 0;
}

int ch_step_source(struct ch_step *step, const char *from, struct ch_step_source *ret_source)
{
	int number = ch_df_stage(step->job->build->df, from, step->instr->stage);
	struct ch_err err;

	*ret_source = (struct ch_step_source){ 0 };
	if (number >= 0) {
		ret_source->stage = &step->job->stages[number];
		add_commit(&step->key, &ret_source->stage->commit);
		return 0;
	}

	int rc = ch_ref_parse(from, &ret_source->ref, &err);

	if (rc == 0)
		rc = add_image(step, &ret_source->ref, &err);
	return rc < 0 ? ch_step_fail(step, &err) : 0;
}

int ch_step_source_open(struct ch_step *step, const struct ch_step_source *source)
{
	struct ch_store *store = step->job->build->shelf.store;
	struct ch_err err;
	int root;

	if (source->stage) {
		if (ch_stage_ready(source->stage, &err) < 0)
			return ch_step_fail(step, &err);
		root = fcntl(source->stage->draft.root, F_DUPFD_CLOEXEC, 3);
		if (root < 0)
			ch_err_sys(&err, "stage '%s'", source->stage->ref.text);
	} else {
		root = have(step, &source->ref, true, &err);
		if (root == 0)
			root = ch_store_read(store, &source->ref, &err);
	}
	return root < 0 ? ch_step_fail(step, &err) : root;
}

/* ---- dispatch ------------------------------------------------------------------------------- */

static int (*const functions[])(struct ch_step *) = {
	[CH_DF_ADD] = ch_do_copy,
	[CH_DF_ARG] = ch_do_arg,
	[CH_DF_CMD] = ch_do_cmd,
	[CH_DF_COPY] = ch_do_copy,
	[CH_DF_ENTRYPOINT] = ch_do_entrypoint,
	[CH_DF_ENV] = ch_do_env,
	[CH_DF_EXPOSE] = ch_do_expose,
	[CH_DF_FROM] = ch_do_from,
	[CH_DF_HEALTHCHECK] = ch_do_healthcheck,
	[CH_DF_LABEL] = ch_do_label,
	[CH_DF_MAINTAINER] = ch_do_maintainer,
	[CH_DF_ONBUILD] = ch_do_onbuild,
	[CH_DF_RSYNC] = ch_do_rsync,
	[CH_DF_RUN] = ch_do_run,
	[CH_DF_SHELL] = ch_do_shell,
	[CH_DF_STOPSIGNAL] = ch_do_stopsignal,
	[CH_DF_USER] = ch_do_user,
	[CH_DF_VOLUME] = ch_do_volume,
	[CH_DF_WORKDIR] = ch_do_workdir,
};

int ch_do(struct ch_job *job, struct ch_stage *stage, const struct ch_dockerfile *df,
	  const struct ch_df_instr *instr, unsigned number, struct ch_df_err *err)
{
	struct ch_step step = {
		.job = job,
		.stage = stage,
		.df = df,
		.instr = instr,
		.number = number,
		.key = CH_KEY_INIT,
		.err = err,
	};

	ch_df_key(instr, &step.key.buf);

	int rc = functions[instr->kind](&step);

	ch_buf_done(&step.key.buf);
	return rc;
}
