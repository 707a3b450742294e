/* SPDX-License-Identifier: Apache-2.0 */
#include "build/step.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "build/mount.h"
#include "build/run.h"
#include "build/vars.h"
#include "pull/watch.h"
#include "store/store.h"

#define CACHES_DIR "mounts" /* of storage: --mount=type=cache */
#define SECRET_MAX (512UL << 10)

/* What the instruction says, expanded, and what is found for it. */
struct words {
	struct ch_words argv, env;
	char *script;			/* of a here-document that names its interpreter */
	struct ch_run_mount *mounts;	/* as many as the instruction has */
	struct ch_step_source *sources; /* of each; of bind mounts with "from" only */
	struct ch_words kept;		/* paths, secrets */
	int *roots;			/* of each; open directories of bind mounts, or -1 */
};

static void words_done(const struct ch_step *step, struct words *w)
{
	for (size_t i = 0; i < step->instr->nmounts; i++) {
		if (w->mounts)
			ch_run_mount_done(&w->mounts[i]);
		if (w->sources)
			ch_ref_done(&w->sources[i].ref);
		if (w->roots)
			ch_auto_fd(&w->roots[i]);
	}
	free(w->mounts);
	free(w->sources);
	free(w->roots);
	free(w->script);
	ch_words_done(&w->argv);
	ch_words_done(&w->env);
	ch_words_done(&w->kept);
}

/* ---- the command ------------------------------------------------------------------------ */

static void add_shell(const struct ch_oci_meta *meta, struct ch_words *argv)
{
	if (meta->shell.n > 0) {
		ch_words_join(argv, &meta->shell);
		return;
	}
	ch_words_add(argv, "/bin/sh");
	ch_words_add(argv, "-c");
}

/* Exec form as it is; shell form by SHELL; a script that is nothing but a here-document by
 * the interpreter it names. */
static int make_argv(struct ch_step *step, struct words *w)
{
	const struct ch_df_instr *run = step->instr;
	struct ch_err err;
	char *text;

	if (run->is_json) {
		for (size_t i = 0; i < run->nwords; i++)
			ch_words_add(&w->argv, run->words[i].text);
		return w->argv.bad ? ch_step_nomem(step) : 0;
	}
	if (ch_df_run_script(run, &text, &err) < 0)
		return ch_step_fail(step, &err);
	if (ch_df_is_script(run) && strncmp(text, "#!", 2) == 0) {
		w->script = text;
		return 0;
	}
	add_shell(&step->stage->meta, &w->argv);
	ch_words_give(&w->argv, text);
	return w->argv.bad ? ch_step_nomem(step) : 0;
}

/* How root is emulated; and ARG, which is not a part of the stage's state where it is of another
 * stage. */
static void add_rest(struct ch_step *step)
{
	const struct ch_force *force = &step->job->build->force;
	const struct ch_words *args = &step->job->args;
	char letter = ch_force_letter(force->mode);

	ch_key_add(&step->key, &letter, 1);
	for (size_t i = 0; i < force->cmds.n; i++)
		ch_key_text(&step->key, force->cmds.v[i]);
	for (size_t i = 0; i < args->n; i++) {
		ch_auto(str) char *name = strndup(args->v[i], strcspn(args->v[i], "="));

		step->key.buf.bad |= !name;
		if (name)
			ch_key_text(&step->key, ch_vars_is_passed(name) ? name : args->v[i]);
	}
}

/* ---- mounts: what they say ------------------------------------------------------------------ */

static enum ch_run_mount_kind kind_of(enum ch_df_mount_type type)
{
	switch (type) {
	case CH_DF_MOUNT_CACHE:
		return CH_RUN_MOUNT_CACHE;
	case CH_DF_MOUNT_SECRET:
		return CH_RUN_MOUNT_SECRET;
	case CH_DF_MOUNT_SSH:
		return CH_RUN_MOUNT_SSH;
	case CH_DF_MOUNT_TMPFS:
		return CH_RUN_MOUNT_TMPFS;
	case CH_DF_MOUNT_BIND:
		break;
	}
	return CH_RUN_MOUNT_BIND;
}

