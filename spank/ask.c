/* SPDX-License-Identifier: Apache-2.0 */
#include "ask.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "rt/enter.h"

/* What is opened is ours, whatever the job says. */
static int open_own(const char *path)
{
	return open(path, O_RDONLY | O_CLOEXEC);
}

int ch_ask(int sock, long long deadline, struct ch_err *err)
{
	ch_auto(fd) int mntns = open_own("/proc/self/ns/mnt");

	if (mntns < 0)
		return ch_err_sys(err, "open the mount namespace of the task");

	/* Of use when the task is killed and cannot die; it does without. */
	ch_auto(fd) int status = open_own("/proc/self/status");
	int fds[] = { mntns, status };

	return ch_enter_ask(sock, fds, status < 0 ? 1 : 2, deadline, err);
}
