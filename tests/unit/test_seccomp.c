/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "sys/seccomp.h"

static const int allowed[] = {
	__NR_write,
	__NR_clone,
	__NR_wait4,
	__NR_futex,
	__NR_mmap,
	__NR_munmap,
	__NR_mprotect,
	__NR_madvise,
	__NR_rt_sigprocmask,
	__NR_rt_sigaction,
	__NR_set_robust_list,
	__NR_getpid,
	__NR_gettid,
	__NR_tgkill,
	__NR_exit,
	__NR_exit_group,
	__NR_brk,
#ifdef __NR_rseq
	__NR_rseq,
#endif
};
static const int refused[] = { __NR_openat };

static struct ch_seccomp_policy policy(bool all_threads)
{
	return (struct ch_seccomp_policy){
		.allow = { allowed, ARRAY_SIZE(allowed) },
		.refuse = { refused, ARRAY_SIZE(refused) },
		.kill = ch_seccomp_never,
		.all_threads = all_threads,
	};
}

/* Not _exit(2): a sanitizer's runtime takes that for its own purposes, and makes calls that
 * no list has. */
static void leave(int code) __attribute__((noreturn));

static void leave(int code)
{
	for (;;)
		syscall(__NR_exit_group, code);
}

/* Run F under the filter in a child, as P says. Returns its wait status. F makes raw system
 * calls only, so that it does not matter what it is linked with. */
static int filtered_by(const struct ch_seccomp_policy *p, int (*f)(void))
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		struct ch_err err;

		leave(ch_seccomp_install(p, &err) < 0 ? 99 : f());
	}
	waitpid(pid, &status, 0);
	return status;
}

static int filtered(int (*f)(void))
{
	struct ch_seccomp_policy p = policy(false);

	return filtered_by(&p, f);
}

static int is_exit(int status, int code)
{
	return WIFEXITED(status) && WEXITSTATUS(status) == code;
}

static int is_kill(int status)
{
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
}

static int call_getpid(void)
{
	return syscall(__NR_getpid) > 0 ? 0 : 1;
}

static int call_unknown(void)
{
	return syscall(__NR_getppid) == -1 ? errno : 0;
}

static int call_future(void)
{
	return syscall(5000) == -1 ? errno : 0;
}

static int call_openat(void)
{
	return syscall(__NR_openat, -1, "/", 0) == -1 ? errno : 0;
}

static pid_t parent;

static int call_execve(void)
{
	syscall(__NR_execve, "/bin/true", NULL, NULL);
	return 0;
}

static int call_socket(void)
{
	syscall(__NR_socket, 1, 1, 0);
	return 0;
}

static int call_ptrace(void)
{
	syscall(__NR_ptrace, 0, 0, 0, 0);
	return 0;
}

static int call_fork(void)
{
	int status = -1;
	pid_t pid = (pid_t)syscall(__NR_clone, SIGCHLD, 0, 0, 0, 0);

	if (pid == 0)
		syscall(__NR_exit_group, 7);
	syscall(__NR_wait4, pid, &status, 0, NULL);
	return is_exit(status, 7) ? 0 : 1;
}

