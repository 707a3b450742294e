/* SPDX-License-Identifier: Apache-2.0 */
#include "build/force.h"

#include <errno.h>
#include <regex.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/text.h"
#include "build/force_distro.h"
#include "build/force_words.h"
#include "build/run.h"

static const struct {
	const char *name;
	char letter;
} modes[] = {
	[CH_FORCE_SECCOMP] = { "seccomp", 'S' },
	[CH_FORCE_FAKEROOT] = { "fakeroot", 'F' },
	[CH_FORCE_NONE] = { "none", 'N' },
};

int ch_force_set(struct ch_force *force, const char *arg, struct ch_err *err)
{
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (strcmp(arg ? arg : modes[CH_FORCE_SECCOMP].name, modes[i].name) == 0) {
			force->mode = (enum ch_force_mode)i;
			return 0;
		}
	return ch_err_set(err, -EINVAL, "'%s' is none of seccomp, fakeroot, none", arg);
}

int ch_force_add(struct ch_force *force, const char *arg, struct ch_err *err)
{
	ch_auto(words) struct ch_words cmd = { 0 };

	if (ch_force_split(arg, &cmd, err) < 0)
		return err->code;
	ch_words_add(&force->cmds, arg);
	force->mode = CH_FORCE_SECCOMP;
	return force->cmds.bad ? ch_err_nomem(err) : 0;
}

char ch_force_letter(enum ch_force_mode mode)
{
	return modes[mode].letter;
}

void ch_force_done(struct ch_force *force)
{
	ch_words_done(&force->cmds);
	*force = (struct ch_force){ 0 };
}

/* ---- telling -------------------------------------------------------------------------- */

/* What is executed in place of what was written. */
static void tell_command(const struct ch_run *run)
{
	char words[800];

	ch_text_quote_words(run->argv, words, sizeof(words));
	ch_tell(&run->teller, CH_INFO, "--force: RUN: new command: %s%s",
		run->fakeroot ? "fakeroot " : "", words);
}

static bool has_any_word(const struct ch_run *run, const struct ch_force_distro *d)
{
	for (size_t i = 0; d && i < CH_FORCE_WORDS && d->words[i]; i++)
		if (ch_force_has_word_in(run->argv, d->words[i]) ||
		    (run->script && ch_force_has_word(run->script, d->words[i])))
			return true;
	return false;
}

/* ---- advice ---------------------------------------------------------------------------- */

/* What programs say when one of the calls that are emulated is refused. */
static const char symptoms[] = "(ch(own|grp)|mknod|setgroups|initgroups|set(e|re|res|fs)?[ug]id|"
			       "owner|cpio|setuid|privil).*"
			       "(not permitted|invalid argument|failed)|cpio: chown";

static bool has_symptoms(const char *tail)
{
	regex_t regex;

	if (regcomp(&regex, symptoms, REG_EXTENDED | REG_ICASE | REG_NEWLINE | REG_NOSUB) != 0)
		return false;

	bool has = regexec(&regex, tail, 0, NULL, 0) == 0;

	regfree(&regex);
	return has;
}

/* RUN failed: would another mode have helped? */
static void advise(const struct ch_force *force, const struct ch_run *run,
		   const struct ch_run_end *end)
{
	bool is_likely = has_symptoms(end->tail);

	if (force->no_detect || (end->status == 0 && end->signal == 0))
		return;
	if (force->mode == CH_FORCE_NONE &&
	    (is_likely || has_any_word(run, ch_force_distro_find(run->image))))
		ch_tell(&run->teller, CH_INFO, "RUN failed without root emulation: try --force");
	else if (force->mode == CH_FORCE_FAKEROOT && is_likely)
		ch_tell(&run->teller, CH_INFO,
			"RUN failed %s: try --force=seccomp, which is for all programs",
			run->fakeroot ? "although by fakeroot(1)" : "without fakeroot(1)");
	else if (force->mode == CH_FORCE_SECCOMP && is_likely)
		ch_tell(&run->teller, CH_INFO,
			"RUN failed although with root emulation, which keeps no owners: try "
			"--force=fakeroot, which does");
}

/* ---- seccomp --------------------------------------------------------------------------- */

