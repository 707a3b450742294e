/* SPDX-License-Identifier: Apache-2.0 */
#include "rt/keeper_guests.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/auto.h"
#include "rt/hear.h"
#include "rt/keeper_make.h"
#include "rt/keeper_state.h"
#include "sys/msg.h"

enum { NESTED_MS = 10000 };

/* join=no: namespaces of its own for each who asks, made inside the container. */
static int make_nested(struct ch_keeper *k)
{
	char packet[sizeof(struct ch_build_msg)];
	struct ch_build_msg m;
	int sv[2];

	if (ch_kid_socket(sv, &k->err) < 0)
		return k->err.code;

	pid_t pid = fork();

	if (pid == 0) {
		ch_keeper_close_ends(k, sv[0]);
		ch_build_nested(&k->req, k->ns[0], k->ns[1], sv[1]);
	}
	close(sv[1]);

	long n = pid < 0 ? 0
			 : ch_msg_recv(sv[0], packet, sizeof(packet), k->nested, 2,
				       ch_msg_deadline(NESTED_MS));

	close(sv[0]);
	if (ch_hear_builder(packet, n, k->nested, &m) == CH_BUILD_DONE)
		return 0;
	return ch_err_set(&k->err, m.code ? m.code : -EAGAIN, "namespaces for one process: %s",
			  m.msg[0] ? m.msg : "their builder ended unexpectedly");
}

/* The namespaces for the next answer. */
static const int *choose_namespaces(struct ch_keeper *k)
{
	if (k->state != CH_KEEPER_READY || !k->req.each)
		return k->ns;
	if (k->nested[1] < 0 && make_nested(k) < 0)
		ch_keeper_fail(k);
	return k->nested;
}

static void fill_answer(const struct ch_keeper *k, const struct ch_guest *g, struct ch_answer *a)
{
	*a = (struct ch_answer){ .version = CH_PROTO_VERSION };
	if (k->state == CH_KEEPER_FAILED) {
		a->code = k->err.code;
		snprintf(a->msg, sizeof(a->msg), "%s", k->err.msg);
	} else if (g->is_foreign) {
		a->code = -EPROTO;
		snprintf(a->msg, sizeof(a->msg),
			 "keeper and plugin or ch-run are not of one version");
	} else {
		a->meta_len = k->meta_len;
		a->shape = k->shape;
		memcpy(a->times, k->times, sizeof(a->times));
	}
}

/* Answer one question of G. Returns 0, or -EAGAIN: later. */
static int answer(struct ch_keeper *k, struct ch_guest *g)
{
	const int *fds = choose_namespaces(k);
	struct ch_answer a;

	fill_answer(k, g, &a);
	if (ch_door_answer(&k->door, g, &a, k->meta, fds) < 0)
		return -EAGAIN;
	ch_close(&k->nested[0]);
	ch_close(&k->nested[1]);
	return 0;
}

void ch_keeper_answer_all(struct ch_keeper *k)
{
	for (size_t i = 0; i < k->door.n; i++) {
		struct ch_guest *g = &k->door.guests[i];

		while (g->sock >= 0 && g->waiting > 0)
			if (answer(k, g) < 0)
				return;
	}
}

/* Work where the tasks do. The server has one thread as long as it has not begun; those
 * it makes later on inherit. */
static void place(struct ch_keeper *k)
{
	k->is_placed = true;
	syscall(SYS_sched_setaffinity, 0, sizeof(k->cpus), k->cpus);
	if (k->server.pid > 0)
		syscall(SYS_sched_setaffinity, k->server.pid, sizeof(k->cpus), k->cpus);
}

static void add_cpus(struct ch_keeper *k, const struct ch_cpus *m)
{
	for (size_t i = 0; i < sizeof(k->cpus); i++)
		k->cpus[i] |= m->mask[i];
	/* Those who join tell of themselves only. */
	if (k->req.life != CH_LIFE_JOIN)
		place(k);
}

void ch_keeper_serve(struct ch_keeper *k)
{
	bool is_late = ch_msg_left(k->cpus_deadline) == 0;

	if (k->req.life == CH_LIFE_JOIN && !k->is_placed && !is_late &&
	    ch_door_asking(&k->door) < k->door.expected)
		return;
	if (k->req.life == CH_LIFE_JOIN && !k->is_placed)
		place(k);
	if (k->is_placed || !k->req.wait_cpus || is_late)
		ch_keeper_start_server(k);
}

static void on_message(struct ch_keeper *k, struct ch_guest *g, const struct ch_cpus *m, long n)
{
	int kind = ch_hear_go(m, n);

	if (kind == CH_GO_CPUS) {
		add_cpus(k, m);
		return;
	}
	g->is_foreign = g->is_foreign || kind == CH_HEAR_FOREIGN;
	g->waiting++;
}

/* First its pidfd, wanted of who joins; or a task's mount namespace, which was of use before.
 * Then its status. */
static void keep_descriptors(struct ch_keeper *k, struct ch_guest *g, int fds[2])
{
	if (fds[0] >= 0 && k->door.listener >= 0) {
		ch_close(&g->pidfd);
		g->pidfd = ch_take_fd(&fds[0]);
	}
	if (fds[1] >= 0)
		ch_doomed_add(&k->doomed, ch_take_fd(&fds[1]));
	ch_close(&fds[0]);
}

/* Returns false when the other end is closed. */
static bool hear(struct ch_keeper *k, struct ch_guest *g)
{
	struct ch_cpus m = { 0 };

	for (;;) {
		int fds[2];
		long n = ch_msg_recv(g->sock, &m, sizeof(m), fds, 2, ch_msg_deadline(0));

		keep_descriptors(k, g, fds);
		if (n == -ETIMEDOUT)
			return true;
		if (n == -EMSGSIZE)
			n = 0; /* of no version that we know */
		else if (n <= 0)
			return false;
		on_message(k, g, &m, n);
	}
}

void ch_keeper_attend(struct ch_keeper *k, const struct pollfd *p, size_t n)
{
	/* Backwards: who leaves gives its place to one that was looked at. */
	for (size_t i = n; i-- > 0;) {
		struct ch_guest *g = &k->door.guests[i];

		if (p[i].revents && (g->sock < 0 || !hear(k, g)))
			ch_door_leave(&k->door, i);
	}
}
