/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/msg.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

long long ch_msg_deadline(int timeout_ms)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (long long)ts.tv_sec * 1000 + ts.tv_nsec / 1000000 + timeout_ms;
}

int ch_msg_left(long long deadline)
{
	long long left = deadline - ch_msg_deadline(0);

	if (left < 0)
		return 0;
	return left > INT_MAX ? INT_MAX : (int)left;
}

/* Wait for EVENTS until DEADLINE. Returns 0 or a negative errno. */
static int wait_for(int sock, short events, long long deadline)
{
	struct pollfd p = { .fd = sock, .events = events };

	for (;;) {
		int left = ch_msg_left(deadline);
		int rc = poll(&p, 1, left);

		if (rc > 0)
			return 0;
		if (rc == 0)
			return -ETIMEDOUT;
		if (errno != EINTR)
			return -errno;
	}
}

/* A call on SOCK has failed, by errno: wait until it may succeed, if that makes sense. Returns 0
 * or a negative errno. */
static int try_later(int sock, short events, long long deadline)
{
	if (errno == EINTR)
		return 0;
	return errno == EAGAIN ? wait_for(sock, events, deadline) : -errno;
}

static void attach(struct msghdr *m, const int *fds, size_t n)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(m);

	if (!c)
		return; /* cannot be: there is room for one */
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(c), fds, n * sizeof(int));
	m->msg_controllen = CMSG_SPACE(n * sizeof(int));
}

int ch_msg_send(int sock, const void *data, size_t len, const int *fds, size_t n,
		long long deadline)
{
	struct iovec iov = { .iov_len = len };
	_Alignas(struct cmsghdr) char ctl[CMSG_SPACE(CH_MSG_FDS * sizeof(int))] = { 0 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	memcpy(&iov.iov_base, &data, sizeof(data)); /* sendmsg(2) does not write to it */
	if (n > CH_MSG_FDS)
		return -E2BIG;
	if (n) {
		m.msg_control = ctl;
		m.msg_controllen = sizeof(ctl);
		attach(&m, fds, n);
	}
	for (;;) {
		if (sendmsg(sock, &m, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
			return 0;
		if (errno == ETOOMANYREFS) {
			/* Nothing to poll for: somebody has to receive. */
			if (ch_msg_left(deadline) == 0)
				return -ETIMEDOUT;
			poll(NULL, 0, 1);
			continue;
		}

		int rc = try_later(sock, POLLOUT, deadline);

		if (rc < 0)
			return rc;
	}
}

static void collect(struct msghdr *m, int *fds, size_t n)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;

		size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (i < n)
				fds[i] = fd;
			else
				close(fd);
		}
	}
}

static long receive(int sock, void *data, size_t size, int *fds, size_t n, long long deadline,
		    int flags)
{
	struct iovec iov = { .iov_base = data, .iov_len = size };
	_Alignas(struct cmsghdr) char ctl[CMSG_SPACE(CH_MSG_FDS * sizeof(int))];

	for (size_t i = 0; i < n; i++)
		fds[i] = -1;
	for (;;) {
		struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

		if (n) {
			m.msg_control = ctl;
			m.msg_controllen = sizeof(ctl);
		}

		ssize_t got = recvmsg(sock, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC | flags);

		if (got >= 0) {
			collect(&m, fds, n);
			if (!(m.msg_flags & MSG_TRUNC))
				return (long)got;
			for (size_t i = 0; i < n; i++) {
				if (fds[i] >= 0)
					close(fds[i]);
				fds[i] = -1;
			}
			return -EMSGSIZE;
		}

		int rc = try_later(sock, POLLIN, deadline);

		if (rc < 0)
			return rc;
	}
}

long ch_msg_recv(int sock, void *data, size_t size, int *fds, size_t n, long long deadline)
{
	return receive(sock, data, size, fds, n, deadline, 0);
}

long ch_msg_peek(int sock, void *data, size_t size, int *fds, size_t n, long long deadline)
{
	return receive(sock, data, size, fds, n, deadline, MSG_PEEK);
}
