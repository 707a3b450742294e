/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/waitlock.h"

#include <errno.h>
#include <stddef.h>
#include <sys/file.h>
#include <time.h>

/* The kernel's own waiting ends with a signal only that is not blocked. */
int ch_waitlock(int fd, int how, bool (*stop)(void *data), void *data)
{
	const struct timespec pause = { .tv_nsec = 100L * 1000 * 1000 };

	while (flock(fd, how | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		if (stop && stop(data))
			return -EINTR;
		nanosleep(&pause, NULL);
	}
	return 0;
}
