/* SPDX-License-Identifier: Apache-2.0 */
/* enter.h - move the calling process into a container that a keeper has made
 *
 * The process must be single-threaded and not share its working directory with others
 * (setns(2)): true after a fork. It does not allocate. */
#ifndef CH_RT_ENTER_H
#define CH_RT_ENTER_H

#include <stdbool.h>
#include <stddef.h>

#include "rt/proto.h"

struct ch_err;

/* Ask the keeper at SOCK to be let in. The N descriptors FDS go along (proto.h), and stay
 * the caller's. */
int ch_enter_ask(int sock, const int *fds, size_t n, long long deadline, struct ch_err *err);

/* Tell the keeper at SOCK on which CPUs we may run, before asking. */
int ch_enter_tell_cpus(int sock, long long deadline, struct ch_err *err);

struct ch_entry {
	struct ch_answer answer;
	char meta[CH_META_MAX];
	int userns, mntns; /* owned; -1 when there is an error */
};

/* Wait for the answer. RET_ENTRY is large: static or allocated.
 * Errors: the keeper's own, -ETIMEDOUT, -ECHILD the keeper has gone, -EPROTO. */
int ch_enter_wait(int sock, long long deadline, struct ch_entry *ret_entry, struct ch_err *err);

/* Enter: user namespace, mount namespace. The working directory is "/" then. The two
 * descriptors are closed. KEEP_CAPS: stay what uid 0 of a user namespace is, for a
 * container that is not shared; else all capabilities are given up, so that nobody can
 * remount or unmount things for the others. no_new_privs is set. */
int ch_enter(struct ch_entry *entry, bool keep_caps, struct ch_err *err);

#endif
