/* SPDX-License-Identifier: Apache-2.0 */
/* force.h - --force: root emulation for RUN
 *
 * seccomp:  the command runs under the filter of fakeroot.h, and apt is told not to become
 *           another user, by APT_CONFIG: nothing of that is in the image
 * fakeroot: commands that contain certain words are run by fakeroot(1) of the image, which is
 *           installed when it is wanted first; how, a table says for each distribution
 * none:     nothing; but when a command fails for lack of it, that is said */
#ifndef CH_BUILD_FORCE_H
#define CH_BUILD_FORCE_H

#include <stdbool.h>

#include "base/words.h"

struct ch_err;
struct ch_run;
struct ch_run_end;

enum ch_force_mode { CH_FORCE_SECCOMP, CH_FORCE_FAKEROOT, CH_FORCE_NONE };

/* What was asked for; all zero is the default. */
struct ch_force {
	enum ch_force_mode mode;
	bool no_detect;
	struct ch_words cmds; /* of --force-cmd, as given */
};

/* The argument of --force; NULL: it has none. Errors: -EINVAL. */
int ch_force_set(struct ch_force *force, const char *arg, struct ch_err *err);

/* The argument of --force-cmd: CMD,ARG[,ARG…]. Implies seccomp. Errors: -EINVAL. */
int ch_force_add(struct ch_force *force, const char *arg, struct ch_err *err);

/* The letter of MODE in "RUN.S", "RUN.F", "RUN.N". */
char ch_force_letter(enum ch_force_mode mode);

/* ch_run_command() with emulation as FORCE says; RUN's own fields for it are ignored.
 * What is done, and advice after a failure, goes to RUN's tell. A failing step of an
 * installation of fakeroot is an error: -ECHILD. */
int ch_force_run(const struct ch_force *force, const struct ch_run *run, struct ch_run_end *ret_end,
		 struct ch_err *err);

void ch_force_done(struct ch_force *force);

static inline void ch_auto_force(struct ch_force *force)
{
	ch_force_done(force);
}

#endif
