/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/log.h"
#include "rt/enter.h"
#include "rt/join.h"
#include "rt/start.h"
#include "run.h"
#include "sys/msg.h"
#include "sys/userns.h"

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

const char *ch_run_keeper(void)
{
	return ch_start_keeper(KEEPER);
}

/* Meet the others, and ask. -ECHILD: the keeper went before it answered, perhaps since the
 * last of the others had left. */
static int join_once(struct run *run, const struct ch_start *start, long long deadline,
		     struct ch_entry *entry, struct ch_err *err)
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
		rc = ch_start_spawn(start, door, deadline, &keeper, err);
	if (door >= 0)
		close(ch_take_fd(&door));
	if (rc == 0)
		rc = ch_enter_tell_cpus(ours, deadline, err);
	if (rc == 0)
		rc = ch_start_ask(ours, deadline, entry, err);
	return rc == -ETIMEDOUT ? ch_start_late(start, keeper, err) : rc;
}

static int join_others(struct run *run, const struct ch_start *start, struct ch_entry *entry,
		       struct ch_err *err)
{
	long long deadline = ch_msg_deadline((int)start->seconds * 1000);
	int rc = -ECHILD;

	for (int i = 0; i < JOIN_TRIES && rc == -ECHILD; i++)
		rc = join_once(run, start, deadline, entry, err);
	if (rc == 0 && entry->answer.shape != ch_request_shape(&run->req))
		ch_log(CH_WARN, "joined a container that was made with other options; those of "
				"this command that shape a container have no effect");
	return rc;
}

int ch_run_enter(struct run *run, struct ch_entry *ret_entry, struct ch_err *err)
{
	const struct ch_start start = { ch_run_keeper(), &run->req, run->start_s };
	bool is_root = !run->set.join && !run->set.join_pid && run->req.uid == 0;
	int rc;

	if (run->set.join_pid)
		rc = ch_join_process(run->set.join_pid, ret_entry, err);
	else if (run->set.join)
		rc = join_others(run, &start, ret_entry, err);
	else
		rc = ch_start_alone(&start, ret_entry, err);
	if (rc == 0 && run->set.verbose > 1)
		tell_times(ret_entry);
	if (rc == 0)
		rc = ch_enter(ret_entry, is_root, err);
	return rc == 0 && is_root ? ch_mounts_lock(err) : rc;
}