static enum ch_run_sharing sharing_of(enum ch_df_sharing sharing)
{
	switch (sharing) {
	case CH_DF_PRIVATE:
		return CH_RUN_PRIVATE;
	case CH_DF_LOCKED:
		return CH_RUN_LOCKED;
	case CH_DF_SHARED:
		break;
	}
	return CH_RUN_SHARED;
}

/* TEXT, else a copy of what is usual. */
static int set_default(struct ch_step *step, char **text, const char *usual)
{
	if (!*text && usual)
		*text = strdup(usual);
	return *text || !usual ? 0 : ch_step_nomem(step);
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Cache directories are called after where they are; secrets' files after them. */
static int set_defaults(struct ch_step *step, struct ch_run_mount *m)
{
	switch (m->kind) {
	case CH_RUN_MOUNT_BIND:
		return set_default(step, &m->source, "/");
	case CH_RUN_MOUNT_CACHE:
		return set_default(step, &m->id, m->target);
	case CH_RUN_MOUNT_SECRET:
		return set_default(step, &m->id, m->target ? last_part(m->target) : "");
	case CH_RUN_MOUNT_SSH:
		return set_default(step, &m->id, "default");
	case CH_RUN_MOUNT_TMPFS:
		break;
	}
	return 0;
}

static int read_mount(struct ch_step *step, const struct ch_df_mount *from, struct ch_run_mount *m)
{
	const struct {
		const struct ch_df_word *word;
		char **place;
	} texts[] = {
		{ &from->target, &m->target }, { &from->id, &m->id },	{ &from->from, &m->from },
		{ &from->source, &m->source }, { &from->env, &m->env },
	};
	int rc = 0;

	m->kind = kind_of(from->type);
	m->sharing = sharing_of(from->sharing);
	m->writable = !from->is_ro;
	m->required = from->is_required;
	m->size = from->size > 0 ? (uint64_t)from->size : 0;
	m->mode = from->mode >= 0		  ? (mode_t)from->mode
		  : m->kind == CH_RUN_MOUNT_CACHE ? 0755
						  : 0400;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]) && rc == 0; i++)
		rc = ch_step_expand(step, texts[i].word, texts[i].place);
	return rc < 0 ? rc : set_defaults(step, m);
}

/* The files that a mount shows decide what the command does: they are a part of the key. */
static int key_mount(struct ch_step *step, const struct ch_df_mount *from, struct ch_run_mount *m,
		     struct ch_step_source *ret_source)
{
	struct ch_err err;

	if (m->kind == CH_RUN_MOUNT_CACHE && (m->from || m->source))
		return ch_df_fail(step->df, &from->flag, 0, step->err, -ENOTSUP,
				  "--mount: caches begin empty: '%s' is not possible",
				  m->from ? "from" : "source");
	if (m->kind != CH_RUN_MOUNT_BIND)
		return 0;
	if (m->from)
		return ch_step_source(step, m->from, ret_source);
	if (!step->job->build->context)
		return ch_df_fail(step->df, &from->flag, 0, step->err, -ENOENT,
				  "there is no context to mount: it is '-'");
	if (ch_step_see(step, m->source, &err) < 0)
		return ch_df_fail(step->df, &from->flag, 0, step->err, err.code, "--mount: %s",
				  err.msg);
	return 0;
}

