/* SPDX-License-Identifier: Apache-2.0 */
#include "build/build.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"
#include "build/step.h"
#include "pull/pull.h"
#include "store/store.h"

#define HASHES_DIR  "hashes" /* of storage: contents of files of contexts */
#define HASHES_FILE "context"

/* ERR, which has no place in the Dockerfile. */
static int fail(struct ch_df_err *ret, const struct ch_err *err)
{
	*ret = (struct ch_df_err){ .code = err->code };
	snprintf(ret->msg, sizeof(ret->msg), "%.*s", (int)sizeof(ret->msg) - 1, err->msg);
	return err->code;
}

/* ---- which stages ------------------------------------------------------------------------- */

/* A stage that NAME may mean. Names with variables, and quotes, may mean any. */
static void want(const struct ch_dockerfile *df, const char *name, unsigned before, bool *wanted)
{
	const char special[] = { '$', '"', '\'', df->escape, '\0' };
	int number = ch_df_stage(df, name, before);

	if (number >= 0)
		wanted[number] = true;
	for (unsigned i = 0; i < before && strpbrk(name, special); i++)
		wanted[i] = true;
}

static void want_sources(const struct ch_dockerfile *df, const struct ch_df_instr *i, bool *wanted)
{
	const struct ch_df_flag *from = ch_df_flag(i, "from");

	if (i->kind == CH_DF_FROM)
		want(df, i->words[0].text, i->stage, wanted);
	else if (from && from->value.text)
		want(df, from->value.text, i->stage, wanted);
	for (size_t m = 0; m < i->nmounts; m++)
		if (i->mounts[m].from.text)
			want(df, i->mounts[m].from.text, i->stage, wanted);
}

/* LAST, and all that it needs: those are in front of it. */
static void find_wanted(const struct ch_dockerfile *df, unsigned last, bool *wanted)
{
	wanted[last] = true;
	for (size_t i = df->n; i-- > 0;)
		if (wanted[df->instrs[i].stage] && !df->instrs[i].is_global)
			want_sources(df, &df->instrs[i], wanted);
}

static int find_last(const struct ch_build *b, unsigned *ret_last, struct ch_err *err)
{
	int number;

	*ret_last = b->df->nstages - 1;
	if (!b->target)
		return 0;
	number = ch_df_stage(b->df, b->target, b->df->nstages);
	if (number < 0)
		return ch_err_set(err, -ENOENT, "--target: '%s' has no stage '%s'", b->file,
				  b->target);
	*ret_last = (unsigned)number;
	return 0;
}

/* ---- stages ---------------------------------------------------------------------------------- */

/* The last one becomes the image, the others TAG_stageN: they may be used by name. */
static int name_stages(struct ch_job *job, unsigned last, struct ch_err *err)
{
	const struct ch_build *b = job->build;

	job->claim.ref = &job->stages[last].ref;
	for (unsigned i = 0; i <= last; i++) {
		ch_auto(str) char *text = NULL;

		job->stages[i] = CH_STAGE_INIT;
		job->stages[i].shelf = &b->shelf;
		job->stages[i].claim = &job->claim;
		job->stages[i].no_xattrs = b->no_xattrs;
		if (i == last)
			text = strdup(b->tag);
		else if (asprintf(&text, "%s_stage%u", b->tag, i) < 0)
			text = NULL;
		if (!text)
			return ch_err_nomem(err);
		if (ch_ref_parse(text, &job->stages[i].ref, err) < 0)
			return err->code;
	}
	return 0;
}

static int execute(struct ch_job *job, unsigned last, const bool *wanted, struct ch_df_err *err)
{
	const struct ch_dockerfile *df = job->build->df;
	int rc = 0;

	for (size_t i = 0; i < df->n && rc == 0; i++) {
		const struct ch_df_instr *instr = &df->instrs[i];

		if (instr->stage > last || (!instr->is_global && !wanted[instr->stage]))
			continue;
		rc = ch_do(job, &job->stages[instr->stage], df, instr, (unsigned)i + 1, err);
	}
	return rc;
}

/* Stages whose files were not needed are in the cache only. */
static int finish(struct ch_job *job, unsigned last, const bool *wanted, struct ch_err *err)
{
	int rc = 0;

	for (unsigned i = 0; i <= last && rc == 0 && !job->build->dry_run; i++)
		if (wanted[i] && (i == last || job->stages[i].is_ready))
			rc = ch_stage_finish(&job->stages[i], err);
	return rc;
}

