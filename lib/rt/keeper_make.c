/* SPDX-License-Identifier: Apache-2.0 */
#include "rt/keeper_make.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "rt/hear.h"
#include "rt/keeper_policy.h"
#include "rt/keeper_state.h"
#include "rt/server_proto.h"
#include "sys/msg.h"

enum { BLAME_MS = 300, CPUS_MS = 2000, JOIN_CPUS_MS = 20 };

void ch_keeper_drop(struct ch_keeper *k)
{
	ch_close(&k->ns[0]);
	ch_close(&k->ns[1]);
}

void ch_keeper_fail(struct ch_keeper *k)
{
	k->state = CH_KEEPER_FAILED;
	ch_keeper_drop(k);
}

static void note_time(struct ch_keeper *k, int what)
{
	k->times[what] = ch_build_now() - k->start;
}

void ch_keeper_close_ends(struct ch_keeper *k, int peer)
{
	ch_door_done(&k->door);
	ch_doomed_done(&k->doomed);
	ch_close(&k->server.sock);
	close(peer);
}

static int fork_builder(struct ch_keeper *k)
{
	int sv[2];

	if (ch_kid_socket(sv, &k->err) < 0)
		return k->err.code;
	k->builder.pid = fork();
	if (k->builder.pid == 0) {
		ch_keeper_close_ends(k, sv[0]);
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

void ch_keeper_start_server(struct ch_keeper *k)
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
	if (rc < 0 && rc != -EPIPE && rc != -ECONNRESET && k->state == CH_KEEPER_BUILDING) {
		ch_err_rc(&k->err, rc, "start the image server");
		ch_keeper_fail(k);
	}
}

static void builder_ended(struct ch_keeper *k)
{
	ch_err_set(&k->err, -ECHILD, "the builder of the container ended unexpectedly");
}

void ch_keeper_on_server(struct ch_keeper *k)
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
	if (n == 0 && k->state == CH_KEEPER_BUILDING && ch_kid_has_hung_up(&k->builder))
		builder_ended(k); /* and its mounts, and so the server */
	else
		ch_err_in(&k->err, "image '%s'", k->req.image);
	ch_keeper_fail(k);
	ch_kid_kill(&k->builder);
}

/* The builder failed. If the server has something to say about it, that is the reason. */
static void blame(struct ch_keeper *k, const struct ch_build_msg *m)
{
	struct pollfd p = { .fd = k->server.sock, .events = POLLIN };
	bool is_reading = m->code == -ENOTCONN || m->code == -EIO || m->code == -ECONNABORTED;

	if (is_reading && p.fd >= 0 && poll(&p, 1, BLAME_MS) > 0)
		ch_keeper_on_server(k);
	if (k->state != CH_KEEPER_FAILED) {
		ch_err_set(&k->err, m->code, "%s", m->msg);
		ch_keeper_fail(k);
	}
}

static void server_ended(struct ch_keeper *k)
{
	ch_err_set(&k->err, -EOWNERDEAD, "image '%s': the image server has ended", k->req.image);
	ch_keeper_fail(k);
}

void ch_keeper_on_image(struct ch_keeper *k)
{
	int rc = ch_opening_finish(&k->opening, &k->image, &k->err);

	note_time(k, CH_TIME_IMAGE);
	if (rc == 0 && k->image.kind == CH_IMAGE_SQUASH)
		rc = ch_kid_server(&k->server, k->server_path, &k->image, &k->err);
	if (rc < 0 || fork_builder(k) < 0)
		ch_keeper_fail(k);
}

static void on_built(struct ch_keeper *k, const struct ch_build_msg *m, const char *meta)
{
	k->times[CH_TIME_NAMESPACES] = m->at[0] - k->start;
	k->times[CH_TIME_MOUNTS] = m->at[1] - k->start;
	if (m->meta_len && (k->meta = malloc(m->meta_len))) {
		memcpy(k->meta, meta, m->meta_len);
		k->meta_len = m->meta_len;
	}
	note_time(k, CH_TIME_READY);
	k->state = CH_KEEPER_READY;
	if (k->image.kind == CH_IMAGE_SQUASH && k->server.group == 0) {
		server_ended(k);
		return;
	}
	if (ch_keeper_confine(k->req.each, k->req.life == CH_LIFE_JOIN, &k->err) < 0)
		ch_keeper_fail(k);
}

void ch_keeper_on_builder(struct ch_keeper *k)
{
	static char packet[sizeof(struct ch_build_msg) + CH_META_MAX];
	struct ch_build_msg m;
	int fds[2] = { -1, -1 };
	long n = ch_msg_recv(k->builder.sock, packet, sizeof(packet), fds, 2, ch_msg_deadline(0));
	int kind = ch_hear_builder(packet, n, fds, &m);

	if (kind == CH_HEAR_END)
		ch_close(&k->builder.sock);
	if (kind == CH_HEAR_END && k->state == CH_KEEPER_BUILDING) {
		builder_ended(k);
		ch_keeper_fail(k);
	} else if (kind == CH_BUILD_FUSE && k->fuse < 0) {
		bool is_joined = k->req.life == CH_LIFE_JOIN;

		k->fuse = ch_take_fd(&fds[0]);
		k->cpus_deadline = ch_msg_deadline(is_joined ? JOIN_CPUS_MS : CPUS_MS);
	} else if (kind == CH_BUILD_DONE && k->state == CH_KEEPER_BUILDING) {
		k->ns[0] = ch_take_fd(&fds[0]);
		k->ns[1] = ch_take_fd(&fds[1]);
		on_built(k, &m, packet + sizeof(m));
	} else if (kind == CH_BUILD_FAILED && k->state == CH_KEEPER_BUILDING) {
		blame(k, &m);
	}
	ch_close(&fds[0]);
	ch_close(&fds[1]);
}

static void on_child_gone(struct ch_keeper *k, pid_t pid)
{
	if (pid == k->builder.pid)
		k->builder.pid = 0; /* its socket tells the rest */
	if (pid == k->server.pid)
		k->server.pid = 0;
	/* A worker goes on without its supervisor; it is our child then. */
	if (k->server.group == 0 || ch_kid_is_alive(&k->server))
		return;
	k->server.group = 0;
	if (k->state == CH_KEEPER_READY)
		server_ended(k);
}

bool ch_keeper_reap(struct ch_keeper *k)
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
		/* A stopped server would leave its readers unkillable: wake it. */
		if (info.si_code == CLD_STOPPED)
			kill(info.si_pid, SIGCONT);
		else
			on_child_gone(k, info.si_pid);
	}
}