static int read_mounts(struct ch_step *step, struct words *w)
{
	size_t n = step->instr->nmounts;
	int rc = 0;

	if (n == 0)
		return 0;
	w->mounts = calloc(n, sizeof(*w->mounts));
	w->sources = calloc(n, sizeof(*w->sources));
	w->roots = calloc(n, sizeof(*w->roots));
	if (!w->mounts || !w->sources || !w->roots)
		return ch_step_nomem(step);
	for (size_t i = 0; i < n; i++)
		w->roots[i] = -1;
	for (size_t i = 0; i < n && rc == 0; i++) {
		rc = read_mount(step, &step->instr->mounts[i], &w->mounts[i]);
		if (rc == 0)
			rc = key_mount(step, &step->instr->mounts[i], &w->mounts[i],
				       &w->sources[i]);
	}
	return rc;
}

/* ---- mounts: what is found for them --------------------------------------------------------- */

/* Directory FD as a path, for the container's maker: it is a child of ours, so that it is open
 * there, too, only under our name. */
static int path_of(struct ch_step *step, int fd, struct words *w, const char **ret)
{
	char *path;

	if (asprintf(&path, "/proc/%d/fd/%d", (int)getpid(), fd) < 0)
		path = NULL;
	ch_words_give(&w->kept, path);
	*ret = path;
	return path ? 0 : ch_step_nomem(step);
}

static int find_bind(struct ch_step *step, struct words *w, size_t i)
{
	struct ch_run_mount *m = &w->mounts[i];

	if (!m->from) {
		m->root = step->job->build->context;
		return 0;
	}
	w->roots[i] = ch_step_source_open(step, &w->sources[i]);
	return w->roots[i] < 0 ? w->roots[i] : path_of(step, w->roots[i], w, &m->root);
}

