/* SPDX-License-Identifier: Apache-2.0 */
#include "rt/join.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "rt/enter.h"
#include "sys/msg.h"
#include "unit.h"

/* ---- tag and number --------------------------------------------------------------------- */

/* "NAME=VALUE" of a launcher's environment, separated by spaces */
static const char *environment;

static const char *get(const char *name)
{
	static char values[8][CH_JOIN_TAG_MAX]; /* like getenv(3), they last */
	static unsigned next;
	char *value = values[next++ % ARRAY_SIZE(values)];
	size_t n = strlen(name);

	for (const char *p = environment; *p; p += strcspn(p, " "), p += *p == ' ') {
		if (strncmp(p, name, n) != 0 || p[n] != '=')
			continue;
		snprintf(value, sizeof(values[0]), "%.*s", (int)strcspn(p + n + 1, " "), p + n + 1);
		return value;
	}
	return NULL;
}

static struct ch_join find(const char *tag, uint32_t peers, const char *env)
{
	struct ch_join join;
	struct ch_err err;

	environment = env;
	assert_int_equal(ch_join_find(tag, peers, get, &join, &err), 0);
	return join;
}

/* The name without the part that is the user's. */
static const char *name_of(const char *tag, const char *env)
{
	static struct ch_join join;
	char prefix[32];

	join = find(tag, 0, env);
	snprintf(prefix, sizeof(prefix), "charlie:%u:", (unsigned)geteuid());
	assert_memory_equal(join.name, prefix, strlen(prefix));
	return join.name + strlen(prefix);
}

static void the_tag_is_the_options_or_the_launchers(void **state)
{
	char parent[64];

	(void)state;
	assert_string_equal(name_of("foo", ""), ":tag:foo");
	assert_string_equal(name_of("foo", "PMIX_NAMESPACE=ns SLURM_JOB_ID=7"), "7:tag:foo");
	assert_string_equal(name_of(NULL, "PMIX_NAMESPACE=slurm.pmix.7.0 SLURM_JOB_ID=7"),
			    "7:pmix:slurm.pmix.7.0");
	assert_string_equal(name_of(NULL, "SLURM_JOB_ID=7 SLURM_STEP_ID=3"), "7:step:3");
	assert_string_equal(name_of(NULL, "PMIX_NAMESPACE= SLURM_STEP_ID=3 SLURM_JOB_ID="),
			    ":step:3");
	snprintf(parent, sizeof(parent), "7:parent:%d", (int)getppid());
	assert_string_equal(name_of(NULL, "SLURM_JOB_ID=7"), parent);
}

static void the_kinds_of_tags_are_kept_apart(void **state)
{
	(void)state;
	assert_string_equal(name_of("3", "SLURM_STEP_ID=3"), ":tag:3");
	assert_string_equal(name_of(NULL, "SLURM_STEP_ID=3"), ":step:3");
}

static void long_tags_differ_even_where_they_are_cut(void **state)
{
	char a[CH_JOIN_TAG_MAX], b[CH_JOIN_TAG_MAX + 100];
	struct ch_join one, other, same;
	struct ch_err err;

	(void)state;
	memset(a, 'x', sizeof(a));
	a[1000] = '\0';
	one = find(a, 0, "");
	same = find(a, 0, "");
	a[999] = 'y';
	other = find(a, 0, "");
	assert_string_equal(one.name, same.name);
	assert_string_not_equal(one.name, other.name);

	memset(b, 'x', sizeof(b));
	b[sizeof(b) - 1] = '\0';
	assert_int_equal(ch_join_find(b, 0, get, &one, &err), -EINVAL);
	assert_int_equal(ch_join_find("", 0, get, &one, &err), -EINVAL);
}

