/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "sys/seccomp.h"
#include "unit.h"

/* What a process does behind the filter; the result is its exit status. */
static int exec(void)
{
	char *argv[] = { (char[]){ "true" }, NULL };

	syscall(SYS_execve, "/bin/true", argv, argv);
	return 0;
}

static int exec_descriptor(void)
{
	syscall(SYS_execveat, 0, "", NULL, NULL, AT_EMPTY_PATH);
	return 0;
}

static int trace(void)
{
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	return 0;
}

static int mount_something(void)
{
	mount("none", "/nonexistent", "tmpfs", 0, NULL);
	return 0;
}

static int make_socket(void)
{
	(void)!socket(AF_UNIX, SOCK_STREAM, 0);
	return 0;
}

static int connect_one(void)
{
	connect(-1, NULL, 0);
	return 0;
}

static int make_namespaces(void)
{
	(void)!unshare(CLONE_NEWUSER);
	return 0;
}

static int clone_namespaces(void)
{
	syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, 0);
	return 0;
}

static int become_root(void)
{
	syscall(SYS_setuid, 0);
	return 0;
}

static int make_process(void)
{
	return syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0) < 0 && errno == ENOSYS ? 0 : 1;
}

static int unknown(void)
{
	return syscall(SYS_sched_getparam, 0, NULL) < 0 && errno == ENOSYS ? 0 : 1;
}

static int open_file(void)
{
	return syscall(SYS_openat, AT_FDCWD, "/", O_RDONLY, 0) < 0 && errno == EPERM ? 0 : 1;
}

static int read_at(void)
{
	char byte;

	return pread(-1, &byte, 1, 0) < 0 && errno == EBADF ? 0 : 1;
}

/* Status of a child that does FN behind the supervisor's filter, and perhaps a worker's. */
static int behind(bool worker, int (*fn)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct ch_err err;
		int rc = ch_confine_supervisor(&err);

		if (rc == 0 && worker)
			rc = ch_confine_worker(&err);
		syscall(SYS_exit_group, rc < 0 ? 99 : fn());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

/* Its reports need files, and its allocator tricks. */
static bool has_filters(void)
{
	return !WIFEXITED(behind(true, make_socket));
}

static void with_an_address_sanitizer_there_are_no_filters(void **state)
{
	(void)state;
	for (int worker = 0; worker <= 1; worker++)
		assert_int_equal(behind(worker, read_at), 0);
}

static void assert_deadly(int (*fn)(void))
{
	for (int worker = 0; worker <= 1; worker++) {
		int status = behind(worker, fn);

		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGSYS);
	}
}

static int tried; /* number of a system call */

/* With arguments that are wrong for all of them, should it be let through. */
static int call(void)
{
	syscall(tried, -1, -1, -1, -1, -1, -1);
	return 0;
}

static void what_nobody_needs_is_deadly(void **state)
{
	int (*const calls[])(void) = {
		exec,	     exec_descriptor, trace,	       mount_something,
		make_socket, connect_one,     make_namespaces, clone_namespaces,
		become_root,
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		assert_deadly(calls[i]);
}

static void whatever_is_called_deadly_is(void **state)
{
	(void)state;
	for (size_t i = 0; i < ch_seccomp_never.n; i++) {
		tried = ch_seccomp_never.calls[i];
		assert_deadly(call);
	}
}

static void what_is_unknown_is_refused_and_what_is_needed_works(void **state)
{
	(void)state;
	for (int worker = 0; worker <= 1; worker++) {
		assert_int_equal(behind(worker, unknown), 0);
		assert_int_equal(behind(worker, open_file), 0);
		assert_int_equal(behind(worker, read_at), 0);
	}
	assert_int_equal(behind(true, make_process), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_nobody_needs_is_deadly),
		cmocka_unit_test(whatever_is_called_deadly_is),
		cmocka_unit_test(what_is_unknown_is_refused_and_what_is_needed_works),
	};
	const struct CMUnitTest without[] = {
		cmocka_unit_test(with_an_address_sanitizer_there_are_no_filters),
	};

	if (!has_filters())
		return cmocka_run_group_tests_name("without filters", without, NULL, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
