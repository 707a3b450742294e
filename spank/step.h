/* SPDX-License-Identifier: Apache-2.0 */
/* step.h - a step's container on a node, as slurmstepd sees it
 *
 * Begins in user_init and ends in the last task_exit. Nothing here fails towards Slurm:
 * the first error is kept, and the tasks report it (task.h), because in other hooks Slurm
 * would run the application on the host, or drain the node. */
#ifndef CH_SPANK_STEP_H
#define CH_SPANK_STEP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "config.h"
#include "rt/proto.h"
#include "rt/settings.h"
#include "slurm.h"

/* How srun's plugin tells the nodes' of srun --task-prolog: a variable of the job. */
#define CH_PROLOG_VARIABLE "CH_SPANK_TASK_PROLOG"

/* Shared by slurmstepd and its tasks: who has spoken for this node. */
struct ch_shared {
	atomic_int has_failed, has_noted;
};

struct ch_step {
	const struct ch_config *config; /* borrowed */
	bool is_wanted;			/* this step has an image */
	bool has_error;
	struct ch_err err;
	struct ch_settings set;
	struct ch_shared *shared;
	char *cwd;    /* of the job, on the host; also what SET's binds refer to */
	char *user;   /* name, for /home/USER */
	int sock;     /* -1: none */
	pid_t keeper; /* 0: none */
	int pidfd;    /* of the keeper; -1: none */
	unsigned tasks, forked, exited;
	struct ch_cpus cpus; /* of the tasks forked so far */
};

/* Keep ERR, if it is the first, and remember that it is to be reported. */
void ch_step_fail(struct ch_step *step, const struct ch_err *err);

/* In user_init: find out whether the step wants a container; if so, start its keeper. */
void ch_step_start(struct ch_step *step, spank_t sp);

/* In task_post_fork: note on which CPUs task PID runs. After the last one the keeper is
 * told. */
void ch_step_task_forked(struct ch_step *step, pid_t pid);

/* In task_exit: after the last task, end the keeper. */
void ch_step_task_exit(struct ch_step *step);

/* End the keeper, if there still is one. Takes 2 s at most. */
void ch_step_end(struct ch_step *step);

#endif