static int read_secret(const char *path, struct ch_buf *ret, struct ch_err *err)
{
	ch_auto(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	char part[4096];
	ssize_t n;

	if (fd < 0)
		return ch_err_sys(err, "secret '%s'", path);
	while ((n = read(fd, part, sizeof(part))) > 0 && !ch_buf_bad(ret))
		ch_buf_add(ret, part, (size_t)n);
	if (n < 0)
		return ch_err_sys(err, "secret '%s'", path);
	if (ch_buf_bad(ret))
		return ch_err_set(err, -EFBIG, "secret '%s': more than %lu bytes", path,
				  SECRET_MAX);
	return 0;
}

/* It stays in memory; never in a key. */
static int find_secret(struct ch_step *step, struct words *w, struct ch_run_mount *m)
{
	const struct ch_build *b = step->job->build;
	ch_auto(buf) struct ch_buf text = CH_BUF_INIT(SECRET_MAX);
	struct ch_err err;
	char *data;

	for (size_t i = 0; i < b->n_secrets; i++) {
		const struct ch_build_secret *s = &b->secrets[i];

		if (strcmp(s->id, m->id) != 0)
			continue;
		if (s->path && read_secret(s->path, &text, &err) < 0)
			return ch_step_fail(step, &err);
		if (s->env && getenv(s->env))
			ch_buf_adds(&text, getenv(s->env));
		m->len = text.len;
		if (ch_buf_take(&text, &data) < 0)
			return ch_step_nomem(step);
		ch_words_give(&w->kept, data);
		m->data = data;
		break;
	}
	return w->kept.bad ? ch_step_nomem(step) : 0;
}

static int find_mounts(struct ch_step *step, struct words *w)
{
	int rc = 0;

	for (size_t i = 0; i < step->instr->nmounts && rc == 0; i++) {
		if (w->mounts[i].kind == CH_RUN_MOUNT_BIND)
			rc = find_bind(step, w, i);
		else if (w->mounts[i].kind == CH_RUN_MOUNT_SECRET)
			rc = find_secret(step, w, &w->mounts[i]);
		else if (w->mounts[i].kind == CH_RUN_MOUNT_SSH)
			w->mounts[i].socket = getenv("SSH_AUTH_SOCK");
	}
	return rc;
}

/* ---- execution ---------------------------------------------------------------------------- */

static bool is_interactive(const struct ch_step *step)
{
	const struct ch_build *b = step->job->build;

	return b->interactive && step->instr == &b->df->instrs[b->df->n - 1];
}

/* What the command said is on the terminal. */
static int failed(struct ch_step *step, const struct ch_run_end *end)
{
	struct ch_err err;

	if (end->signal)
		ch_err_set(&err, -ECHILD, "RUN: the command was killed by signal %d (%s)",
			   end->signal, strsignal(end->signal));
	else
		ch_err_set(&err, -ECHILD, "RUN: the command exited with status %d", end->status);
	return ch_step_fail(step, &err);
}

static bool is_interrupted(void *data)
{
	(void)data;
	return ch_watch_is_interrupted();
}

static int run(struct ch_step *step, struct words *w)
{
	const struct ch_build *b = step->job->build;
	ch_auto(run_end) struct ch_run_end end = { 0 };
	ch_auto(str) char *caches = NULL;
	struct ch_err err;

	if (asprintf(&caches, "%s/" CACHES_DIR, ch_store_where(b->shelf.store)) < 0) {
		caches = NULL;
		return ch_step_nomem(step);
	}

	const struct ch_run what = {
		.image = step->stage->draft.path,
		.argv = w->argv.v,
		.env = w->env.v,
		.cwd = step->stage->meta.cwd,
		.script = w->script,
		.tmp = "/tmp",
		.binds = &b->binds,
		.mounts = w->mounts,
		.n_mounts = step->instr->nmounts,
		.caches = caches,
		.interactive = is_interactive(step),
		.keeper = b->keeper,
		.start_s = b->start_s,
		.tell = b->shelf.tell,
		.stop = is_interrupted,
		.data = b->shelf.data,
	};

	if (ch_force_run(&b->force, &what, &end, &err) < 0)
		return ch_step_fail(step, &err);
	return end.signal || end.status ? failed(step, &end) : 0;
}

static int execute(struct ch_step *step, struct words *w)
{
	int rc = find_mounts(step, w);

	ch_vars_environment(step, &w->env);
	if (is_interactive(step) && getenv("TERM"))
		ch_words_set(&w->env, "TERM", getenv("TERM"));
	if (rc == 0 && w->env.bad)
		rc = ch_step_nomem(step);
	return rc < 0 ? rc : run(step, w);
}

/* What an ordinary user cannot have, and what makes no difference here. */
static int check_flags(struct ch_step *step)
{
	static const struct {
		const char *flag, *usual, *other, *why; /* all but what is usual is refused */
	} rules[] = {
		{ "network", "default", "host", "containers have the network of the host" },
		{ "security", "sandbox", "", "nobody gets privileges that the user does not have" },
		{ "device", "", "", "bind devices: ch-image build --bind" },
	};

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		const struct ch_df_flag *flag = ch_df_flag(step->instr, rules[i].flag);
		ch_auto(str) char *value = NULL;
		int rc = ch_step_flag(step, rules[i].flag, &value);

		if (rc < 0)
			return rc;
		if (value && strcmp(value, rules[i].usual) != 0 &&
		    strcmp(value, rules[i].other) != 0)
			return ch_df_fail(step->df, &flag->value, 0, step->err, -ENOTSUP,
					  "--%s=%s: %s", rules[i].flag, value, rules[i].why);
	}
	return 0;
}

static int do_run(struct ch_step *step, struct words *w)
{
	int rc = check_flags(step);

	if (rc == 0)
		rc = make_argv(step, w);
	if (rc == 0)
		rc = read_mounts(step, w);
	add_rest(step);
	if (is_interactive(step))
		ch_key_unique(&step->key);
	if (rc == 0)
		rc = ch_step_begin(step);
	if (rc == 0)
		rc = ch_step_ready(step);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	rc = execute(step, w);
	return rc < 0 ? rc : ch_step_end(step, true);
}

int ch_do_run(struct ch_step *step)
{
	struct words w = { 0 };
	int rc = do_run(step, &w);

	words_done(step, &w);
	return rc;
}
