/* SPDX-License-Identifier: Apache-2.0 */
#include "rt/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "rt/doomed.h"
#include "rt/door.h"
#include "rt/hear.h"
#include "rt/keeper_policy.h"
#include "rt/kid.h"
#include "rt/opening.h"
#include "rt/request.h"
#include "sys/caps.h"
#include "sys/msg.h"

enum state {
	BUILDING,
	READY,
	FAILED, /* everybody who asks is told why */
};

enum { BLAME_MS = 300, NESTED_MS = 10000, END_MS = 500, CPUS_MS = 2000, JOIN_CPUS_MS = 20 };

struct keeper {
	struct ch_request req;
	struct ch_opening opening;
	struct ch_image image;
	const char *server_path;
	ch_meta_reader *read_meta;
	enum state state;
	struct ch_err err; /* FAILED */
	struct ch_door door;
	struct ch_doomed doomed;
	int boss;    /* pidfd of who made the other end of the door's socket; -1: none */
	int signals; /* signalfd: SIGCHLD */
	struct ch_kid builder, server;
	int ns[2];     /* user, mount */
	int nested[2]; /* join=no: made for the next answer */
	long long cpus_deadline;
	int fuse;			   /* kept until it is known where to work; -1: none */
	bool is_placed;			   /* on the CPUs of the tasks */
	unsigned char cpus[CH_CPUS_BYTES]; /* of the tasks, as far as told */
	uint32_t start, times[5];
	uint64_t shape; /* of the request (request.h) */
	char *meta;
	uint32_t meta_len;
};

static void drop_namespaces(struct keeper *k)
{
	ch_close(&k->ns[0]);
	ch_close(&k->ns[1]);
}

static void fail(struct keeper *k)
{
	k->state = FAILED;
	drop_namespaces(k);
}

static void note_time(struct keeper *k, int what)
{
	k->times[what] = ch_build_now() - k->start;
}

/* ---- children ------------------------------------------------------------------------ */

/* In a fork: let go of our ends of sockets, whose closing at our death has to be noticed,
 * and PEER, our end of the child's own. */
static void close_ends(struct keeper *k, int peer)
{
	ch_door_done(&k->door);
	ch_doomed_done(&k->doomed);
	ch_close(&k->server.sock);
	close(peer);
}

static int fork_builder(struct keeper *k)
{
	int sv[2];

	if (ch_kid_socket(sv, &k->err) < 0)
		return k->err.code;
	k->builder.pid = fork();
	if (k->builder.pid == 0) {
		close_ends(k, sv[0]);
		ch_build_main(&k->req, &k->image, k->read_meta, sv[1]);
	}
	close(sv[1]);
	k->builder.sock = sv[0];
	if (k->builder.pid < 0) {
		k->builder.pid = 0;
		return ch_err_sys(&k->err, "fork the builder");
	}
	return 0;
}

/* ---- what children say ------------------------------------------------------------------ */

/* The FUSE file system is mounted, and the CPUs are known: the server may begin. */
static void start_server(struct keeper *k)
{
	ch_auto(fd) int fuse = ch_take_fd(&k->fuse);
	struct ch_server_start start = {
		.version = CH_SERVER_VERSION,
		.threads = k->req.threads,
		.uid = k->req.uid,
		.gid = k->req.gid,
	};
	int fds[2] = { fuse, k->boss };
	int rc = ch_msg_send(k->server.sock, &start, sizeof(start), fds, k->boss >= 0 ? 2 : 1,
			     ch_msg_deadline(0));

	/* If the server is gone already its report is here, or its death will be noticed. */
	if (rc < 0 && rc != -EPIPE && rc != -ECONNRESET && k->state == BUILDING) {
		ch_err_rc(&k->err, rc, "start the image server");
		fail(k);
	}
}

static void builder_ended(struct keeper *k)
{
	ch_err_set(&k->err, -ECHILD, "the builder of the container ended unexpectedly");
}

