/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/stdio.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

/* Each case runs in a child, which has nothing to say it with but its exit status. */
#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition))                                                                  \
			_exit(__LINE__ & 0xff);                                                    \
	} while (0)

static int run(void (*in_child)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		in_child();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void close_all(void)
{
	char c = 'x';

	for (int fd = 0; fd <= 2; fd++)
		close(fd);
	ch_stdio_guard();

	CHECK(open("/dev/zero", O_RDWR | O_CLOEXEC) > 2);
	CHECK(read(0, &c, 1) < 0 && errno == EBADF);
	CHECK(write(1, &c, 1) < 0 && errno == EBADF);
	CHECK(write(2, &c, 1) < 0 && errno == EBADF);
	for (int fd = 0; fd <= 2; fd++)
		CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC);
}

static void close_one(void)
{
	CHECK(fcntl(0, F_SETFD, 0) == 0 && fcntl(1, F_SETFD, 0) == 0);
	close(2);
	ch_stdio_guard();

	CHECK(open("/dev/zero", O_RDWR | O_CLOEXEC) > 2);
	CHECK(fcntl(0, F_GETFD) == 0 && fcntl(1, F_GETFD) == 0);
	CHECK(fcntl(2, F_GETFD) == FD_CLOEXEC);
}

static void close_none(void)
{
	CHECK(fcntl(0, F_SETFD, 0) == 0);
	ch_stdio_guard();

	int next = open("/dev/zero", O_RDWR | O_CLOEXEC);

	CHECK(next > 2 && fcntl(0, F_GETFD) == 0);
	close(next);
	ch_stdio_guard();
	CHECK(open("/dev/zero", O_RDWR | O_CLOEXEC) == next);
}

static void no_file_gets_the_number_of_a_closed_one(void **state)
{
	(void)state;
	assert_int_equal(run(close_all), 0);
	assert_int_equal(run(close_one), 0);
}

static void open_ones_stay_as_they_are(void **state)
{
	(void)state;
	assert_int_equal(run(close_none), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_file_gets_the_number_of_a_closed_one),
		cmocka_unit_test(open_ones_stay_as_they_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
