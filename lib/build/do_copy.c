/* SPDX-License-Identifier: Apache-2.0 */
/* COPY and ADD. */
#include "build/step.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"
#include "build/copy.h"
#include "build/download.h"
#include "dockerfile/ignore.h"
#include "hash/hash.h"
#include "pull/pull.h"
#include "registry/fetch.h"
#include "sys/owner.h"

/* What the instruction says, expanded. */
struct words {
	struct ch_words paths; /* sources, then the destination */
	struct ch_words texts; /* of here-documents, in their order */
	char *chmod, *from, *checksum;
	struct ch_ignore exclude;
	struct ch_copy_source *sources;
	struct ch_download *downloads; /* of sources that are URLs */
	size_t n_downloads;
};

static void words_done(struct words *w)
{
	ch_words_done(&w->paths);
	ch_words_done(&w->texts);
	free(w->chmod);
	free(w->from);
	free(w->checksum);
	ch_ignore_done(&w->exclude);
	free(w->sources);
	for (size_t i = 0; i < w->n_downloads; i++)
		ch_download_done(&w->downloads[i]);
	free(w->downloads);
}

static int expand_heredoc(struct ch_step *step, const struct ch_df_heredoc *doc,
			  struct ch_words *texts)
{
	char *text = NULL;
	int rc = 0;

	if (doc->is_literal)
		ch_words_add(texts, doc->body.text);
	else
		rc = ch_step_expand(step, &doc->body, &text);
	if (rc == 0 && !doc->is_literal)
		ch_words_give(texts, text);
	return rc;
}

/* Words that stand for here-documents keep their names. */
static int expand_paths(struct ch_step *step, struct words *w)
{
	const struct ch_df_instr *instr = step->instr;
	int rc = 0;

	for (size_t i = 0; i < instr->nwords && rc == 0; i++) {
		const struct ch_df_heredoc *doc = ch_df_heredoc_of(instr, &instr->words[i]);
		char *text = NULL;

		if (doc) {
			ch_words_add(&w->paths, doc->name);
			rc = expand_heredoc(step, doc, &w->texts);
			continue;
		}
		rc = ch_step_expand(step, &instr->words[i], &text);
		if (rc == 0)
			ch_words_give(&w->paths, text);
	}
	if (rc == 0 && (w->paths.bad || w->texts.bad))
		rc = ch_step_nomem(step);
	return rc;
}

/* Once a build is enough. */
static void tell_chown(struct ch_step *step)
{
	const struct ch_shelf *shelf = &step->job->build->shelf;

	if (step->job->has_told || !ch_df_flag(step->instr, "chown"))
		return;
	step->job->has_told = true;
	ch_tell(&shelf->teller, CH_INFO, "--chown is ignored: all files belong to whoever builds");
}

static int expand_flags(struct ch_step *step, struct words *w)
{
	struct ch_err err;
	int rc = ch_step_flag(step, "chmod", &w->chmod);

	tell_chown(step);
	if (rc == 0)
		rc = ch_step_flag(step, "from", &w->from);
	if (rc == 0)
		rc = ch_step_flag(step, "checksum", &w->checksum);
	for (size_t i = 0; i < step->instr->nflags && rc == 0; i++) {
		ch_auto(str) char *pattern = NULL;

		if (strcmp(step->instr->flags[i].name, "exclude") != 0)
			continue;
		rc = ch_step_expand(step, &step->instr->flags[i].value, &pattern);
		if (rc == 0 && pattern && ch_ignore_add(&w->exclude, pattern, &err) < 0)
			rc = ch_step_fail(step, &err);
	}
	return rc;
}

static bool is_url(const char *text)
{
	return strstr(text, "://") != NULL;
}

/* What ADD gets from elsewhere. Of Git's repositories, that is not the files in them. */
static int check_url(struct ch_step *step, const char *url, size_t i)
{
	size_t n = strcspn(url, "?#");
	bool is_git = n > 4 && strncmp(url + n - 4, ".git", 4) == 0;

	if (step->instr->kind == CH_DF_ADD && ch_fetch_is_url(url) && !is_git)
		return 0;
	return ch_df_fail(step->df, &step->instr->words[i], 0, step->err, -ENOTSUP,
			  "'%s': sources have to be files of the context%s", url,
			  step->instr->kind == CH_DF_ADD ? ", or at URLs of http or https"
							 : "; see ADD");
}