/* A report of the server, or its end before one. */
static void on_server(struct keeper *k)
{
	struct ch_server_report r = { 0 };
	long n = ch_msg_recv(k->server.sock, &r, sizeof(r), NULL, 0, ch_msg_deadline(0));

	/* It closed with our message unread: that is told first, then what it said. */
	if (n == -ECONNRESET)
		n = ch_msg_recv(k->server.sock, &r, sizeof(r), NULL, 0, ch_msg_deadline(0));
	ch_close(&k->server.sock);
	if (ch_hear_report(&r, n, &k->err) == 0) {
		note_time(k, CH_TIME_SERVER);
		return;
	}
	if (n == 0 && k->state == BUILDING && ch_kid_has_hung_up(&k->builder))
		builder_ended(k); /* and its mounts, and so the server */
	else
		ch_err_in(&k->err, "image '%s'", k->req.image);
	fail(k);
	ch_kid_kill(&k->builder);
}

/* The builder failed. If the server has something to say about it, that is the reason. */
static void blame(struct keeper *k, const struct ch_build_msg *m)
{
	struct pollfd p = { .fd = k->server.sock, .events = POLLIN };
	bool is_reading = m->code == -ENOTCONN || m->code == -EIO || m->code == -ECONNABORTED;

	if (is_reading && p.fd >= 0 && poll(&p, 1, BLAME_MS) > 0)
		on_server(k);
	if (k->state != FAILED) {
		ch_err_set(&k->err, m->code, "%s", m->msg);
		fail(k);
	}
}

static void server_ended(struct keeper *k)
{
	ch_err_set(&k->err, -EOWNERDEAD, "image '%s': the image server has ended", k->req.image);
	fail(k);
}

/* The image is open, or cannot be opened. */
static void on_image(struct keeper *k)
{
	int rc = ch_opening_finish(&k->opening, &k->image, &k->err);

	note_time(k, CH_TIME_IMAGE);
	if (rc == 0 && k->image.kind == CH_IMAGE_SQUASH)
		rc = ch_kid_server(&k->server, k->server_path, &k->image, &k->err);
	if (rc < 0 || fork_builder(k) < 0)
		fail(k);
}

static void on_built(struct keeper *k, const struct ch_build_msg *m, const char *meta)
{
	k->times[CH_TIME_NAMESPACES] = m->at[0] - k->start;
	k->times[CH_TIME_MOUNTS] = m->at[1] - k->start;
	if (m->meta_len && (k->meta = malloc(m->meta_len))) {
		memcpy(k->meta, meta, m->meta_len);
		k->meta_len = m->meta_len;
	}
	note_time(k, CH_TIME_READY);
	k->state = READY;
	if (k->image.kind == CH_IMAGE_SQUASH && k->server.group == 0) {
		server_ended(k);
		return;
	}
	if (ch_keeper_confine(k->req.each, k->req.life == CH_LIFE_JOIN, &k->err) < 0)
		fail(k);
}

static void on_builder(struct keeper *k)
{
	static char packet[sizeof(struct ch_build_msg) + CH_META_MAX];
	struct ch_build_msg m;
	int fds[2] = { -1, -1 };
	long n = ch_msg_recv(k->builder.sock, packet, sizeof(packet), fds, 2, ch_msg_deadline(0));
	int kind = ch_hear_builder(packet, n, fds, &m);

	if (kind == CH_HEAR_END)
		ch_close(&k->builder.sock);
	if (kind == CH_HEAR_END && k->state == BUILDING) {
		builder_ended(k);
		fail(k);
	} else if (kind == CH_BUILD_FUSE && k->fuse < 0) {
		bool is_joined = k->req.life == CH_LIFE_JOIN;

		k->fuse = ch_take_fd(&fds[0]);
		k->cpus_deadline = ch_msg_deadline(is_joined ? JOIN_CPUS_MS : CPUS_MS);
	} else if (kind == CH_BUILD_DONE && k->state == BUILDING) {
		k->ns[0] = ch_take_fd(&fds[0]);
		k->ns[1] = ch_take_fd(&fds[1]);
		on_built(k, &m, packet + sizeof(m));
	} else if (kind == CH_BUILD_FAILED && k->state == BUILDING) {
		blame(k, &m);
	}
	ch_close(&fds[0]);
	ch_close(&fds[1]);
}

