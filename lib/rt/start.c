/* SPDX-License-Identifier: Apache-2.0 */
#include "rt/start.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/log.h"
#include "rt/enter.h"
#include "rt/request.h"
#include "rt/spawn.h"
#include "sys/msg.h"

enum { START_S = 60, START_MAX_S = 86400 };

const char *ch_start_keeper(const char *installed)
{
	const char *keeper = getenv("CH_KEEPER");

	return keeper ? keeper : installed;
}

int ch_start_timeout(long *ret_seconds, struct ch_err *err)
{
	const char *text = getenv("CH_START_TIMEOUT");
	char *end;

	if (!text || !text[0]) {
		*ret_seconds = START_S;
		return 0;
	}
	errno = 0;

	long seconds = strtol(text, &end, 10);

	if (errno || *end || seconds < 1 || seconds > START_MAX_S)
		return ch_err_set(
			err, -EINVAL,
			"CH_START_TIMEOUT: '%.80s' is not a number of seconds from 1 to %d", text,
			START_MAX_S);
	*ret_seconds = seconds;
	return 0;
}

int ch_start_spawn(const struct ch_start *start, int door, long long deadline, pid_t *ret_pid,
		   struct ch_err *err)
{
	int rc = ch_spawn_keeper(start->keeper, start->req, door, deadline, ret_pid, err);

	if (rc == 0)
		ch_log(CH_DEBUG, "keeper '%s' is process %d", start->keeper, (int)*ret_pid);
	return rc;
}

int ch_start_late(const struct ch_start *start, pid_t keeper, struct ch_err *err)
{
	/* If somebody has stopped it, or what it started, they see us go, and go, too. */
	if (keeper > 0)
		kill(-keeper, SIGCONT);
	return ch_err_set(err, -ETIMEDOUT,
			  "image '%s': no container within %ld s; is its file system slow or "
			  "gone? More time: CH_START_TIMEOUT",
			  start->req->image, start->seconds);
}

int ch_start_ask(int sock, long long deadline, struct ch_entry *ret_entry, struct ch_err *err)
{
	ch_auto(fd) int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	ch_auto(fd) int status = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	int fds[] = { pidfd, status };

	if (pidfd < 0)
		return ch_err_sys(err, "open a descriptor of our process");

	int rc = ch_enter_ask(sock, fds, status < 0 ? 1 : 2, deadline, err);

	return rc == 0 ? ch_enter_wait(sock, deadline, ret_entry, err) : rc;
}

int ch_start_alone(const struct ch_start *start, struct ch_entry *ret_entry, struct ch_err *err)
{
	long long deadline = ch_msg_deadline((int)start->seconds * 1000);
	pid_t keeper = 0;
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0)
		return ch_err_sys(err, "make a socket pair");

	ch_auto(fd) int ours = sv[0];
	ch_auto(fd) int theirs = sv[1];
	int rc = ch_start_spawn(start, theirs, deadline, &keeper, err);

	close(ch_take_fd(&theirs));
	if (rc == 0)
		rc = ch_start_ask(ours, deadline, ret_entry, err);
	return rc == -ETIMEDOUT ? ch_start_late(start, keeper, err) : rc;
}
