/* SPDX-License-Identifier: Apache-2.0 */
#include "rt/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/auto.h"
#include "rt/keeper_guests.h"
#include "rt/keeper_make.h"
#include "rt/keeper_state.h"
#include "sys/caps.h"
#include "sys/msg.h"

enum { END_MS = 500 };

/* Does anybody hold, or want, what we hold? */
static bool is_needed(const struct ch_keeper *k)
{
	/* Who joins is told once; others may try for themselves. */
	if (k->state == CH_KEEPER_FAILED)
		return ch_door_is_asked(&k->door);
	if (k->req.life == CH_LIFE_INSIDE && k->door.let_in > 0)
		return false;
	return ch_door_is_busy(&k->door);
}

/* Is there nothing left to do? */
static bool is_over(struct ch_keeper *k)
{
	if (is_needed(k))
		return false;
	if (k->state == CH_KEEPER_BUILDING || k->req.life == CH_LIFE_SOCKET)
		return true;
	/* Those inside hold the namespaces; without them the server ends by itself. */
	ch_door_shut(&k->door);
	ch_keeper_drop(k);
	return k->state == CH_KEEPER_FAILED || k->server.group == 0;
}

/* The earlier one of two waits, of which -1 is endless. */
static int sooner(int a, int b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

/* Answers that do not fit now (socket full, too many descriptors in flight): there is no
 * event for all of that, so look again soon. Nor for CPUs that nobody tells, for guests that
 * do not come, and for tasks that cannot die. */
static int patience(const struct ch_keeper *k)
{
	int ms = ch_door_patience(&k->door);

	if (k->state != CH_KEEPER_BUILDING && ch_door_asking(&k->door))
		return 1;
	if (k->fuse >= 0)
		ms = sooner(ms, ch_msg_left(k->cpus_deadline));
	return k->server.group > 0 ? sooner(ms, ch_doomed_patience(&k->doomed)) : ms;
}

static void one_round(struct ch_keeper *k)
{
	enum { SIGNALS, IMAGE, BUILDER, SERVER, BOSS, DOOR, GUESTS };
	static struct pollfd p[GUESTS + CH_DOOR_GUESTS_MAX];

	p[SIGNALS] = (struct pollfd){ .fd = k->signals, .events = POLLIN };
	p[IMAGE] = (struct pollfd){ .fd = k->opening.event, .events = POLLIN };
	p[BUILDER] = (struct pollfd){ .fd = k->builder.sock, .events = POLLIN };
	p[SERVER] = (struct pollfd){ .fd = k->server.sock, .events = POLLIN };
	p[BOSS] = (struct pollfd){ .fd = k->boss, .events = POLLIN };

	size_t n = ch_door_poll(&k->door, p + DOOR);

	if (poll(p, DOOR + n, patience(k)) < 0)
		return;
	if (p[IMAGE].revents)
		ch_keeper_on_image(k);
	if (p[SERVER].revents)
		ch_keeper_on_server(k);
	if (p[BUILDER].revents && k->builder.sock >= 0)
		ch_keeper_on_builder(k);
	if (p[SIGNALS].revents)
		ch_keeper_reap(k);
	ch_keeper_attend(k, p + GUESTS, n - 1);
	if (p[DOOR].revents)
		ch_door_accept(&k->door);
	if (p[BOSS].revents)
		ch_door_shut(&k->door);
	if (k->fuse >= 0)
		ch_keeper_serve(k);
	if (k->server.group > 0 && ch_doomed_look(&k->doomed))
		ch_kid_kill(&k->server);
	if (k->state != CH_KEEPER_BUILDING)
		ch_keeper_answer_all(k);
}

/* Take the children along, and wait for them: nothing of ours may be left in the cgroup
 * when our end is noticed. */
static void end(struct ch_keeper *k)
{
	long long deadline = ch_msg_deadline(END_MS);

	ch_keeper_drop(k);
	ch_close(&k->fuse);
	ch_kid_kill(&k->builder);
	ch_kid_kill(&k->server);
	while (ch_keeper_reap(k) && ch_msg_left(deadline) > 0) {
		struct pollfd p = { .fd = k->signals, .events = POLLIN };

		poll(&p, 1, ch_msg_left(deadline));
	}
}

static int prepare(struct ch_keeper *k)
{
	k->signals = ch_kid_signals(&k->err);
	if (k->signals < 0)
		return k->err.code;
	fcntl(CH_KEEPER_SOCK, F_SETFD, FD_CLOEXEC);
	fcntl(CH_KEEPER_REQUEST, F_SETFD, FD_CLOEXEC);
	if (ch_door_open(&k->door, CH_KEEPER_SOCK) < 0)
		return ch_err_nomem(&k->err);
	/* Who made us has connected already, if it joins. */
	ch_door_accept(&k->door);
	k->door.expected = 1;
	if (ch_request_read(CH_KEEPER_REQUEST, &k->req, &k->err) < 0) {
		k->req.life = CH_LIFE_SOCKET; /* how many there are to be told is unknown */
		return k->err.code;
	}
	k->shape = ch_request_shape(&k->req);
	ch_doomed_limit(&k->doomed);
	if (k->req.peers > 0)
		k->door.expected = k->req.peers;
	if (k->req.life == CH_LIFE_SOCKET)
		k->boss = ch_kid_maker(CH_KEEPER_SOCK);
	return ch_opening_start(&k->opening, &k->req, &k->err);
}

int ch_keeper_main(const char *server, ch_meta_reader *read_meta, bool is_placed)
{
	struct ch_keeper k = {
		.opening = CH_OPENING_INIT,
		.image = CH_IMAGE_INIT,
		.server_path = server,
		.read_meta = read_meta,
		.door = { .listener = -1 },
		.boss = -1,
		.signals = -1,
		.ns = { -1, -1 },
		.nested = { -1, -1 },
		.builder = { .sock = -1 },
		.server = { .sock = -1 },
		.start = ch_build_now(),
		.fuse = -1,
		.is_placed = is_placed,
	};

	/* Before anything of the user's is looked at: no ptrace, no gain by exec. */
	ch_caps_dumpable(0);
	ch_caps_no_new_privs();
	if (prepare(&k) < 0)
		ch_keeper_fail(&k);
	while (!is_over(&k))
		one_round(&k);

	bool has_failed = k.state == CH_KEEPER_FAILED;

	end(&k);
	/* Its thread is at work in there. */
	if (k.opening.event >= 0)
		_exit(has_failed ? 1 : 0);
	ch_door_done(&k.door);
	ch_doomed_done(&k.doomed);
	ch_image_done(&k.image);
	ch_request_done(&k.req);
	free(k.meta);
	return has_failed ? 1 : 0;
}
