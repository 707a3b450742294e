/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/msg.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

static int pair[2];

static int make_pair(void **state)
{
	(void)state;
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair);
}

static int close_pair(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++)
		if (pair[i] >= 0)
			close(pair[i]);
	return 0;
}

static long long soon(void)
{
	return ch_msg_deadline(2000);
}

static int open_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 1000; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static bool is_same(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino;
}

static void a_message_arrives_whole(void **state)
{
	(void)state;
	char in[20];

	assert_int_equal(ch_msg_send(pair[0], "hello", 6, NULL, 0, soon()), 0);
	assert_int_equal(ch_msg_send(pair[0], "you", 4, NULL, 0, soon()), 0);

	assert_int_equal(ch_msg_recv(pair[1], in, sizeof(in), NULL, 0, soon()), 6);
	assert_string_equal(in, "hello");
	assert_int_equal(ch_msg_recv(pair[1], in, sizeof(in), NULL, 0, soon()), 4);
	assert_string_equal(in, "you");
}

static void a_message_that_is_too_long_is_an_error(void **state)
{
	(void)state;
	int before = open_fds(), out[2] = { 0, 0 }, fds[2];
	char in[3];

	assert_int_equal(ch_msg_send(pair[0], "hello", 6, out, 2, soon()), 0);
	assert_int_equal(ch_msg_send(pair[0], "you", 3, NULL, 0, soon()), 0);

	assert_int_equal(ch_msg_recv(pair[1], in, sizeof(in), fds, 2, soon()), -EMSGSIZE);
	assert_int_equal(open_fds(), before);
	assert_int_equal(ch_msg_recv(pair[1], in, sizeof(in), fds, 2, soon()), 3);
	assert_memory_equal(in, "you", 3);
}