/* Texts are in the order of the words that stand for them. */
static int list_sources(struct ch_step *step, struct words *w)
{
	size_t n = w->paths.n - 1;
	size_t doc = 0;

	w->sources = calloc(n, sizeof(*w->sources));
	if (!w->sources)
		return ch_step_nomem(step);
	for (size_t i = 0; i < n; i++) {
		w->sources[i].path = w->paths.v[i];
		if (is_url(w->paths.v[i]) && check_url(step, w->paths.v[i], i) < 0)
			return step->err->code;
		if (!ch_df_heredoc_of(step->instr, &step->instr->words[i]))
			continue;
		w->sources[i].text = w->texts.v[doc++];
		w->sources[i].len = strlen(w->sources[i].text);
	}
	return 0;
}

static int expand(struct ch_step *step, struct words *w)
{
	int rc = expand_flags(step, w);

	if (rc == 0)
		rc = expand_paths(step, w);
	return rc < 0 ? rc : list_sources(step, w);
}

/* The hash of what PLAN copies becomes a part of the key. */
static int add_hash(struct ch_step *step, const struct ch_copy_plan *plan, struct ch_err *err)
{
	uint8_t hash[CH_SHA256_BYTES];

	if (!step->job->build->shelf.cache)
		return 0;
	if (ch_copy_hash(plan, &step->job->hashes, hash, err) < 0)
		return err->code;
	ch_key_add(&step->key, hash, sizeof(hash));
	return 0;
}

int ch_step_see(struct ch_step *step, const char *path, struct ch_err *err)
{
	const struct ch_copy_source source = { .path = path, .is_literal = true };
	const struct ch_copy_request request = {
		.context = &step->job->context,
		.sources = &source,
		.n_sources = 1,
		.dest = "/",
	};
	ch_auto(copy_plan) struct ch_copy_plan plan = { 0 };
	int rc = ch_copy_plan(&request, &plan, err);

	return rc < 0 ? rc : add_hash(step, &plan, err);
}

/* Downloads with a checksum are known by that: the step has begun. */
int ch_step_copy(struct ch_step *step, const struct ch_copy_plan *plan)
{
	struct ch_err err;
	int rc = 0;

	if (!step->has_begun && add_hash(step, plan, &err) < 0)
		return ch_step_fail(step, &err);
	if (!step->has_begun)
		rc = ch_step_begin(step);
	if (rc == 0)
		rc = ch_step_ready(step);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	if (ch_copy_execute(plan, step->stage->draft.root, &err) < 0)
		return ch_step_fail(step, &err);
	return ch_step_end(step, true);
}

/* A copy from an image. */
struct transfer {
	const struct ch_copy_request *request;
	int root; /* where to */
};

static int transfer(void *data, struct ch_err *err)
{
	const struct transfer *t = data;
	ch_auto(copy_plan) struct ch_copy_plan plan = { 0 };
	int rc = ch_copy_plan(t->request, &plan, err);

	return rc < 0 ? rc : ch_copy_execute(&plan, t->root, err);
}

/* The step has begun. */
static int copy_of_image(struct ch_step *step, const struct ch_copy_request *request)
{
	struct ch_err err;
	int rc = ch_step_ready(step);

	if (rc != 0)
		return rc < 0 ? rc : 0;

	struct transfer t = { request, step->stage->draft.root };

	rc = transfer(&t, &err);
	/* Commands, as root, have made files that nobody may read. */
	if (rc == -EACCES)
		rc = ch_as_owner(transfer, &t, &err);
	return rc < 0 ? ch_step_fail(step, &err) : ch_step_end(step, true);
}

