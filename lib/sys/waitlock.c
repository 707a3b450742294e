/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/waitlock.h"

#include <errno.h>
#include <sys/file.h>
#include <time.h>

enum { PAUSE_MS = 100 };

/* The kernel's own waiting ends with a signal only that is not blocked. */
int ch_waitlock(int fd, int how, const struct ch_waiter *waiter, const char *why)
{
	static const struct timespec pause = { .tv_nsec = PAUSE_MS * 1000L * 1000 };
	bool is_told = false;

	for (unsigned ms = 0; flock(fd, how | LOCK_NB) < 0; ms += PAUSE_MS) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		if (!is_told && ms >= waiter->patience_ms) {
			ch_tell(&waiter->teller, CH_INFO, "waiting: %s", why);
			is_told = true;
		}
		if (waiter->stop && waiter->stop(waiter->data))
			return -EINTR;
		nanosleep(&pause, NULL);
	}
	return 0;
}
