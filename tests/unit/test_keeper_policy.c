/* SPDX-License-Identifier: Apache-2.0 */
#include "rt/keeper_policy.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "unit.h"

/* What a process does behind the filter; the result is its exit status. */
static int exec(void)
{
	char *argv[] = { (char[]){ "true" }, NULL };

	syscall(SYS_execve, "/bin/true", argv, argv);
	return 1;
}

static int trace(void)
{
	return ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0;
}

static int make_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM, 0) >= 0;
}

static int write_memory(void)
{
	return (int)syscall(SYS_process_vm_writev, getpid(), NULL, 0, NULL, 0, 0) == 0;
}

static int unknown(void)
{
	return syscall(SYS_sched_getparam, 0, NULL) < 0 && errno == ENOSYS ? 0 : 1;
}

static int mount_something(void)
{
	return syscall(SYS_umount2, "/nonexistent", 0) == 0;
}

static int accept_somebody(void)
{
	return accept4(-1, NULL, NULL, 0) < 0 && errno == EBADF ? 0 : 1;
}

static int read_at(void)
{
	char byte;

	return pread(-1, &byte, 1, 0) < 0 && errno == EBADF ? 0 : 1;
}

/* Status of a child that does FN behind the filter. */
static int behind(bool each, bool join, int (*fn)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct ch_err err;

		syscall(SYS_exit_group, ch_keeper_confine(each, join, &err) < 0 ? 99 : fn());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void assert_deadly(int status)
{
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSYS);
}

static void exec_ptrace_and_sockets_are_deadly_in_all_lives(void **state)
{
	int (*const calls[])(void) = { exec, trace, make_socket, write_memory };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		assert_deadly(behind(false, false, calls[i]));
		assert_deadly(behind(true, false, calls[i]));
		assert_deadly(behind(false, true, calls[i]));
	}
	/* With join=no, builders mount, but do not unmount. */
	assert_deadly(behind(false, false, mount_something));
	assert_deadly(behind(true, false, mount_something));
	assert_deadly(behind(false, true, mount_something));
}

static void connections_are_for_those_who_join(void **state)
{
	(void)state;
	assert_int_equal(behind(false, true, accept_somebody), 0);
	assert_deadly(behind(false, false, accept_somebody));
	assert_deadly(behind(true, false, accept_somebody));
}

static void what_is_needed_works_and_what_is_unknown_is_refused(void **state)
{
	(void)state;
	assert_int_equal(behind(false, false, read_at), 0);
	assert_int_equal(behind(true, false, read_at), 0);
	assert_int_equal(behind(false, true, read_at), 0);
	assert_int_equal(behind(false, false, unknown), 0);
	assert_int_equal(behind(false, true, unknown), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exec_ptrace_and_sockets_are_deadly_in_all_lives),
		cmocka_unit_test(connections_are_for_those_who_join),
		cmocka_unit_test(what_is_needed_works_and_what_is_unknown_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
