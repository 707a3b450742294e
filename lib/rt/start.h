/* SPDX-License-Identifier: Apache-2.0 */
/* start.h - from a request to a container that may be entered, by way of a keeper
 *
 * For ordinary programs: ch-run, and builds. */
#ifndef CH_RT_START_H
#define CH_RT_START_H

#include <sys/types.h>

struct ch_entry;
struct ch_err;
struct ch_request;

struct ch_start {
	const char *keeper;	      /* program */
	const struct ch_request *req; /* borrowed */
	long seconds;		      /* how long a start may take */
};

/* The keeper's program: $CH_KEEPER, or INSTALLED. */
const char *ch_start_keeper(const char *installed);

/* How long a start may take, as $CH_START_TIMEOUT says. Errors: -EINVAL. */
int ch_start_timeout(long *ret_seconds, struct ch_err *err);

/* Start a keeper, have it make a container of our own, and wait for that.
 *
 * ret_entry: for ch_enter(); large: static or allocated
 * Errors: the keeper's; -ETIMEDOUT. */
int ch_start_alone(const struct ch_start *start, struct ch_entry *ret_entry, struct ch_err *err);

/* The parts of that. Start a keeper that is asked by way of DOOR, which stays the caller's. */
int ch_start_spawn(const struct ch_start *start, int door, long long deadline, pid_t *ret_pid,
		   struct ch_err *err);

/* Ask the keeper at SOCK to let us in. */
int ch_start_ask(int sock, long long deadline, struct ch_entry *ret_entry, struct ch_err *err);

/* Say that it took too long, in place of what ERR says: which image it is, and what may be
 * done; and wake KEEPER (0: another process has started it). Returns -ETIMEDOUT. */
int ch_start_late(const struct ch_start *start, pid_t keeper, struct ch_err *err);

#endif