static int execute(struct ch_step *step, struct words *w, const struct ch_context *context)
{
	const struct ch_shelf *shelf = &step->job->build->shelf;
	const struct ch_df_flag *unpack = ch_df_flag(step->instr, "unpack");
	ch_auto(copy_plan) struct ch_copy_plan plan = { 0 };
	const struct ch_copy_request request = {
		.context = context,
		.sources = w->sources,
		.n_sources = w->paths.n - 1,
		.dest = w->paths.v[w->paths.n - 1],
		.workdir = step->stage->meta.cwd,
		.chmod = w->chmod,
		.exclude = w->exclude.n > 0 ? ch_context_by_rules : NULL,
		.exclude_data = &w->exclude,
		.parents = ch_df_flag_is_on(step->instr, "parents"),
		.unpack = step->instr->kind == CH_DF_ADD &&
			  (!unpack || ch_df_flag_is_on(step->instr, "unpack")),
		.unpack_downloads = ch_df_flag_is_on(step->instr, "unpack"),
		.teller = shelf->teller,
	};
	struct ch_err err;

	if (context->is_image)
		return copy_of_image(step, &request);
	if (ch_copy_plan(&request, &plan, &err) < 0)
		return ch_step_fail(step, &err);
	return ch_step_copy(step, &plan);
}

/* From a stage or an image: its files are not needed to know whether the result is. */
static int copy_from(struct ch_step *step, struct words *w)
{
	ch_auto(step_source) struct ch_step_source source = { 0 };
	ch_auto(context) struct ch_context context = CH_CONTEXT_INIT;
	struct ch_err err;
	int rc = ch_step_source(step, w->from, &source);

	if (rc == 0)
		rc = ch_step_begin(step);
	if (rc != 0 || step->job->build->dry_run)
		return rc < 0 ? rc : 0;

	int root = ch_step_source_open(step, &source);

	if (root < 0)
		return root;
	if (ch_context_of_image(root, w->from, &context, &err) < 0)
		return ch_step_fail(step, &err);
	return execute(step, w, &context);
}

static int download(struct ch_step *step, struct words *w, struct ch_copy_source *source)
{
	const struct ch_shelf *shelf = &step->job->build->shelf;
	bool no_verify = shelf->pull && shelf->pull->registry.flags & CH_REGISTRY_NO_VERIFY;
	struct ch_download *d = &w->downloads[w->n_downloads];
	struct ch_err err;

	*d = CH_DOWNLOAD_INIT;
	if (ch_download(source->path, w->checksum, no_verify, shelf->store, d, &err) < 0)
		return ch_step_fail(step, &err);
	source->download = d;
	w->n_downloads++;
	return 0;
}

static bool has_url(const struct words *w)
{
	for (size_t i = 0; i + 1 < w->paths.n; i++)
		if (is_url(w->paths.v[i]))
			return true;
	return false;
}

/* From the context, and by URL. By a checksum, the result is known without the file; a dry run does
 * not get it, to see what it is. */
static int copy_here(struct ch_step *step, struct words *w)
{
	size_t n = w->paths.n - 1;
	struct ch_err err;
	int rc = 0;

	if (w->checksum && (n > 1 || !is_url(w->paths.v[0]))) {
		ch_err_set(&err, -EINVAL, "--checksum is only for one source that is a URL");
		return ch_step_fail(step, &err);
	}
	if (w->checksum && ch_oci_digest_check(w->checksum, &err) < 0)
		return ch_step_fail(step, &err);
	w->downloads = calloc(n, sizeof(*w->downloads));
	if (!w->downloads)
		return ch_step_nomem(step);
	if (w->checksum || (step->job->build->dry_run && has_url(w)))
		rc = ch_step_begin(step);
	if (rc != 0 || (step->has_begun && step->job->build->dry_run))
		return rc < 0 ? rc : 0;
	for (size_t i = 0; i < n && rc == 0; i++)
		if (is_url(w->paths.v[i]))
			rc = download(step, w, &w->sources[i]);
	return rc < 0 ? rc : execute(step, w, &step->job->context);
}

int ch_do_copy(struct ch_step *step)
{
	struct words w = { 0 };
	int rc = expand(step, &w);

	if (rc == 0 && w.from)
		rc = copy_from(step, &w);
	else if (rc == 0)
		rc = copy_here(step, &w);
	words_done(&w);
	return rc;
}
