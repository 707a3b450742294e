/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/input.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <unistd.h>

#include "base/err.h"

enum { PAUSE_MS = 100 };

static bool is_set(const atomic_bool *flag)
{
	return flag && atomic_load_explicit(flag, memory_order_relaxed);
}

/* Is there something to read, or an end? Not by read itself: the signal may be another thread's. */
static int wait_for_data(int fd, const atomic_bool *cancel, const atomic_bool *unwanted,
			 struct ch_err *err)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	int rc;

	do {
		if (is_set(cancel) || is_set(unwanted))
			return ch_err_set(err, -ECANCELED, "interrupted");
		rc = poll(&ready, 1, PAUSE_MS);
	} while (rc == 0 || (rc < 0 && errno == EINTR));
	return rc < 0 ? ch_err_sys(err, "wait for data") : 0;
}

ssize_t ch_input_read(int fd, void *buf, size_t size, const atomic_bool *cancel,
		      const atomic_bool *unwanted, struct ch_err *err)
{
	ssize_t n;

	do {
		if (wait_for_data(fd, cancel, unwanted, err) < 0)
			return err->code;
		n = read(fd, buf, size);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? ch_err_sys(err, "read") : n;
}
