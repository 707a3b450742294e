/* SPDX-License-Identifier: Apache-2.0 */
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
#include "rt/join.h"
#include "rt/spawn.h"
#include "run.h"
#include "sys/msg.h"

enum { JOIN_TRIES = 5 };

static void tell_times(const struct ch_entry *e)
{
	const uint32_t *t = e->answer.times;

	ch_log(CH_INFO,
	       "container ready in %.1f ms (image %.1f, namespaces %.1f, server %.1f, mounts %.1f)",
	       t[CH_TIME_READY] / 1e3, t[CH_TIME_IMAGE] / 1e3, t[CH_TIME_NAMESPACES] / 1e3,
	       t[CH_TIME_SERVER] / 1e3, t[CH_TIME_MOUNTS] / 1e3);
}

static const char *get_variable(const char *name)
{
	return getenv(name);
}

/* Ask the keeper at SOCK to let us in. */
static int ask(int sock, long long deadline, struct ch_entry *entry, struct ch_err *err)
{
	ch_auto(fd) int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	ch_auto(fd) int status = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	int fds[] = { pidfd, status };

	if (pidfd < 0)
		return ch_err_sys(err, "open a descriptor of our process");

	int rc = ch_enter_ask(sock, fds, status < 0 ? 1 : 2, deadline, err);

	return rc == 0 ? ch_enter_wait(sock, deadline, entry, err) : rc;
}

static long long start_deadline(const struct run *run)
{
	return ch_msg_deadline((int)run->start_s * 1000);
}

const char *ch_run_keeper(void)
{
	const char *keeper = getenv("CH_KEEPER");

	return keeper ? keeper : KEEPER;
}

static int start_keeper(struct run *run, int door, long long deadline, pid_t *ret_pid,
			struct ch_err *err)
{
	int rc = ch_spawn_keeper(ch_run_keeper(), &run->req, door, deadline, ret_pid, err);

	if (rc == 0)
		ch_log(CH_DEBUG, "keeper '%s' is process %d", ch_run_keeper(), (int)*ret_pid);
	return rc;
}

/* Too late: which image it is, and what may be done. If somebody has stopped the keeper, or
 * what it started, they are woken, see us go, and go, too. */
static int too_late(const struct run *run, pid_t keeper, struct ch_err *err)
{
	if (keeper > 0)
		kill(-keeper, SIGCONT);
	return ch_err_set(err, -ETIMEDOUT,
			  "image '%s': no container within %ld s; is its file system slow or "
			  "gone? More time: CH_START_TIMEOUT",
			  run->req.image, run->start_s);
}

/* A container of our own. */
static int enter_alone(struct run *run, struct ch_entry *entry, struct ch_err *err)
{
	long long deadline = start_deadline(run);
	pid_t keeper = 0;
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0)
		return ch_err_sys(err, "make a socket pair");

	ch_auto(fd) int ours = sv[0];
	ch_auto(fd) int theirs = sv[1];
	int rc = start_keeper(run, theirs, deadline, &keeper, err);

	close(ch_take_fd(&theirs));
	if (rc == 0)
		rc = ask(ours, deadline, entry, err);
	return rc == -ETIMEDOUT ? too_late(run, keeper, err) : rc;
}

/* Meet the others, and ask. -ECHILD: the keeper went before it answered, perhaps since the
 * last of the others had left. */
static int join_once(struct run *run, long long deadline, struct ch_entry *entry,
		     struct ch_err *err)
{
	struct ch_join join;
	pid_t keeper = 0;
	int sock, listener;
	int rc = ch_join_find(run->set.join_tag, run->set.join_peers, get_variable, &join, err);

	if (rc == 0)
		rc = ch_join_meet(&join, deadline, &sock, &listener, err);
	if (rc < 0)
		return rc;

	ch_auto(fd) int ours = sock;
	ch_auto(fd) int door = listener;

	ch_log(CH_DEBUG, "joining '@%s', %u processes expected: %s", join.name, join.peers,
	       door >= 0 ? "the first one" : "others are there");
	run->req.peers = join.peers;
	if (door >= 0)
		rc = start_keeper(run, door, deadline, &keeper, err);
	if (door >= 0)
		close(ch_take_fd(&door));
	if (rc == 0)
		rc = ch_enter_tell_cpus(ours, deadline, err);
	if (rc == 0)
		rc = ask(ours, deadline, entry, err);
	return rc == -ETIMEDOUT ? too_late(run, keeper, err) : rc;
}

static int join_others(struct run *run, struct ch_entry *entry, struct ch_err *err)
{
	long long deadline = start_deadline(run);
	int rc = -ECHILD;

	for (int i = 0; i < JOIN_TRIES && rc == -ECHILD; i++)
		rc = join_once(run, deadline, entry, err);
	if (rc == 0 && entry->answer.shape != ch_request_shape(&run->req))
		ch_log(CH_WARN, "joined a container that was made with other options; those of "
				"this command that shape a container have no effect");
	return rc;
}

int ch_run_enter(struct run *run, struct ch_entry *ret_entry, struct ch_err *err)
{
	bool is_ours = !run->set.join && !run->set.join_pid;
	int rc;

	if (run->set.join_pid)
		rc = ch_join_process(run->set.join_pid, ret_entry, err);
	else if (run->set.join)
		rc = join_others(run, ret_entry, err);
	else
		rc = enter_alone(run, ret_entry, err);
	if (rc == 0 && run->set.verbose > 1)
		tell_times(ret_entry);
	return rc == 0 ? ch_enter(ret_entry, is_ours && run->req.uid == 0, err) : rc;
}
