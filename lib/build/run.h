/* SPDX-License-Identifier: Apache-2.0 */
/* run.h - run a command in an image that is being built
 *
 * The container is that of ch-run -w -u0 -g0 --no-passwd: a keeper makes it (rt/start.h). A
 * process of ours enters, adds what the host must not see (secrets), and becomes the parent
 * of a process namespace of its own, in which the command runs: whatever the command leaves
 * running is gone when it ends.
 *
 * Mount points that the image lacks are made before, and are gone afterwards. */
#ifndef CH_BUILD_RUN_H
#define CH_BUILD_RUN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/teller.h"

struct ch_binds;
struct ch_err;
struct ch_run_mount;

/* All is borrowed; NULL where nothing is said means none. */
struct ch_run {
	const char *image;  /* directory; absolute */
	char *const *argv;  /* NULL-terminated; argv[0] is looked for in PATH of env */
	char *const *env;   /* NULL-terminated; all of it: nothing is inherited or added but what
			       mounts say, CH_RUNNING, APT_CONFIG, and, where it lacks them,
			       HOME=/root and a PATH */
	const char *cwd;    /* absolute, in the image */
	const char *script; /* an executable file with this text; its path, inside, becomes the
			       first word, in front of argv */
	const char *input;  /* what stdin gives; NULL: nothing, it is /dev/null */
	const char *tmp;    /* host directory to be /tmp; NULL: a fresh tmpfs */
	const struct ch_binds *binds;	   /* of the user */
	const struct ch_run_mount *mounts; /* of the instruction (mount.h) */
	size_t n_mounts;
	const char *caches;	 /* directory of the host for type=cache; made when there is one */
	bool emulate;		 /* under the filter of fakeroot.h */
	bool fakeroot;		 /* by fakeroot(1) of the image, which is there */
	bool apt_root;		 /* by APT_CONFIG, apt does not try to become another user */
	bool silent;		 /* output is not shown, only kept for the tail */
	bool interactive;	 /* our terminal is the command's: no input, no tail */
	const char *keeper;	 /* program */
	int start_s;		 /* how long the container may take to start, seconds */
	struct ch_teller teller; /* told when there is something to be waited for */
	/* Asked while it waits: true ends it, with -EINTR; may be NULL. */
	bool (*stop)(void *data);
	void *data; /* for stop */
};

/* How the command ended. */
struct ch_run_end {
	int status; /* of exit, if signal is 0 */
	int signal; /* which ended it */
	char *tail; /* its last lines (CH_RUN_TAIL_LINES), each of printable characters with a
		       newline at its end; owned; never NULL after success of ch_run_command */
};

#define CH_RUN_TAIL_LINES 10

/* Run it, and wait until everything in the container has ended. Output goes to our stdout and
 * stderr as it comes: through a pseudo-terminal where ours is a terminal, else through a
 * pipe; through one and the same if both of ours are. An interactive one has our stdin, stdout
 * and stderr themselves, and is in the foreground of that terminal meanwhile.
 *
 * SIGINT, SIGTERM and SIGHUP are blocked meanwhile. The first one is passed on to all
 * processes in the container; those still there after two seconds are killed. Then it
 * returns -EINTR, and the signal arrives at the caller as soon as it is not blocked any more:
 * this is when it returns, unless the caller had it blocked.
 *
 * Returns 0 if the command was executed and has ended, in whatever way; else nothing of it
 * has run. Errors: -ENOENT, -EACCES, … the command; -EINTR; -ETIMEDOUT; of the keeper.
 * Context: no other threads. Not reentrant. */
int ch_run_command(const struct ch_run *run, struct ch_run_end *ret_end, struct ch_err *err);

void ch_run_end_done(struct ch_run_end *end);

static inline void ch_auto_run_end(struct ch_run_end *end)
{
	ch_run_end_done(end);
}

#endif
