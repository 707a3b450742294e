/* SPDX-License-Identifier: Apache-2.0 */
#include "rt/enter.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "rt/hear.h"
#include "sys/caps.h"
#include "sys/msg.h"

/* What the result RC of sending to the keeper means. */
static int check_sent(int rc, struct ch_err *err)
{
	if (rc == -EPIPE || rc == -ECONNRESET)
		return ch_err_set(err, -ECHILD, "the keeper of the container ended unexpectedly");
	if (rc == -ETIMEDOUT)
		return ch_err_set(err, rc, "the keeper of the container does not listen");
	return rc < 0 ? ch_err_rc(err, rc, "ask the keeper of the container") : 0;
}

int ch_enter_ask(int sock, const int *fds, size_t n, long long deadline, struct ch_err *err)
{
	struct ch_go go = { .version = CH_PROTO_VERSION, .kind = CH_GO_ENTER };

	return check_sent(ch_msg_send(sock, &go, sizeof(go), fds, n, deadline), err);
}

int ch_enter_tell_cpus(int sock, long long deadline, struct ch_err *err)
{
	struct ch_cpus m = { .go = { CH_PROTO_VERSION, CH_GO_CPUS } };

	/* It fails on machines with more CPUs than the mask has bits. */
	if (syscall(SYS_sched_getaffinity, 0, sizeof(m.mask), m.mask) < 0)
		memset(m.mask, 0xff, sizeof(m.mask));
	return check_sent(ch_msg_send(sock, &m, sizeof(m), NULL, 0, deadline), err);
}

static void close_both(struct ch_entry *e)
{
	ch_close(&e->userns);
	ch_close(&e->mntns);
}

int ch_enter_wait(int sock, long long deadline, struct ch_entry *ret_entry, struct ch_err *err)
{
	struct ch_entry *e = ret_entry;
	int fds[2] = { -1, -1 };

	_Static_assert(offsetof(struct ch_entry, meta) == sizeof(e->answer),
		       "header and metadata are received into one piece");
	e->answer.code = 0;

	long n = ch_msg_recv(sock, &e->answer, sizeof(e->answer) + sizeof(e->meta), fds, 2,
			     deadline);

	e->userns = fds[0];
	e->mntns = fds[1];
	if (ch_hear_answer(&e->answer, n, fds[0] >= 0 && fds[1] >= 0, err) < 0)
		close_both(e);
	else
		return 0;
	return err->code;
}

int ch_enter(struct ch_entry *entry, bool keep_caps, struct ch_err *err)
{
	int rc = 0;

	if (setns(entry->userns, CLONE_NEWUSER) < 0)
		rc = ch_err_sys(err, "enter the container's user namespace");
	else if (setns(entry->mntns, CLONE_NEWNS) < 0)
		rc = ch_err_sys(err, "enter the container's mount namespace");
	else if (chdir("/") < 0)
		rc = ch_err_sys(err, "enter the container's root directory");
	else if (!keep_caps && (rc = ch_caps_drop()) < 0)
		rc = ch_err_rc(err, rc, "give up capabilities");
	else if ((rc = ch_caps_no_new_privs()) < 0)
		rc = ch_err_rc(err, rc, "set no_new_privs");
	close_both(entry);
	return rc;
}
