/* SPDX-License-Identifier: Apache-2.0 */
#include "rt/doomed.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

static void the_kernels_text_is_understood(void **state)
{
	static const struct {
		const char *text;
		enum ch_doomed_state state;
	} cases[] = {
		{ "", CH_DOOMED_GONE },
		{ "nonsense", CH_DOOMED_GONE },
		{ "Name:\tx\nState:\tR (running)\nThreads:\t1\nSigPnd:\t0000000000000000\n"
		  "ShdPnd:\t0000000000000000\n",
		  CH_DOOMED_ALIVE },
		/* SIGKILL of this thread, of the process */
		{ "Name:\tx\nState:\tD (disk sleep)\nThreads:\t1\nSigPnd:\t0000000000000100\n"
		  "ShdPnd:\t0000000000000000\n",
		  CH_DOOMED_KILLED },
		{ "Name:\tx\nState:\tD (disk sleep)\nThreads:\t1\nSigPnd:\t0000000000000000\n"
		  "ShdPnd:\t0000000000004100\n",
		  CH_DOOMED_KILLED },
		/* SIGTERM, SIGSTOP */
		{ "Name:\tx\nState:\tD (disk sleep)\nThreads:\t1\nSigPnd:\t0000000000004000\n"
		  "ShdPnd:\t0000000000040000\n",
		  CH_DOOMED_ALIVE },
		{ "Name:\tx\nState:\tZ (zombie)\nThreads:\t1\nSigPnd:\t0000000000000100\n",
		  CH_DOOMED_GONE },
		/* The first thread has ended; others run, or cannot end. */
		{ "Name:\tx\nState:\tZ (zombie)\nThreads:\t3\nSigPnd:\t0000000000000000\n"
		  "ShdPnd:\t0000000000000000\n",
		  CH_DOOMED_ALIVE },
		{ "Name:\tx\nState:\tZ (zombie)\nThreads:\t3\nSigPnd:\t0000000000000000\n"
		  "ShdPnd:\t0000000000000100\n",
		  CH_DOOMED_KILLED },
		/* A name is not a field. */
		{ "Name:\tShdPnd:\t100\nState:\tS (sleeping)\nThreads:\t1\n", CH_DOOMED_ALIVE },
		{ "Name:\tx\nState:\tS (sleeping)\nThreads:", CH_DOOMED_ALIVE },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (ch_doomed_parse(cases[i].text) != cases[i].state)
			fail_msg("case %zu: %d", i, ch_doomed_parse(cases[i].text));
}

static int status_of(pid_t pid)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static void who_lives_is_watched_until_it_ends(void **state)
{
	struct ch_doomed d = { .n = 0 };
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		pause();
		_exit(0);
	}
	assert_int_equal(ch_doomed_patience(&d), -1);
	ch_doomed_add(&d, status_of(pid));
	assert_int_equal(d.n, 1);
	assert_true(ch_doomed_patience(&d) > 0);
	assert_false(ch_doomed_look(&d)); /* it is not time */
	d.next = 0;
	assert_false(ch_doomed_look(&d));
	assert_int_equal(d.n, 1);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	d.next = 0;
	assert_false(ch_doomed_look(&d));
	assert_int_equal(d.n, 0);
	ch_doomed_done(&d);
}

static void what_is_no_status_is_not_kept(void **state)
{
	struct ch_doomed d = { .n = 0 };
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	ch_doomed_add(&d, ends[0]);
	ch_doomed_add(&d, open("/dev/null", O_RDONLY | O_CLOEXEC));
	assert_int_equal(d.n, 0);
	assert_int_equal(fcntl(ends[0], F_GETFD), -1);
	assert_int_equal(errno, EBADF);
	close(ends[1]);
}

static void more_than_enough_are_not_kept(void **state)
{
	static struct ch_doomed d;
	struct rlimit before, few = { .rlim_cur = 60 };

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few.rlim_max = before.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	ch_doomed_limit(&d);
	for (int i = 0; i < 40; i++)
		ch_doomed_add(&d, status_of(getpid()));
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(d.n, 30);
	d.next = 0;
	assert_false(ch_doomed_look(&d));
	ch_doomed_done(&d);
	assert_int_equal(d.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_kernels_text_is_understood),
		cmocka_unit_test(who_lives_is_watched_until_it_ends),
		cmocka_unit_test(what_is_no_status_is_not_kept),
		cmocka_unit_test(more_than_enough_are_not_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