static void the_number_is_the_options_or_the_launchers(void **state)
{
	static const struct {
		const char *env;
		uint32_t peers;
	} cases[] = {
		{ "", 0 },
		{ "OMPI_COMM_WORLD_LOCAL_SIZE=4 SLURM_CPUS_ON_NODE=9", 4 },
		{ "MPI_LOCALNRANKS=5", 5 },
		{ "PMI_LOCAL_SIZE=6", 6 },
		{ "SLURM_STEP_TASKS_PER_NODE=2(x3) SLURM_CPUS_ON_NODE=9", 2 },
		{ "SLURM_STEP_TASKS_PER_NODE=4,2 SLURM_NODEID=0", 4 },
		{ "SLURM_STEP_TASKS_PER_NODE=4,2 SLURM_NODEID=1", 2 },
		{ "SLURM_STEP_TASKS_PER_NODE=4(x2),3(x2),1 SLURM_NODEID=3", 3 },
		{ "SLURM_STEP_TASKS_PER_NODE=4(x2),3(x2),1 SLURM_NODEID=4", 1 },
		{ "SLURM_STEP_TASKS_PER_NODE=4,2 SLURM_NODEID=9 SLURM_CPUS_ON_NODE=8", 8 },
		{ "SLURM_CPUS_ON_NODE=8", 8 },
		{ "SLURM_CPUS_ON_NODE=8junk", 8 },
		{ "SLURM_CPUS_ON_NODE=junk", 0 },
		{ "OMPI_COMM_WORLD_LOCAL_SIZE=0 SLURM_CPUS_ON_NODE=3", 3 },
		{ "OMPI_COMM_WORLD_LOCAL_SIZE=-4 SLURM_CPUS_ON_NODE=3", 3 },
		{ "OMPI_COMM_WORLD_LOCAL_SIZE=99999999999999999999", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		if (find(NULL, 0, cases[i].env).peers != cases[i].peers)
			fail_msg("%s: %u", cases[i].env, find(NULL, 0, cases[i].env).peers);
	}
	assert_int_equal(find(NULL, 77, "SLURM_CPUS_ON_NODE=8").peers, 77);
}

static void odd_lists_say_nothing(void **state)
{
	static const char *const lists[] = { "",      ",",    "x",	"(x3)", "2(x", "2(x)",
					     "2(x0)", "2(x3", "2(x3)3", "2,,3", "-1",  "2;3" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		assert_int_equal(ch_join_tasks(lists[i], 7), 0);
}

/* ---- meeting ------------------------------------------------------------------------------ */

static struct ch_join unique(void)
{
	char tag[64];

	snprintf(tag, sizeof(tag), "test_join.%d", (int)getpid());
	return find(tag, 0, "");
}

static void one_is_the_first_and_the_others_connect(void **state)
{
	struct ch_join join = unique();
	long long deadline = ch_msg_deadline(5000);
	int first, listener, other, none;
	struct ch_err err;

	(void)state;
	assert_int_equal(ch_join_meet(&join, deadline, &first, &listener, &err), 0);
	assert_true(first >= 0 && listener >= 0);
	assert_int_equal(ch_join_meet(&join, deadline, &other, &none, &err), 0);
	assert_true(other >= 0);
	assert_int_equal(none, -1);
	close(other);
	close(listener);
	close(first);
	/* The name is free again. */
	assert_int_equal(ch_join_meet(&join, deadline, &first, &listener, &err), 0);
	assert_true(listener >= 0);
	close(listener);
	close(first);
}

/* Bind JOIN's name, and listen if asked to. */
static int squat(const struct ch_join *join, bool listens)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
				    strlen(join->name));
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	memcpy(a.sun_path + 1, join->name, strlen(join->name));
	if (bind(fd, (struct sockaddr *)&a, len) < 0 || (listens && listen(fd, 1) < 0))
		return -1;
	return fd;
}

static void who_has_the_name_and_does_not_listen_is_told_of(void **state)
{
	struct ch_join join = unique();
	int sock, listener, fd = squat(&join, false);
	struct ch_err err;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(ch_join_meet(&join, ch_msg_deadline(100), &sock, &listener, &err),
			 -ETIMEDOUT);
	assert_non_null(strstr(err.msg, "does not answer"));
	assert_non_null(strstr(err.msg, join.name));
	close(fd);
}

/* As another user, which takes root. */
static void another_user_who_has_the_name_is_told_of(void **state)
{
	struct ch_join join = unique();
	int sock, listener, ready[2], status;
	struct ch_err err;
	pid_t pid;
	char byte;

	(void)state;
	if (geteuid() != 0)
		return;
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		if (setresuid(54321, 54321, 54321) < 0 || squat(&join, true) < 0)
			_exit(1);
		(void)!write(ready[1], "x", 1);
		pause();
		_exit(0);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(ch_join_meet(&join, ch_msg_deadline(5000), &sock, &listener, &err),
			 -EPERM);
	assert_non_null(strstr(err.msg, "is taken by user 54321"));
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	close(ready[0]);
}

static void processes_that_are_in_no_container_are_told_of(void **state)
{
	static struct ch_entry entry;
	struct ch_err err;

	(void)state;
	assert_int_equal(ch_join_process(getpid(), &entry, &err), -EINVAL);
	assert_int_equal(ch_join_process(INT32_MAX, &entry, &err), -ESRCH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_tag_is_the_options_or_the_launchers),
		cmocka_unit_test(the_kinds_of_tags_are_kept_apart),
		cmocka_unit_test(long_tags_differ_even_where_they_are_cut),
		cmocka_unit_test(the_number_is_the_options_or_the_launchers),
		cmocka_unit_test(odd_lists_say_nothing),
		cmocka_unit_test(one_is_the_first_and_the_others_connect),
		cmocka_unit_test(who_has_the_name_and_does_not_listen_is_told_of),
		cmocka_unit_test(another_user_who_has_the_name_is_told_of),
		cmocka_unit_test(processes_that_are_in_no_container_are_told_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
