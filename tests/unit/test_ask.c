/* SPDX-License-Identifier: Apache-2.0 */
#include "spank/ask.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "rt/proto.h"
#include "sys/msg.h"
#include "unit.h"

static int make_pair(void **state)
{
	static int ends[2];

	*state = ends;
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends);
}

static int close_pair(void **state)
{
	const int *ends = *state;

	close(ends[0]);
	return close(ends[1]);
}

static void the_tasks_mount_namespace_goes_along(void **state)
{
	const int *ends = *state;
	struct ch_err err = { 0 };
	struct stat got, own;
	struct ch_go go;
	int fds[2];

	assert_int_equal(ch_ask(ends[0], ch_msg_deadline(1000), &err), 0);

	assert_int_equal(ch_msg_recv(ends[1], &go, sizeof(go), fds, 2, ch_msg_deadline(1000)),
			 sizeof(go));
	assert_int_equal(go.kind, CH_GO_ENTER);
	assert_int_equal(fstat(fds[0], &got), 0);
	assert_int_equal(stat("/proc/self/ns/mnt", &own), 0);
	assert_int_equal(got.st_ino, own.st_ino);
	close(fds[0]);
	close(fds[1]);
}

/* The container would be made where the host's /tmp is, not the job's. */
static void without_it_nothing_is_asked(void **state)
{
	const int *ends = *state;
	struct rlimit before, none = { 0 };
	struct ch_err err = { 0 };
	struct ch_go go;
	int rc;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none.rlim_max = before.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	rc = ch_ask(ends[0], ch_msg_deadline(1000), &err);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);

	assert_int_equal(rc, -EMFILE);
	assert_string_equal(err.msg, "open the mount namespace of the task: Too many open files");
	assert_int_equal(ch_msg_recv(ends[1], &go, sizeof(go), NULL, 0, ch_msg_deadline(0)),
			 -ETIMEDOUT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_tasks_mount_namespace_goes_along, make_pair,
						close_pair),
		cmocka_unit_test_setup_teardown(without_it_nothing_is_asked, make_pair, close_pair),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