/* Has DF an ARG called NAME, in whatever stage? It need not have been executed. */
static bool has_arg(const struct ch_dockerfile *df, const char *name)
{
	for (const struct ch_df_instr *i = df->instrs; i < df->instrs + df->n; i++)
		for (size_t p = 0; i->kind == CH_DF_ARG && p < i->npairs; p++)
			if (strcmp(i->pairs[p].name.text, name) == 0)
				return true;
	return false;
}

static int check_args(const struct ch_job *job, struct ch_err *err)
{
	const struct ch_words *args = &job->build->args;

	for (size_t i = 0; i < args->n; i++) {
		ch_auto(str) char *name = strndup(args->v[i], strcspn(args->v[i], "="));

		if (!name)
			return ch_err_nomem(err);
		if (!job->used[i] && !ch_vars_is_passed(name) && !has_arg(job->build->df, name))
			return ch_err_set(err, -EINVAL, "--build-arg: '%s' has no ARG '%s'",
					  job->build->file, name);
	}
	return 0;
}

static void tell_end(const struct ch_job *job, unsigned last)
{
	const struct ch_shelf *shelf = &job->build->shelf;

	ch_tell(&shelf->teller, CH_INFO, "%s in %u instruction%s: %s",
		job->build->dry_run ? "would be grown" : "grown", job->executed,
		job->executed == 1 ? "" : "s", job->stages[last].ref.text);
}

static int run_stages(struct ch_job *job, unsigned last, struct ch_df_err *ret)
{
	const struct ch_dockerfile *df = job->build->df;
	ch_auto(mem) bool *wanted = calloc(df->nstages, sizeof(*wanted));
	struct ch_err err;

	if (!wanted) {
		ch_err_nomem(&err);
		return fail(ret, &err);
	}
	find_wanted(df, last, wanted);
	if (name_stages(job, last, &err) < 0)
		return fail(ret, &err);

	int rc = execute(job, last, wanted, ret);

	if (rc < 0)
		return rc;
	if (check_args(job, &err) < 0 || finish(job, last, wanted, &err) < 0)
		return fail(ret, &err);
	tell_end(job, last);
	return 0;
}

/* ---- the context ------------------------------------------------------------------------------
 */

static int open_context(struct ch_job *job, struct ch_err *err)
{
	const struct ch_build *b = job->build;

	if (!b->context)
		return 0;
	if (ch_context_open(b->context, &job->context, err) < 0)
		return err->code;
	return ch_context_read_rules(&job->context, b->ignore, err);
}

/* ---- all of it --------------------------------------------------------------------------------
 */

static int prepare(struct ch_job *job, unsigned *ret_last, struct ch_err *err)
{
	const struct ch_build *b = job->build;

	if (ch_vars_platform(NULL, &job->host, err) < 0 ||
	    ch_vars_platform(b->shelf.pull ? b->shelf.pull->arch : NULL, &job->target, err) < 0)
		return err->code;
	job->stages = calloc(b->df->nstages, sizeof(*job->stages));
	job->used = calloc(b->args.n + 1, sizeof(*job->used));
	if (!job->stages || !job->used)
		return ch_err_nomem(err);
	for (unsigned i = 0; i < b->df->nstages; i++)
		job->stages[i] = CH_STAGE_INIT;
	if (find_last(b, ret_last, err) < 0)
		return err->code;
	return open_context(job, err);
}

static void job_done(struct ch_job *job)
{
	for (unsigned i = 0; job->stages && i < job->build->df->nstages; i++)
		ch_stage_done(&job->stages[i]);
	ch_auto_claim(&job->claim);
	free(job->stages);
	free(job->used);
	ch_words_done(&job->args);
	ch_statcache_done(&job->hashes);
	ch_context_done(&job->context);
}

int ch_build(const struct ch_build *build, struct ch_df_err *ret)
{
	struct ch_job job = { .build = build, .context = CH_CONTEXT_INIT };
	struct ch_err err = { 0 };
	unsigned last = 0;
	int rc = 0;
	ch_auto(fd) int dir = ch_store_dir(build->shelf.store, HASHES_DIR, &err);

	if (dir < 0 || ch_statcache_load(dir, HASHES_FILE, &job.hashes, &err) < 0 ||
	    prepare(&job, &last, &err) < 0)
		rc = fail(ret, &err);
	if (rc == 0)
		rc = run_stages(&job, last, ret);
	/* Hashes are true, whatever became of the build. */
	if (dir >= 0 && ch_statcache_save(&job.hashes, dir, HASHES_FILE, &err) < 0 && rc == 0)
		rc = fail(ret, &err);
	job_done(&job);
	return rc;
}
