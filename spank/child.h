/* SPDX-License-Identifier: Apache-2.0 */
/* child.h - the fork of slurmstepd that becomes the keeper
 *
 * It waits until the first task is in its final mount namespace, follows it there, takes
 * the job's limits, becomes the user for good, and execs. Only system calls are made
 * between fork and exec: slurmstepd has threads, whose locks are copied as they are. The
 * child is not dumpable until it execs: its memory is a copy of root's. */
#ifndef CH_SPANK_CHILD_H
#define CH_SPANK_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/types.h>

struct ch_limit {
	int resource;
	rlim_t soft;
};

struct ch_child {
	const char *helper; /* path of ch-keeper */
	int sock;	    /* our end for the keeper; SEQPACKET */
	int request;	    /* request.h */
	uid_t uid;
	gid_t gid;
	const gid_t *groups;
	size_t n_groups;
	struct ch_limit limits[16];
	size_t n_limits;
	int timeout_ms; /* for messages */
};

/* Note LIMIT "SLURM_RLIMIT_*" of the job's environment, if it has it. */
void ch_child_limits(struct ch_child *c, const char *(*get)(const char *name, void *data),
		     void *data);

/* Do all that; called in the child. Errors are answered to each task. */
_Noreturn void ch_child_main(const struct ch_child *c);

#endif