static int call_clone_newuser(void)
{
	syscall(__NR_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
	return 0;
}

#ifdef __x86_64__
static int call_x32(void)
{
	syscall(0x40000000 | __NR_getpid);
	return 0;
}

/* int $0x80: getpid of i386; its number is another call in the native table. */
static int call_i386(void)
{
	long rc;

	__asm__ volatile("int $0x80" : "=a"(rc) : "a"(20) : "memory");
	return rc > 0 ? 0 : 1;
}
#endif

static void allows_what_is_listed(void **state)
{
	(void)state;

	assert_true(is_exit(filtered(call_getpid), 0));
}

static void unknown_calls_are_not_implemented(void **state)
{
	(void)state;

	assert_true(is_exit(filtered(call_unknown), ENOSYS));
	assert_true(is_exit(filtered(call_future), ENOSYS));
}

static void refused_calls_are_not_permitted(void **state)
{
	(void)state;

	assert_true(is_exit(filtered(call_openat), EPERM));
}

static void forbidden_calls_kill(void **state)
{
	(void)state;

	assert_true(is_kill(filtered(call_execve)));
	assert_true(is_kill(filtered(call_socket)));
	assert_true(is_kill(filtered(call_ptrace)));
}

static void clone_makes_processes_but_no_namespaces(void **state)
{
	(void)state;

	assert_true(is_exit(filtered(call_fork), 0));
	assert_true(is_kill(filtered(call_clone_newuser)));
}

static void foreign_calls_kill(void **state)
{
	(void)state;
#ifdef __x86_64__
	assert_true(is_kill(filtered(call_x32)));
	assert_true(is_kill(filtered(call_i386)));
#else
	skip();
#endif
}

static int call_tgkill_parent(void)
{
	return syscall(__NR_tgkill, parent, parent, 0) == -1 ? errno : 0;
}

static int call_tgkill_self(void)
{
	long pid = syscall(__NR_getpid);

	return syscall(__NR_tgkill, pid, pid, 0) == -1 ? errno : 0;
}

static void tgkill_can_be_for_one_process_only(void **state)
{
	(void)state;
	struct ch_seccomp_policy p = policy(false);

	parent = getpid();
	assert_true(is_exit(filtered_by(&p, call_tgkill_parent), 0));
	p.tgkill_pid = parent;
	assert_true(is_exit(filtered_by(&p, call_tgkill_parent), 0));
	assert_true(is_exit(filtered_by(&p, call_tgkill_self), EPERM));
}

/* Nothing is at the address: what is let through is EFAULT. */
static int call_setaffinity_self(void)
{
	return syscall(__NR_sched_setaffinity, 0, sizeof(cpu_set_t), NULL) == -1 ? errno : 0;
}

static int call_setaffinity_parent(void)
{
	return syscall(__NR_sched_setaffinity, parent, sizeof(cpu_set_t), NULL) == -1 ? errno : 0;
}

static void affinity_can_be_set_for_oneself_only(void **state)
{
	(void)state;
	static const int calls[] = { __NR_sched_setaffinity, __NR_exit_group };
	const struct ch_seccomp_policy p = { .allow = { calls, ARRAY_SIZE(calls) } };

	parent = getpid();
	assert_true(is_exit(filtered_by(&p, call_setaffinity_self), EFAULT));
	assert_true(is_exit(filtered_by(&p, call_setaffinity_parent), EPERM));
}

static pthread_barrier_t before, after;

static void *other_thread(void *arg)
{
	(void)arg;
	pthread_barrier_wait(&before);
	pthread_barrier_wait(&after);
	leave(syscall(__NR_getppid) == -1 ? errno : 0);
}

/* A thread that existed before must have the filter, too, if asked for. */
static int with_thread(bool all_threads)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		struct ch_seccomp_policy p = policy(all_threads);
		struct ch_err err;
		pthread_t t;

		pthread_barrier_init(&before, NULL, 2);
		pthread_barrier_init(&after, NULL, 2);
		pthread_create(&t, NULL, other_thread, NULL);
		pthread_barrier_wait(&before);
		if (ch_seccomp_install(&p, &err) < 0)
			leave(99);
		pthread_barrier_wait(&after);
		for (;;)
			syscall(__NR_futex, &status, 0, status, NULL, NULL, 0);
	}
	waitpid(pid, &status, 0);
	return status;
}

static void can_apply_to_all_threads(void **state)
{
	(void)state;

	assert_true(is_exit(with_thread(true), ENOSYS));
	assert_true(is_exit(with_thread(false), 0));
}

static void says_when_the_lists_are_too_long(void **state)
{
	(void)state;
	static int many[400];
	struct ch_seccomp_policy p = { .allow = { many, ARRAY_SIZE(many) } };
	struct ch_err err;

	assert_int_equal(ch_seccomp_install(&p, &err), -E2BIG);
	assert_string_equal(err.msg, "system call filter too long");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(allows_what_is_listed),
		cmocka_unit_test(unknown_calls_are_not_implemented),
		cmocka_unit_test(refused_calls_are_not_permitted),
		cmocka_unit_test(forbidden_calls_kill),
		cmocka_unit_test(clone_makes_processes_but_no_namespaces),
		cmocka_unit_test(foreign_calls_kill),
		cmocka_unit_test(tgkill_can_be_for_one_process_only),
		cmocka_unit_test(affinity_can_be_set_for_oneself_only),
		cmocka_unit_test(can_apply_to_all_threads),
		cmocka_unit_test(says_when_the_lists_are_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