static void on_child_gone(struct keeper *k, pid_t pid)
{
	if (pid == k->builder.pid)
		k->builder.pid = 0; /* its socket tells the rest */
	if (pid == k->server.pid)
		k->server.pid = 0;
	/* A worker goes on without its supervisor; it is our child then. */
	if (k->server.group == 0 || ch_kid_is_alive(&k->server))
		return;
	k->server.group = 0;
	if (k->state == READY)
		server_ended(k);
}

/* A stopped server would leave its readers unkillable: wake it. Returns false when there
 * are no children any more. */
static bool reap(struct keeper *k)
{
	struct signalfd_siginfo si;
	siginfo_t info;

	while (read(k->signals, &si, sizeof(si)) > 0)
		;
	for (;;) {
		info.si_pid = 0;
		if (waitid(P_ALL, 0, &info, WEXITED | WSTOPPED | WNOHANG) < 0)
			return false;
		if (info.si_pid == 0)
			return true;
		if (info.si_code == CLD_STOPPED)
			kill(info.si_pid, SIGCONT);
		else
			on_child_gone(k, info.si_pid);
	}
}

/* ---- those who want to enter --------------------------------------------------------- */

/* join=no: namespaces of its own for each who asks, made inside the container. */
static int make_nested(struct keeper *k)
{
	char packet[sizeof(struct ch_build_msg)];
	struct ch_build_msg m;
	int sv[2];

	if (ch_kid_socket(sv, &k->err) < 0)
		return k->err.code;

	pid_t pid = fork();

	if (pid == 0) {
		close_ends(k, sv[0]);
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
static const int *choose_namespaces(struct keeper *k)
{
	if (k->state != READY || !k->req.each)
		return k->ns;
	if (k->nested[1] < 0 && make_nested(k) < 0)
		fail(k);
	return k->nested;
}

static void fill_answer(const struct keeper *k, const struct ch_guest *g, struct ch_answer *a)
{
	*a = (struct ch_answer){ .version = CH_PROTO_VERSION };
	if (k->state == FAILED) {
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
static int answer(struct keeper *k, struct ch_guest *g)
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

static void answer_all(struct keeper *k)
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
static void place(struct keeper *k)
{
	k->is_placed = true;
	syscall(SYS_sched_setaffinity, 0, sizeof(k->cpus), k->cpus);
	if (k->server.pid > 0)
		syscall(SYS_sched_setaffinity, k->server.pid, sizeof(k->cpus), k->cpus);
}

static void add_cpus(struct keeper *k, const struct ch_cpus *m)
{
	for (size_t i = 0; i < sizeof(k->cpus); i++)
		k->cpus[i] |= m->mask[i];
	/* Those who join tell of themselves only. */
	if (k->req.life != CH_LIFE_JOIN)
		place(k);
}

/* Serve the image, if it is known where, or nobody tells. */
static void serve(struct keeper *k)
{
	bool is_late = ch_msg_left(k->cpus_deadline) == 0;

	if (k->req.life == CH_LIFE_JOIN && !k->is_placed && !is_late &&
	    ch_door_asking(&k->door) < k->door.expected)
		return;
	if (k->req.life == CH_LIFE_JOIN && !k->is_placed)
		place(k);
	if (k->is_placed || !k->req.wait_cpus || is_late)
		start_server(k);
}

static void on_message(struct keeper *k, struct ch_guest *g, const struct ch_cpus *m, long n)
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
static void keep_descriptors(struct keeper *k, struct ch_guest *g, int fds[2])
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
static bool hear(struct keeper *k, struct ch_guest *g)
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

/* Look at each guest whose entry in P says that there is something to see. Backwards:
 * who leaves gives its place to one that was looked at. */
static void attend(struct keeper *k, const struct pollfd *p, size_t n)
{
	for (size_t i = n; i-- > 0;) {
		struct ch_guest *g = &k->door.guests[i];

		if (p[i].revents && (g->sock < 0 || !hear(k, g)))
			ch_door_leave(&k->door, i);
	}
}

/* ---- life ------------------------------------------------------------------------------ */

/* Does anybody hold, or want, what we hold? */
static bool is_needed(const struct keeper *k)
{
	/* Who joins is told once; others may try for themselves. */
	if (k->state == FAILED)
		return ch_door_is_asked(&k->door);
	if (k->req.life == CH_LIFE_INSIDE && k->door.let_in > 0)
		return false;
	return ch_door_is_busy(&k->door);
}

/* Is there nothing left to do? */
static bool is_over(struct keeper *k)
{
	if (is_needed(k))
		return false;
	if (k->state == BUILDING || k->req.life == CH_LIFE_SOCKET)
		return true;
	/* Those inside hold the namespaces; without them the server ends by itself. */
	ch_door_shut(&k->door);
	drop_namespaces(k);
	return k->state == FAILED || k->server.group == 0;
}

/* The earlier one of two waits, of which -1 is endless. */
static int sooner(int a, int b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

/* Answers that do not fit now (socket full, too many descriptors in flight): there is no
 * event for all of that, so look again soon. Nor for CPUs that nobody tells, for guests that
 * do not come, and for tasks that cannot die. */
static int patience(const struct keeper *k)
{
	int ms = ch_door_patience(&k->door);

	if (k->state != BUILDING && ch_door_asking(&k->door))
		return 1;
	if (k->fuse >= 0)
		ms = sooner(ms, ch_msg_left(k->cpus_deadline));
	return k->server.group > 0 ? sooner(ms, ch_doomed_patience(&k->doomed)) : ms;
}

static void one_round(struct keeper *k)
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
		on_image(k);
	if (p[SERVER].revents)
		on_server(k);
	if (p[BUILDER].revents && k->builder.sock >= 0)
		on_builder(k);
	if (p[SIGNALS].revents)
		reap(k);
	attend(k, p + GUESTS, n - 1);
	if (p[DOOR].revents)
		ch_door_accept(&k->door);
	if (p[BOSS].revents)
		ch_door_shut(&k->door);
	if (k->fuse >= 0)
		serve(k);
	if (k->server.group > 0 && ch_doomed_look(&k->doomed))
		ch_kid_kill(&k->server);
	if (k->state != BUILDING)
		answer_all(k);
}

/* Take the children along, and wait for them: nothing of ours may be left in the cgroup
 * when our end is noticed. */
static void end(struct keeper *k)
{
	long long deadline = ch_msg_deadline(END_MS);

	drop_namespaces(k);
	ch_close(&k->fuse);
	ch_kid_kill(&k->builder);
	ch_kid_kill(&k->server);
	while (reap(k) && ch_msg_left(deadline) > 0) {
		struct pollfd p = { .fd = k->signals, .events = POLLIN };

		poll(&p, 1, ch_msg_left(deadline));
	}
}

static int prepare(struct keeper *k)
{
	k->signals = ch_kid_signals(&k->err);
	if (k->signals < 0)
		return k->err.code;
	fcntl(CH_KEEPER_SOCK, F_SETFD, FD_CLOEXEC);
	fcntl(CH_KEEPER_REQUEST, F_SETFD, FD_CLOEXEC);
	if (ch_door_open(&k->door, CH_KEEPER_SOCK) < 0)
		return ch_err_set(&k->err, -ENOMEM, "out of memory");
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
	struct keeper k = {
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
		fail(&k);
	while (!is_over(&k))
		one_round(&k);

	bool has_failed = k.state == FAILED;

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