static void descriptors_arrive_close_on_exec(void **state)
{
	(void)state;
	int out[2], in[4];
	char byte;

	assert_int_equal(pipe(out), 0);
	assert_int_equal(ch_msg_send(pair[0], "x", 1, out, 2, soon()), 0);
	assert_int_equal(ch_msg_recv(pair[1], &byte, 1, in, 4, soon()), 1);

	assert_true(is_same(in[0], out[0]) && is_same(in[1], out[1]));
	assert_true(fcntl(in[0], F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(in[1], F_GETFD) & FD_CLOEXEC);
	assert_int_equal(in[2], -1);
	assert_int_equal(in[3], -1);
	for (int i = 0; i < 2; i++) {
		close(in[i]);
		close(out[i]);
	}
}

static void descriptors_that_are_not_expected_are_closed(void **state)
{
	(void)state;
	int out[4] = { 0, 0, 0, 0 }, in[1], before = open_fds();
	char byte;

	for (int room = 0; room <= 1; room++) {
		assert_int_equal(ch_msg_send(pair[0], "x", 1, out, 4, soon()), 0);
		assert_int_equal(
			ch_msg_recv(pair[1], &byte, 1, room ? in : NULL, (size_t)room, soon()), 1);
		assert_int_equal(open_fds(), before + room);
		if (room)
			close(in[0]);
	}
}

static void too_many_descriptors_are_refused(void **state)
{
	(void)state;
	int out[CH_MSG_FDS + 1] = { 0 };

	assert_int_equal(ch_msg_send(pair[0], "x", 1, out, CH_MSG_FDS + 1, soon()), -E2BIG);
}

static void a_message_without_descriptors_gives_none(void **state)
{
	(void)state;
	int in[2] = { 77, 77 };
	char byte;

	assert_int_equal(ch_msg_send(pair[0], "x", 1, NULL, 0, soon()), 0);
	assert_int_equal(ch_msg_recv(pair[1], &byte, 1, in, 2, soon()), 1);

	assert_int_equal(in[0], -1);
	assert_int_equal(in[1], -1);
}

static void waiting_ends_at_the_deadline(void **state)
{
	(void)state;
	static char big[10000];
	long long start = ch_msg_deadline(0), took;
	char byte;
	int rc = 0;

	assert_int_equal(ch_msg_recv(pair[1], &byte, 1, NULL, 0, ch_msg_deadline(50)), -ETIMEDOUT);
	for (int i = 0; i < 1000 && rc == 0; i++)
		rc = ch_msg_send(pair[0], big, sizeof(big), NULL, 0, ch_msg_deadline(50));
	assert_int_equal(rc, -ETIMEDOUT);
	/* One that is past does not wait at all. */
	assert_int_equal(ch_msg_send(pair[0], big, sizeof(big), NULL, 0, 0), -ETIMEDOUT);

	took = ch_msg_deadline(0) - start;
	assert_true(took >= 100 && took < 5000);
	assert_int_equal(ch_msg_left(0), 0);
	assert_in_range(ch_msg_left(ch_msg_deadline(1000)), 900, 1000);
}

static void a_full_socket_is_waited_for(void **state)
{
	(void)state;
	static char big[10000];
	pid_t pid;
	int status, rc = 0, sent = 0;

	while (rc == 0 && sent < 1000) {
		rc = ch_msg_send(pair[0], big, sizeof(big), NULL, 0, 0);
		sent += rc == 0;
	}
	assert_int_equal(rc, -ETIMEDOUT);
	pid = fork();
	if (pid == 0) {
		poll(NULL, 0, 100);
		for (int i = 0; i <= sent; i++)
			if (ch_msg_recv(pair[1], big, sizeof(big), NULL, 0, soon()) !=
			    (long)sizeof(big))
				_exit(1);
		_exit(0);
	}

	assert_int_equal(ch_msg_send(pair[0], big, sizeof(big), NULL, 0, soon()), 0);

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void do_nothing(int number)
{
	(void)number;
}

static void signals_do_not_shorten_the_wait(void **state)
{
	(void)state;
	long long start = ch_msg_deadline(0);
	pid_t pid, self = getpid();
	char byte;

	sigaction(SIGUSR1, &(struct sigaction){ .sa_handler = do_nothing }, NULL);
	pid = fork();
	if (pid == 0) {
		for (int i = 0; i < 10; i++) {
			poll(NULL, 0, 10);
			kill(self, SIGUSR1);
		}
		_exit(0);
	}

	assert_int_equal(ch_msg_recv(pair[1], &byte, 1, NULL, 0, ch_msg_deadline(200)), -ETIMEDOUT);

	assert_true(ch_msg_deadline(0) - start >= 200);
	waitpid(pid, NULL, 0);
	signal(SIGUSR1, SIG_DFL);
}

static void a_closed_peer_is_noticed_without_a_signal(void **state)
{
	(void)state;
	char byte;

	assert_int_equal(ch_msg_send(pair[0], "x", 1, NULL, 0, soon()), 0);
	close(pair[0]);
	pair[0] = -1;

	assert_int_equal(ch_msg_recv(pair[1], &byte, 1, NULL, 0, soon()), 1);
	assert_int_equal(ch_msg_recv(pair[1], &byte, 1, NULL, 0, soon()), 0);
	assert_int_equal(ch_msg_send(pair[1], "x", 1, NULL, 0, soon()), -EPIPE);
}

static void what_is_no_socket_is_an_error(void **state)
{
	(void)state;
	char byte;

	assert_int_equal(ch_msg_send(-1, "x", 1, NULL, 0, soon()), -EBADF);
	assert_int_equal(ch_msg_recv(-1, &byte, 1, NULL, 0, soon()), -EBADF);
	assert_int_equal(ch_msg_send(0, "x", 1, NULL, 0, soon()), -ENOTSOCK);
}

static void a_peek_leaves_the_message(void **state)
{
	(void)state;
	int out = 0, in[1];
	char byte;

	assert_int_equal(ch_msg_send(pair[0], "x", 1, &out, 1, soon()), 0);

	for (int i = 0; i < 3; i++) {
		assert_int_equal(ch_msg_peek(pair[1], &byte, 1, in, 1, soon()), 1);
		assert_true(is_same(in[0], 0));
		close(in[0]);
	}
	assert_int_equal(ch_msg_recv(pair[1], &byte, 1, in, 1, soon()), 1);
	assert_true(is_same(in[0], 0));
	close(in[0]);
	assert_int_equal(ch_msg_peek(pair[1], &byte, 1, in, 1, 0), -ETIMEDOUT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_pair, close_pair)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_message_arrives_whole),
		TEST(a_message_that_is_too_long_is_an_error),
		TEST(descriptors_arrive_close_on_exec),
		TEST(descriptors_that_are_not_expected_are_closed),
		TEST(too_many_descriptors_are_refused),
		TEST(a_message_without_descriptors_gives_none),
		TEST(waiting_ends_at_the_deadline),
		TEST(a_full_socket_is_waited_for),
		TEST(signals_do_not_shorten_the_wait),
		TEST(a_closed_peer_is_noticed_without_a_signal),
		TEST(what_is_no_socket_is_an_error),
		TEST(a_peek_leaves_the_message),
	};

	/* Descriptor 0 is sent around, and must not be a socket. */
	close(0);
	if (open("/dev/null", O_RDWR) != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
