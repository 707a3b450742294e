/* SPDX-License-Identifier: Apache-2.0 */
#include "build/step.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"
#include "build/run.h"
#include "build/step_mounts.h"
#include "build/vars.h"
#include "pull/watch.h"
#include "store/store.h"

#define CACHES_DIR "mounts" /* of storage: --mount=type=cache */

/* What the instruction says, expanded, and what is found for it. */
struct words {
	struct ch_words argv, env;
	char *script; /* of a here-document that names its interpreter */
	struct ch_step_mounts mounts;
};

static void words_done(struct words *w)
{
	ch_step_mounts_done(&w->mounts);
	free(w->script);
	ch_words_done(&w->argv);
	ch_words_done(&w->env);
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
		.mounts = w->mounts.list,
		.n_mounts = w->mounts.n,
		.caches = caches,
		.interactive = is_interactive(step),
		.keeper = b->keeper,
		.start_s = b->start_s,
		.teller = b->shelf.teller,
		.stop = is_interrupted,
	};

	if (ch_force_run(&b->force, &what, &end, &err) < 0)
		return ch_step_fail(step, &err);
	return end.signal || end.status ? failed(step, &end) : 0;
}

static int execute(struct ch_step *step, struct words *w)
{
	int rc = ch_step_mounts_find(step, &w->mounts);

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
		rc = ch_step_mounts_read(step, &w->mounts);
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

	words_done(&w);
	return rc;
}
