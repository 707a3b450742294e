/* SPDX-License-Identifier: Apache-2.0 */
/* image_build.c - ch-image build: an image by a Dockerfile */
#include "image_build.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "dockerfile/dockerfile.h"
#include "dockerfile/err.h"
#include "image.h"
#include "image_ask.h"
#include "image_cache.h"
#include "image_registry.h"
#include "image_signals.h"
#include "image_log.h"
#include "rt/start.h"
#include "store/store.h"

/* ---- the Dockerfile -------------------------------------------------------------------------- */

static void source_done(struct ch_image_source *s)
{
	free(s->context);
	free(s->file);
	free(s->ignore);
	ch_buf_done(&s->text);
}

/* CONTEXT "-": the Dockerfile comes by standard input, and there is nothing to copy from. */
static int find_file(const struct ch_image_build *set, const char *context,
		     struct ch_image_source *ret, struct ch_err *err)
{
	if (strcmp(context, "-") == 0) {
		if (set->file)
			return ch_err_set(err, -EINVAL,
					  "--file: the Dockerfile is standard input already, by "
					  "CONTEXT '-'");
		ret->file = strdup("-");
		return ret->file ? 0 : ch_err_nomem(err);
	}
	if (strstr(context, "://"))
		return ch_err_set(err, -EINVAL,
				  "context '%s': only a directory of this machine can be one",
				  context);
	ret->context = realpath(context, NULL);
	if (!ret->context)
		return ch_err_sys(err, "context '%s'", context);
	if (set->file)
		ret->file = strdup(set->file);
	else if (strcmp(context, ".") == 0)
		ret->file = strdup("Dockerfile");
	else if (asprintf(&ret->file, "%s/Dockerfile",
			  context[strspn(context, "/")] ? context : "") < 0)
		ret->file = NULL;
	return ret->file ? 0 : ch_err_nomem(err);
}

/* It need not exist. */
static int name_ignore(struct ch_image_source *s, struct ch_err *err)
{
	if (strcmp(s->file, "-") == 0 || asprintf(&s->ignore, "%s.dockerignore", s->file) >= 0)
		return 0;
	s->ignore = NULL;
	return ch_err_nomem(err);
}

int ch_image_read_text(const char *what, const char *path, struct ch_buf *ret, struct ch_err *err)
{
	bool is_stdin = strcmp(path, "-") == 0;
	ch_auto(fd) int fd = is_stdin ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
				      : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	int rc;

	*ret = CH_BUF_INIT(CH_DF_MAX + 1);
	rc = fd < 0 ? -errno : ch_buf_read(ret, fd);
	if (rc < 0)
		return ch_err_rc(err, rc, "%s '%s'", what, path);
	if (ch_buf_bad(ret))
		return ch_err_set(err, -EFBIG, "%s '%s' is longer than %zu bytes", what, path,
				  CH_DF_MAX);
	return 0;
}

static int find_source(const struct ch_image_build *set, const char *context,
		       struct ch_image_source *ret, struct ch_err *err)
{
	if (find_file(set, context, ret, err) < 0 || !ret->file || name_ignore(ret, err) < 0)
		return err->code;
	return ch_image_read_text("Dockerfile", ret->file, &ret->text, err);
}

/* An error with a place is told here: the line that it is about, and a caret below it, follow
 * the message. */
static int show(const struct ch_df_err *df_err, const char *file, struct ch_err *err)
{
	ch_auto(buf) struct ch_buf text = CH_BUF_INIT(4096);
	char *rest;

	if (df_err->pos.line == 0)
		return ch_err_set(err, df_err->code, "%s", df_err->msg);
	ch_df_err_show(df_err, file, &text);
	if (!text.data)
		return ch_err_set(err, df_err->code, "%s", df_err->msg);
	rest = text.data + strcspn(text.data, "\n");
	if (*rest)
		*rest++ = '\0';
	ch_log(CH_ERROR, "%s", text.data);
	if (*rest)
		fprintf(stderr, "%s\n", rest);
	return ch_err_set(err, df_err->code, "%s", "");
}

static int print_tree(const struct ch_dockerfile *df, struct ch_err *err)
{
	ch_auto(buf) struct ch_buf text = CH_BUF_INIT(16 * CH_DF_MAX);

	ch_dockerfile_print(df, &text);
	if (ch_buf_bad(&text))
		return ch_err_nomem(err);
	fwrite(text.data, 1, text.len, stdout);
	return 0;
}

