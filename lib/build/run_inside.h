/* SPDX-License-Identifier: Apache-2.0 */
/* run_inside.h - the processes of ours between a build and the command that it runs
 *
 *	build            waits; takes output; sends signals
 *	 `- first        enters the container, mounts what is to be seen there only
 *	     `- init     process 1 of a process namespace; sees all others end, and ends with
 *	         |       the command: then the kernel kills whatever is left
 *	         `- command
 *
 * Each of them dies with its parent, whatever that dies of. */
#ifndef CH_BUILD_RUN_INSIDE_H
#define CH_BUILD_RUN_INSIDE_H

#include <sys/types.h>

#include "base/err.h"

struct ch_entry;
struct ch_run;
struct ch_run_plan;

struct ch_run_inside {
	const struct ch_run *run;
	const struct ch_run_plan *plan;
	struct ch_entry *entry; /* of the container */
	int stdio[3];		/* of the command */
	int report;		/* pipe to the build; gets a struct ch_run_report, or two */
};

/* The first one counts: from the command, why it was not executed; or from init, how it ended. */
struct ch_run_report {
	int status;	   /* as of waitpid(2); if err.code is 0 */
	struct ch_err err; /* its texts are of our program */
};

/* Fork "first". Returns its process id, or a negative errno. Signals that are not for it are to
 * be blocked. */
pid_t ch_run_inside_fork(const struct ch_run_inside *in, struct ch_err *err);

/* Have FIRST send SIGNAL to all processes in the container; SIGKILL ends it. */
void ch_run_inside_signal(pid_t first, int signal);

#endif
