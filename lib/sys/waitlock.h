/* SPDX-License-Identifier: Apache-2.0 */
/* waitlock.h - locks of flock(2): wait for what somebody else has, but not for ever */
#ifndef CH_SYS_WAITLOCK_H
#define CH_SYS_WAITLOCK_H

#include <stdbool.h>

#include "base/teller.h"

/* On whose behalf we wait. All zero: nobody is told, and nobody ends it. */
struct ch_waiter {
	struct ch_teller teller; /* told, once, whom we wait for */
	/* Asked ten times a second: true ends the waiting. NULL: nobody is. */
	bool (*stop)(void *data);
	void *data;	      /* for stop */
	unsigned patience_ms; /* before that is told: most do not have it for long */
};

/* Lock FD by HOW (LOCK_SH, LOCK_EX). While somebody else has it, this waits for WAITER, and tells
 * "waiting: " and WHY. A signal alone does not end it. Returns 0, -EINTR by WAITER, or another
 * negative errno. */
int ch_waitlock(int fd, int how, const struct ch_waiter *waiter, const char *why);

#endif