/* ---- build ------------------------------------------------------------------------------------
 */

static int read_force(const struct ch_image_build *set, struct ch_force *ret, struct ch_err *err)
{
	ret->no_detect = set->no_force_detect;
	if (set->has_force && ch_force_set(ret, set->force, err) < 0)
		return ch_image_wrong("force", err);
	for (size_t i = 0; i < set->force_cmds.n; i++)
		if (ch_force_add(ret, set->force_cmds.v[i], err) < 0)
			return ch_image_wrong("force-cmd", err);
	return 0;
}

static int run(const struct ch_image_build *set, const struct ch_image_source *s,
	       const struct ch_dockerfile *df, const char *tag, struct ch_err *err)
{
	ch_auto(store) struct ch_store *store = NULL;
	ch_auto(cache) struct ch_cache *cache = NULL;
	ch_auto(force) struct ch_force force = { 0 };
	ch_auto(image_asked) struct ch_image_asked asked = { 0 };
	struct ch_df_err df_err = { 0 };
	struct ch_pull_options pull;
	long start_s;

	if (read_force(set, &force, err) < 0 || ch_start_timeout(&start_s, err) < 0 ||
	    ch_image_storage(&set->common, &store, err) < 0 ||
	    ch_image_cache(&set->common, store, &cache, err) < 0)
		return err->code;

	pull = ch_image_pull_options(&set->common, store, &asked);

	struct ch_build build = {
		.df = df,
		.file = s->file,
		.context = s->context,
		.ignore = s->ignore,
		.tag = tag,
		.target = set->target,
		.args = set->args,
		.binds = set->binds,
		.force = force,
		.secrets = set->secrets,
		.interactive = set->interactive,
		.n_secrets = set->n_secrets,
		.dry_run = set->dry_run,
		.no_xattrs = ch_image_drops_xattrs(&set->common),
		.keeper = ch_start_keeper(KEEPER),
		.start_s = (int)start_s,
		.shelf = ch_image_shelf(&set->common, store, cache),
	};

	build.shelf.pull = &pull;

	int rc = ch_build(&build, &df_err);

	ch_image_log_again();
	if (rc < 0)
		return show(&df_err, s->file, err);
	return set->dry_run ? 0 : ch_image_cache_tidy(&set->common, cache, err);
}

/* Whoever interrupts a build wants nothing to be left: signals that end us wait until that is so.
 * Between instructions, and while commands run, they are looked for. */
static int run_to_end(const struct ch_image_build *set, const struct ch_image_source *s,
		      const struct ch_dockerfile *df, const char *tag, struct ch_err *err)
{
	sigset_t before;
	int rc;

	ch_image_signals_hold(&before);
	rc = run(set, s, df, tag, err);
	ch_image_signals_release(&before);
	return rc;
}

int ch_image_build_source(const struct ch_image_build *set, const struct ch_image_source *source,
			  const char *tag, struct ch_err *err)
{
	const char *text = source->text.data ? source->text.data : "";
	ch_auto(dockerfile) struct ch_dockerfile df = { 0 };
	struct ch_df_err df_err = { 0 };

	if (ch_dockerfile_parse(text, source->text.len, &df, &df_err) < 0)
		return show(&df_err, source->file, err);
	return set->parse_only ? print_tree(&df, err) : run_to_end(set, source, &df, tag, err);
}

static int build(const struct ch_image_build *set, const struct ch_image_source *s,
		 struct ch_err *err)
{
	ch_auto(str) char *tag = NULL;

	if (set->tag || set->parse_only)
		return ch_image_build_source(set, s, set->tag, err);
	if (ch_build_tag(s->file, s->context, &tag, err) < 0)
		return err->code;
	ch_log(CH_INFO, "inferred image name: %s", tag);
	return ch_image_build_source(set, s, tag, err);
}

int ch_image_build(void *settings, int argc, char **argv, struct ch_err *err)
{
	struct ch_image_source s = { 0 };
	int rc = find_source(settings, argc > 0 ? argv[0] : ".", &s, err);

	if (rc == 0)
		rc = build(settings, &s, err);
	source_done(&s);
	return rc;
}
