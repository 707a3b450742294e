/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/near.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

enum { ENOUGH = 100 };

#define NONE ((size_t)CPU_SETSIZE)

static cpu_set_t all;
static size_t cpus[2];

static int find_cpus(void **state)
{
	(void)state;
	size_t n = 0;

	if (sched_getaffinity(0, sizeof(all), &all) < 0)
		return -1;
	for (size_t cpu = 0; cpu < CPU_SETSIZE && n < 2; cpu++)
		if (CPU_ISSET(cpu, &all))
			cpus[n++] = cpu;
	return n == 2 ? 0 : -1;
}

static int go_home(void **state)
{
	(void)state;
	return sched_setaffinity(0, sizeof(all), &all);
}

/* A process that is on CPU, or (NONE) where it likes. */
static pid_t reader(size_t cpu)
{
	pid_t pid = fork();
	cpu_set_t set;

	assert_true(pid >= 0);
	if (pid == 0) {
		for (;;)
			pause();
	}
	CPU_ZERO(&set);
	if (cpu != NONE) {
		CPU_SET(cpu, &set);
		assert_int_equal(sched_setaffinity(pid, sizeof(set), &set), 0);
	}
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* The CPU that we are bound to, or NONE. */
static size_t bound(void)
{
	cpu_set_t set;

	assert_int_equal(sched_getaffinity(0, sizeof(set), &set), 0);
	if (CPU_COUNT(&set) != 1)
		return NONE;
	return CPU_ISSET(cpus[0], &set) ? cpus[0] : cpus[1];
}

static void ask(struct ch_near *near, pid_t who, int times)
{
	for (int i = 0; i < times; i++)
		ch_near_follow(near, who);
}

static void a_bound_reader_is_followed(void **state)
{
	(void)state;
	pid_t first = reader(cpus[0]);
	pid_t second = reader(cpus[1]);
	struct ch_near near;

	ch_near_start(&near);
	ask(&near, first, 1);
	assert_int_equal(bound(), NONE);
	ask(&near, first, ENOUGH);
	assert_int_equal(bound(), cpus[0]);
	ask(&near, 0, 1); /* the kernel */
	assert_int_equal(bound(), cpus[0]);
	ask(&near, second, 1);
	assert_int_equal(bound(), NONE);
	ask(&near, second, ENOUGH);
	assert_int_equal(bound(), cpus[1]);
	end(first);
	end(second);
}

static void several_readers_are_not(void **state)
{
	(void)state;
	pid_t first = reader(cpus[0]);
	pid_t second = reader(cpus[1]);
	struct ch_near near;

	ch_near_start(&near);
	for (int i = 0; i < ENOUGH; i++) {
		ask(&near, first, 2);
		ask(&near, second, 2);
		assert_int_equal(bound(), NONE);
	}
	end(first);
	end(second);
}

static void readers_that_are_not_bound_or_gone_are_not(void **state)
{
	(void)state;
	pid_t pid = reader(NONE);
	struct ch_near near;

	ch_near_start(&near);
	ask(&near, pid, ENOUGH);
	assert_int_equal(bound(), NONE);
	end(pid);
	ch_near_start(&near);
	ask(&near, pid, ENOUGH);
	assert_int_equal(bound(), NONE);
}

static void nobody_leaves_the_cpus_that_are_ours(void **state)
{
	(void)state;
	pid_t pid = reader(cpus[1]);
	struct ch_near near;
	cpu_set_t one;

	ch_near_start(&near);
	CPU_CLR(cpus[1], &near.all);
	ask(&near, pid, ENOUGH);
	assert_int_equal(bound(), NONE);

	/* With one CPU there is nothing to choose. */
	CPU_ZERO(&one);
	CPU_SET(cpus[0], &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	ch_near_start(&near);
	ask(&near, pid, ENOUGH);
	assert_int_equal(bound(), cpus[0]);
	end(pid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_bound_reader_is_followed, go_home),
		cmocka_unit_test_teardown(several_readers_are_not, go_home),
		cmocka_unit_test_teardown(readers_that_are_not_bound_or_gone_are_not, go_home),
		cmocka_unit_test_teardown(nobody_leaves_the_cpus_that_are_ours, go_home),
	};

	return cmocka_run_group_tests(tests, find_cpus, NULL);
}
