/* SPDX-License-Identifier: Apache-2.0 */
/* waitlock.h - wait for a lock of flock(2) that somebody else has, but not for ever */
#ifndef CH_SYS_WAITLOCK_H
#define CH_SYS_WAITLOCK_H

#include <stdbool.h>

/* Lock FD by HOW (LOCK_SH, LOCK_EX). STOP (may be NULL) is asked ten times a second, with DATA:
 * true ends this. A signal alone does not. Returns 0, -EINTR by STOP, or another negative errno. */
int ch_waitlock(int fd, int how, bool (*stop)(void *data), void *data);

#endif
