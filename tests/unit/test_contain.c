/* SPDX-License-Identifier: Apache-2.0 */
#include "spank/contain.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "unit.h"

static void only_slurmstepd_itself_may_start_a_keeper(void **state)
{
	static const struct {
		pid_t stepd, here;
		int code;
	} cases[] = {
		{ 4711, 4711, 0 },
		{ 4711, 4712, -ENOTSUP },
		/* Numbers have begun anew meanwhile, or a namespace counts by itself. */
		{ 4711, 300, -ENOTSUP },
		{ 4711, 1, -ENOTSUP },
		/* slurmstepd is process 1 of a container. */
		{ 1, 1, 0 },
		{ 1, 2, -ENOTSUP },
		/* slurm_spank_init did not run on this node. */
		{ 0, 4711, -ENOTSUP },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ch_err err = { 0 };

		if (ch_contain_check(cases[i].stepd, cases[i].here, &err) != cases[i].code)
			fail_msg("case %zu: %d", i, err.code);
		if (cases[i].code)
			assert_string_equal(err.msg,
					    "SlurmdParameters=contain_spank is not supported");
	}
}

struct hook {
	pid_t stepd;
	int code;
};

static int run_hook(void *data)
{
	struct hook *hook = data;
	struct ch_err err;

	hook->code = ch_contain_check(hook->stepd, getpid(), &err);
	return 0;
}

/* As slurmstepd of Slurm 24.05 and later runs a hook with contain_spank (_run_spank_func in
 * its mgr.c). That of Debian 12, 22.05, calls user_init in slurmstepd itself, whatever is
 * configured: there it can only be shown what becomes of the error, by a plugin that makes
 * such a clone (tests/slurm/plugstack.bats). */
static void a_clone_that_shares_memory_is_found_out(void **state)
{
	static char stack[256 * 1024] __attribute__((aligned(16)));
	struct hook hook = { .stepd = getpid(), .code = 1 };
	int status;

	(void)state;
	pid_t pid = clone(run_hook, stack + sizeof(stack), CLONE_VM | SIGCHLD, &hook);

	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(hook.code, -ENOTSUP);
	run_hook(&hook);
	assert_int_equal(hook.code, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_slurmstepd_itself_may_start_a_keeper),
		cmocka_unit_test(a_clone_that_shares_memory_is_found_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