static int run_it(const struct ch_force *force, const struct ch_run *run,
		  struct ch_run_end *ret_end, struct ch_err *err)
{
	int rc = ch_run_command(run, ret_end, err);

	if (rc == 0)
		advise(force, run, ret_end);
	return rc;
}

/* With --force-cmd number I and those behind it inserted. */
static int run_with_cmds(const struct ch_force *force, size_t i, const struct ch_run *run,
			 struct ch_run_end *ret_end, struct ch_err *err)
{
	ch_auto(words) struct ch_words cmd = { 0 };
	ch_auto(words) struct ch_words argv = { 0 };
	ch_auto(str) char *script = NULL;
	struct ch_run changed = *run;

	if (i == force->cmds.n)
		return run_it(force, run, ret_end, err);
	if (ch_force_split(force->cmds.v[i], &cmd, err) < 0)
		return err->code;

	bool has = ch_force_has_word_in(run->argv, cmd.v[0]);

	if (ch_force_insert_words(run->argv, &cmd, &argv, err) < 0)
		return err->code;
	if (run->script && ch_force_insert(run->script, &cmd, &script, err) < 0)
		return err->code;
	changed.argv = argv.v;
	changed.script = script;
	if (has)
		tell_command(&changed);
	return run_with_cmds(force, i + 1, &changed, ret_end, err);
}

/* ---- fakeroot ---------------------------------------------------------------------------- */

/* A command of ours in the image of RUN. Returns whether it succeeded, or an error. */
static int run_step(const struct ch_run *run, const char *text, bool silent, struct ch_err *err)
{
	ch_auto(run_end) struct ch_run_end end = { 0 };
	ch_auto(words) struct ch_words argv = { 0 };
	struct ch_run step = *run;

	ch_words_add(&argv, "/bin/sh");
	ch_words_add(&argv, "-c");
	ch_words_add(&argv, text);
	if (argv.bad)
		return ch_err_nomem(err);
	step.argv = argv.v;
	step.script = step.input = NULL;
	step.fakeroot = false;
	step.cwd = "/";
	step.n_mounts = 0;
	step.silent = silent || run->silent;

	int rc = ch_run_command(&step, &end, err);

	return rc < 0 ? rc : end.status == 0 && end.signal == 0;
}

/* Bring fakeroot into the image, if it is not there. */
static int prepare(const struct ch_run *run, const struct ch_force_distro *d, struct ch_err *err)
{
	for (size_t i = 0; i < CH_FORCE_STEPS && d->steps[i].check; i++) {
		const struct ch_force_step *s = &d->steps[i];
		int rc = run_step(run, s->check, true, err);

		if (rc == 0) {
			ch_tell(&run->teller, CH_INFO, "--force=fakeroot: %s: installing it: %s",
				d->name, s->install);
			rc = run_step(run, s->install, false, err);
		}
		if (rc < 0)
			return ch_err_in(err, "--force=fakeroot");
		if (rc == 0)
			return ch_err_set(err, -ECHILD,
					  "--force=fakeroot: the image has no fakeroot, and to "
					  "install it failed: '%s'",
					  s->install);
	}
	return 0;
}

static int run_by_fakeroot(const struct ch_force *force, struct ch_run *run,
			   struct ch_run_end *ret_end, struct ch_err *err)
{
	const struct ch_force_distro *d = ch_force_distro_find(run->image);

	if (!d)
		return ch_err_set(err, -ENOTSUP,
				  "--force=fakeroot: the image is of no distribution that is "
				  "known; --force=seccomp is for all");
	run->apt_root = true;
	if (has_any_word(run, d)) {
		if (prepare(run, d, err) < 0)
			return err->code;
		run->fakeroot = true;
		tell_command(run);
	}
	return run_it(force, run, ret_end, err);
}

int ch_force_run(const struct ch_force *force, const struct ch_run *run, struct ch_run_end *ret_end,
		 struct ch_err *err)
{
	struct ch_run forced = *run;

	forced.emulate = force->mode == CH_FORCE_SECCOMP;
	forced.apt_root = forced.emulate && force->cmds.n == 0;
	forced.fakeroot = false;
	if (force->mode == CH_FORCE_FAKEROOT)
		return run_by_fakeroot(force, &forced, ret_end, err);
	return run_with_cmds(force, 0, &forced, ret_end, err);
}
