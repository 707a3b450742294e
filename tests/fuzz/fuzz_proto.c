/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_proto - messages between ch-run or plugin, keeper, builder and image server, as
 * whoever receives them sees them
 *
 * The first byte chooses the receiver, the second how many descriptors come along. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "rt/enter.h"
#include "rt/hear.h"
#include "sys/msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int is_true)
{
	if (!is_true)
		abort();
}

static void close_two(int fds[2])
{
	for (int i = 0; i < 2; i++)
		if (fds[i] >= 0)
			close(ch_take_fd(&fds[i]));
}

/* What is told to users: an error, in a line. */
static void require_error(int rc, int code, const char *msg)
{
	require(rc < 0 && rc == code);
	require(memchr(msg, '\0', 488) != NULL);
	for (; *msg; msg++)
		require((unsigned char)*msg >= ' ');
}

static long receive(int sock, void *data, size_t size, int fds[2])
{
	return ch_msg_recv(sock, data, size, fds, 2, ch_msg_deadline(0));
}

/* An answer of the keeper. */
static void as_guest(int sock)
{
	static struct ch_entry e;
	struct ch_err err;
	int rc = ch_enter_wait(sock, ch_msg_deadline(0), &e, &err);
	int fds[2] = { e.userns, e.mntns };

	if (rc == 0)
		require(fds[0] >= 0 && fds[1] >= 0 && e.answer.meta_len <= sizeof(e.meta));
	else
		require_error(rc, err.code, err.msg);
	require(rc == 0 || (fds[0] < 0 && fds[1] < 0));
	close_two(fds);
}

/* A question of a guest. */
static void as_keeper(int sock)
{
	struct ch_cpus m;
	int fds[2];
	long n = receive(sock, &m, sizeof(m), fds);
	int kind = ch_hear_go(&m, n == -EMSGSIZE ? 0 : n);

	require(kind == CH_GO_ENTER || kind == CH_GO_CPUS || kind == CH_HEAR_FOREIGN);
	require(kind != CH_GO_CPUS || n == (long)sizeof(m));
	close_two(fds);
}

/* A message of the builder. */
static void as_keeper_of_builder(int sock)
{
	static char packet[sizeof(struct ch_build_msg) + CH_META_MAX];
	struct ch_build_msg m;
	int fds[2];
	long n = receive(sock, packet, sizeof(packet), fds);
	int kind = ch_hear_builder(packet, n, fds, &m);

	require(m.meta_len == 0 || kind == CH_BUILD_FAILED || sizeof(m) + m.meta_len <= (size_t)n);
	require(kind != CH_BUILD_FUSE || fds[0] >= 0);
	require(kind != CH_BUILD_DONE || (fds[0] >= 0 && fds[1] >= 0));
	if (kind == CH_BUILD_FAILED)
		require_error(m.code, m.code, m.msg);
	close_two(fds);
}

/* A report of the image server. */
static void as_keeper_of_server(int sock)
{
	struct ch_server_report r;
	struct ch_err err;
	int fds[2];
	long n = receive(sock, &r, sizeof(r), fds);

	if (ch_hear_report(&r, n, &err) < 0)
		require_error(err.code, err.code, err.msg);
	else
		require(n == (long)sizeof(r) && r.code == 0);
	close_two(fds);
}

/* The start message. */
static void as_server(int sock)
{
	struct ch_server_start s = { 0 };
	struct ch_err err;
	int fds[2];
	long n = receive(sock, &s, sizeof(s), fds);
	int rc = ch_hear_start(&s, n, fds[0] >= 0, &err);

	require(rc <= 1);
	if (rc < 0)
		require_error(rc, err.code, err.msg);
	else
		require(rc == 0 || (fds[0] >= 0 && s.version == CH_SERVER_VERSION));
	close_two(fds);
}

static void receive_as(uint8_t who, int sock)
{
	switch (who) {
	case 'a':
		as_guest(sock);
		break;
	case 'g':
		as_keeper(sock);
		break;
	case 'b':
		as_keeper_of_builder(sock);
		break;
	case 'r':
		as_keeper_of_server(sock);
		break;
	default:
		as_server(sock);
	}
}

static int lowest_free(void)
{
	int fd = dup(STDIN_FILENO);

	if (fd >= 0)
		close(fd);
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int spare = -1;
	int sv[2];

	if (spare < 0)
		spare = open("/dev/null", O_RDONLY | O_CLOEXEC);

	int before = lowest_free();

	if (size < 2 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0)
		return 0;

	int fds[CH_MSG_FDS] = { spare, spare, spare, spare };

	/* Nothing at all: the other end is closed. */
	if (size > 2)
		ch_msg_send(sv[1], data + 2, size - 2, fds, data[1] % (CH_MSG_FDS + 1),
			    ch_msg_deadline(0));
	close(sv[1]);
	receive_as(data[0], sv[0]);
	close(sv[0]);
	/* No descriptor is lost. */
	require(lowest_free() == before);
	return 0;
}
