/* SPDX-License-Identifier: Apache-2.0 */
#include "rt/door.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/auto.h"
#include "rt/proto.h"
#include "sys/msg.h"

static void add(struct ch_door *door, int sock)
{
	door->guests[door->n++] = (struct ch_guest){ .sock = sock, .pidfd = -1 };
}

enum { DEAF_MS = 50 };

int ch_door_open(struct ch_door *door, int sock)
{
	int listens = 0;
	socklen_t len = sizeof(listens);

	if (getsockopt(sock, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) < 0)
		listens = 0;
	*door = (struct ch_door){ .listener = -1 };
	/* Never moved: whoever walks the list may let guests go meanwhile. */
	door->guests = calloc(listens ? CH_DOOR_GUESTS_MAX : 1, sizeof(*door->guests));
	if (!door->guests)
		return -ENOMEM;
	if (listens)
		door->listener = sock;
	else
		add(door, sock);
	door->deadline = ch_msg_deadline(CH_DOOR_PATIENCE_MS);
	return 0;
}

size_t ch_door_poll(const struct ch_door *door, struct pollfd *p)
{
	bool is_deaf = door->n == CH_DOOR_GUESTS_MAX || ch_msg_left(door->deaf) > 0;

	p[0] = (struct pollfd){ .fd = is_deaf ? -1 : door->listener, .events = POLLIN };
	for (size_t i = 0; i < door->n; i++) {
		const struct ch_guest *g = &door->guests[i];

		p[1 + i] = (struct pollfd){ .fd = g->sock >= 0 ? g->sock : g->pidfd,
					    .events = POLLIN };
	}
	return 1 + door->n;
}

/* Who connects is a process of our user, or nobody. */
static bool is_ours(int sock)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	return getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 && cred.uid == geteuid();
}

void ch_door_accept(struct ch_door *door)
{
	while (door->listener >= 0 && door->n < CH_DOOR_GUESTS_MAX) {
		ch_auto(fd) int sock = accept4(door->listener, NULL, NULL, SOCK_CLOEXEC);

		/* No room for a descriptor: somebody may leave. */
		if (sock < 0 && errno != EAGAIN && errno != ECONNABORTED)
			door->deaf = ch_msg_deadline(DEAF_MS);
		if (sock < 0)
			return;
		if (is_ours(sock))
			add(door, ch_take_fd(&sock));
	}
}

/* Room may come: the socket is full, the kernel short of memory, or too many descriptors
 * are in flight. Any other error means that nobody is there to be answered. */
static bool is_temporary(int rc)
{
	return rc == -ETIMEDOUT || rc == -ENOBUFS || rc == -ENOMEM;
}

int ch_door_answer(struct ch_door *door, struct ch_guest *guest, const struct ch_answer *head,
		   const char *meta, const int fds[2])
{
	static char packet[sizeof(*head) + CH_META_MAX];

	memcpy(packet, head, sizeof(*head));
	if (head->meta_len)
		memcpy(packet + sizeof(*head), meta, head->meta_len);

	int rc = ch_msg_send(guest->sock, packet, sizeof(*head) + head->meta_len, fds,
			     head->code ? 0 : 2, ch_msg_deadline(0));

	if (is_temporary(rc))
		return -EAGAIN;
	door->let_in++;
	guest->waiting--;
	if (guest->pidfd >= 0)
		ch_close(&guest->sock);
	return 0;
}

void ch_door_leave(struct ch_door *door, size_t i)
{
	ch_close(&door->guests[i].sock);
	ch_close(&door->guests[i].pidfd);
	door->guests[i] = door->guests[--door->n];
	if (door->n == 0)
		door->deadline = ch_msg_deadline(CH_DOOR_PATIENCE_MS);
}

void ch_door_shut(struct ch_door *door)
{
	ch_close(&door->listener);
	while (door->n > 0)
		ch_door_leave(door, door->n - 1);
}

bool ch_door_is_busy(const struct ch_door *door)
{
	if (door->n > 0)
		return true;
	return door->listener >= 0 && door->let_in < door->expected &&
	       ch_msg_left(door->deadline) > 0;
}

unsigned ch_door_asking(const struct ch_door *door)
{
	unsigned n = 0;

	for (size_t i = 0; i < door->n; i++)
		n += door->guests[i].waiting > 0;
	return n;
}

int ch_door_patience(const struct ch_door *door)
{
	if (door->listener >= 0 && ch_msg_left(door->deaf) > 0)
		return ch_msg_left(door->deaf);
	return door->listener >= 0 && door->n == 0 ? ch_msg_left(door->deadline) : -1;
}

bool ch_door_is_asked(const struct ch_door *door)
{
	for (size_t i = 0; i < door->n; i++)
		if (door->guests[i].sock >= 0)
			return true;
	return false;
}

void ch_door_done(struct ch_door *door)
{
	ch_door_shut(door);
	free(ch_take(door->guests));
}
