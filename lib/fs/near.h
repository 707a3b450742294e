/* SPDX-License-Identifier: Apache-2.0 */
/* near.h - answer a reader that is bound to one CPU on that CPU
 *
 * A reader waits for its answer, so its CPU has nothing to do meanwhile. To be woken on another
 * one, which sleeps, or where another rank computes, costs more than the answer. Readers of a
 * Slurm job are bound as a rule; one that is not would be moved by the scheduler to another CPU
 * as soon as we answer from its own, so there is nothing to win.
 *
 * That is for one reader at a time. As soon as another one asks, the thread goes where the
 * scheduler wants it. */
#ifndef CH_FS_NEAR_H
#define CH_FS_NEAR_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Of one thread. */
struct ch_near {
	cpu_set_t all;	/* where it may be */
	pid_t reader;	/* who asked last; a thread */
	uint32_t times; /* in a row, up to some number */
	bool is_bound;
	bool is_off; /* CPUs cannot be told, or there is but one */
};

/* For the calling thread, which has its CPUs by now. */
void ch_near_start(struct ch_near *near);

/* READER asks. Context: the thread of NEAR. */
void ch_near_follow(struct ch_near *near, pid_t reader);

#endif
