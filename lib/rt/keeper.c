/* SPDX-License-Identifier: Apache-2.0 */
#include "rt/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "rt/keeper_policy.h"
#include "rt/request.h"
#include "rt/server_proto.h"
#include "sys/caps.h"
#include "sys/msg.h"

enum state {
	BUILDING,
	READY,
	FAILED, /* everybody who asks is told why */
};

enum { BLAME_MS = 300, NESTED_MS = 10000, END_MS = 500, CPUS_MS = 2000 };

struct child {
	pid_t pid;   /* 0: none, or reaped */
	pid_t group; /* which it leads, if it makes one; 0: none */
	int sock;    /* -1: closed */
};

struct keeper {
	struct ch_request req;
	struct ch_image image;
	const char *server_path;
	ch_meta_reader *read_meta;
	enum state state;
	struct ch_err err; /* FAILED */
	int ctl;	   /* those who want to enter; -1: closed */
	int boss;	   /* pidfd of who made CTL; -1: none */
	int signals;	   /* signalfd: SIGCHLD */
	struct child builder, server;
	int ns[2];	  /* user, mount */
	int nested[2];	  /* join=no: made for the next answer */
	unsigned waiting; /* asked, and not yet answered */
	bool has_answered;
	long long cpus_deadline;
	int fuse;	/* kept until it is known where to work; -1: none */
	bool is_placed; /* on the CPUs of the tasks */
	uint32_t start, times[5];
	char *meta;
	uint32_t meta_len;
};

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(ch_take_fd(fd));
}

static void drop_namespaces(struct keeper *k)
{
	close_fd(&k->ns[0]);
	close_fd(&k->ns[1]);
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

static int socket_pair(int sv[2], struct ch_err *err)
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0)
		return ch_err_sys(err, "make a socket pair");
	return 0;
}

/* The server is exec'd: a fork of ours would keep our copies of the namespaces open, and
 * the mount would never end. Descriptors 3 and 4 are taken here, so the sources of the
 * dup2s are others. */
static int spawn_server(struct keeper *k)
{
	char offset[24], size[24];
	char *argv[] = { (char[]){ "ch-server" }, offset, size, NULL };
	char *env[] = { NULL };
	posix_spawn_file_actions_t fa;
	int sv[2];

	if (socket_pair(sv, &k->err) < 0)
		return k->err.code;
	snprintf(offset, sizeof(offset), "%" PRIu64, k->image.offset);
	snprintf(size, sizeof(size), "%" PRIu64, k->image.size);
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_adddup2(&fa, sv[1], CH_SERVER_SOCK);
	posix_spawn_file_actions_adddup2(&fa, k->image.fd, CH_SERVER_IMAGE);

	int rc = -posix_spawn(&k->server.pid, k->server_path, &fa, NULL, argv, env);

	posix_spawn_file_actions_destroy(&fa);
	close(sv[1]);
	if (rc < 0) {
		close(sv[0]);
		k->server.pid = 0;
		return ch_err_rc(&k->err, rc, "start the image server '%s'", k->server_path);
	}
	k->server.sock = sv[0];
	k->server.group = k->server.pid;
	return 0;
}

/* In a fork: let go of our ends of sockets, whose closing at our death has to be noticed,
 * and PEER, our end of the child's own. */
static void close_ends(struct keeper *k, int peer)
{
	close_fd(&k->ctl);
	close_fd(&k->server.sock);
	close(peer);
}

static int fork_builder(struct keeper *k)
{
	int sv[2];

	if (socket_pair(sv, &k->err) < 0)
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

/* With all that it started: a server's worker goes on when only its parent dies. */
static void kill_child(struct child *c)
{
	if (c->group > 0)
		kill(-c->group, SIGKILL);
	if (c->pid > 0)
		kill(c->pid, SIGKILL);
	close_fd(&c->sock);
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

/* A report of the server, or its end before one. */
static void on_server(struct keeper *k)
{
	struct ch_server_report r = { 0 };
	long n = ch_msg_recv(k->server.sock, &r, sizeof(r), NULL, 0, ch_msg_deadline(0));

	/* It closed with our message unread: that is told first, then what it said. */
	if (n == -ECONNRESET)
		n = ch_msg_recv(k->server.sock, &r, sizeof(r), NULL, 0, ch_msg_deadline(0));
	close_fd(&k->server.sock);
	if (n == (long)sizeof(r) && r.code == 0) {
		note_time(k, CH_TIME_SERVER);
		return;
	}
	r.msg[sizeof(r.msg) - 1] = '\0';
	if (n == (long)sizeof(r))
		ch_err_set(&k->err, r.code, "image '%s': %s", k->req.image, r.msg);
	else
		ch_err_set(&k->err, -EIO, "image '%s': the image server ended unexpectedly",
			   k->req.image);
	fail(k);
	kill_child(&k->builder);
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
	ch_err_set(&k->err, -EIO, "image '%s': the image server has ended", k->req.image);
	fail(k);
}

static void on_built(struct keeper *k, const struct ch_build_msg *m, const char *meta, size_t len)
{
	k->times[CH_TIME_NAMESPACES] = m->at[0] - k->start;
	k->times[CH_TIME_MOUNTS] = m->at[1] - k->start;
	if (m->meta_len && m->meta_len <= len && (k->meta = malloc(m->meta_len))) {
		memcpy(k->meta, meta, m->meta_len);
		k->meta_len = m->meta_len;
	}
	note_time(k, CH_TIME_READY);
	k->state = READY;
	if (k->image.kind == CH_IMAGE_SQUASH && k->server.pid == 0) {
		server_ended(k);
		return;
	}
	if (ch_keeper_confine(k->req.each, &k->err) < 0)
		fail(k);
}

static void on_builder(struct keeper *k)
{
	static char packet[sizeof(struct ch_build_msg) + CH_META_MAX];
	struct ch_build_msg m = { 0 };
	int fds[2] = { -1, -1 };
	long n = ch_msg_recv(k->builder.sock, packet, sizeof(packet), fds, 2, ch_msg_deadline(0));

	if (n >= (long)sizeof(m)) {
		memcpy(&m, packet, sizeof(m));
		m.msg[sizeof(m.msg) - 1] = '\0';
	}
	if (n < (long)sizeof(m)) {
		close_fd(&k->builder.sock);
		if (k->state == BUILDING) {
			ch_err_set(&k->err, -ECHILD,
				   "the builder of the container ended unexpectedly");
			fail(k);
		}
	} else if (m.kind == CH_BUILD_FUSE && fds[0] >= 0) {
		k->fuse = ch_take_fd(&fds[0]);
		k->cpus_deadline = ch_msg_deadline(CPUS_MS);
		if (k->is_placed || !k->req.wait_cpus)
			start_server(k);
	} else if (m.kind == CH_BUILD_DONE && fds[1] >= 0 && k->state == BUILDING) {
		k->ns[0] = ch_take_fd(&fds[0]);
		k->ns[1] = ch_take_fd(&fds[1]);
		on_built(k, &m, packet + sizeof(m), (size_t)n - sizeof(m));
	} else if (k->state == BUILDING) {
		blame(k, &m);
	}
	close_fd(&fds[0]);
	close_fd(&fds[1]);
}

static void on_child_gone(struct keeper *k, pid_t pid)
{
	if (pid == k->builder.pid)
		k->builder.pid = 0; /* its socket tells the rest */
	if (pid != k->server.pid)
		return;
	k->server.pid = 0;
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
	struct ch_build_msg m = { 0 };
	int sv[2];

	if (socket_pair(sv, &k->err) < 0)
		return k->err.code;

	pid_t pid = fork();

	if (pid == 0) {
		close_ends(k, sv[0]);
		ch_build_nested(&k->req, k->ns[0], k->ns[1], sv[1]);
	}
	close(sv[1]);

	long n = pid < 0 ? 0
			 : ch_msg_recv(sv[0], &m, sizeof(m), k->nested, 2,
				       ch_msg_deadline(NESTED_MS));

	close(sv[0]);
	if (n == (long)sizeof(m) && m.kind == CH_BUILD_DONE && k->nested[1] >= 0)
		return 0;
	m.msg[sizeof(m.msg) - 1] = '\0';
	return ch_err_set(&k->err, m.code ? m.code : -EAGAIN, "namespaces for one process: %s",
			  m.msg[0] ? m.msg : "their builder ended unexpectedly");
}

/* Room may come: the socket is full, the kernel short of memory, or too many descriptors
 * are in flight. Any other error means that nobody is there to be answered. */
static bool is_temporary(int rc)
{
	return rc == -ETIMEDOUT || rc == -ENOBUFS || rc == -ENOMEM;
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

/* Send one answer. Returns 0, or -EAGAIN: later. */
static int answer(struct keeper *k)
{
	static char packet[sizeof(struct ch_answer) + CH_META_MAX];
	struct ch_answer a = { .version = CH_PROTO_VERSION };
	const int *fds = choose_namespaces(k);

	if (k->state == FAILED) {
		a.code = k->err.code;
		snprintf(a.msg, sizeof(a.msg), "%s", k->err.msg);
	} else {
		a.meta_len = k->meta_len;
		memcpy(a.times, k->times, sizeof(a.times));
	}
	memcpy(packet, &a, sizeof(a));
	if (a.meta_len)
		memcpy(packet + sizeof(a), k->meta, a.meta_len);

	int rc = ch_msg_send(k->ctl, packet, sizeof(a) + a.meta_len, fds, a.code ? 0 : 2,
			     ch_msg_deadline(0));

	if (is_temporary(rc))
		return -EAGAIN;
	close_fd(&k->nested[0]);
	close_fd(&k->nested[1]);
	return 0;
}

static void answer_all(struct keeper *k)
{
	while (k->ctl >= 0 && k->waiting > 0) {
		if (answer(k) < 0)
			return;
		k->waiting--;
		k->has_answered = true;
	}
}

/* Work where the tasks do. The server has one thread as long as it has not begun; those
 * it makes later on inherit. */
static void place(struct keeper *k, const struct ch_cpus *cpus)
{
	k->is_placed = true;
	syscall(SYS_sched_setaffinity, 0, sizeof(cpus->mask), cpus->mask);
	if (k->server.pid > 0)
		syscall(SYS_sched_setaffinity, k->server.pid, sizeof(cpus->mask), cpus->mask);
	if (k->fuse >= 0)
		start_server(k);
}

static void on_message(struct keeper *k, const struct ch_cpus *m, size_t len)
{
	bool is_known = len >= sizeof(m->go) && m->go.version == CH_PROTO_VERSION;

	if (is_known && m->go.kind == CH_GO_CPUS && len == sizeof(*m)) {
		place(k, m);
		return;
	}
	if ((!is_known || m->go.kind != CH_GO_ENTER) && k->state != FAILED) {
		ch_err_set(&k->err, -EPROTO, "keeper and plugin are not of one version");
		fail(k);
	}
	k->waiting++;
}

/* Returns false when the other end is closed. */
static bool hear(struct keeper *k)
{
	struct ch_cpus m = { 0 };

	for (;;) {
		/* No room for descriptors: the kernel drops those that come along. */
		long n = ch_msg_recv(k->ctl, &m, sizeof(m), NULL, 0, ch_msg_deadline(0));

		if (n == -ETIMEDOUT)
			return true;
		if (n == -EMSGSIZE)
			n = 0; /* of no version that we know */
		else if (n <= 0)
			return false;
		on_message(k, &m, (size_t)n);
	}
}

/* ---- life ------------------------------------------------------------------------------ */

/* Is there nothing left to do? */
static bool is_over(struct keeper *k)
{
	if (k->ctl < 0 && k->state == BUILDING)
		return true; /* nobody is waiting for it any more */
	if (k->req.life == CH_LIFE_SOCKET && k->state != FAILED)
		return k->ctl < 0;
	if (k->ctl >= 0 && !(k->req.life == CH_LIFE_INSIDE && k->has_answered))
		return false;
	/* Those inside hold the namespaces; without them the server ends by itself. */
	close_fd(&k->ctl);
	drop_namespaces(k);
	return k->state == FAILED || k->server.pid == 0;
}

/* Answers that do not fit now (socket full, too many descriptors in flight): there is no
 * event for all of that, so look again soon. Nor for CPUs that nobody tells. */
static int patience(const struct keeper *k)
{
	if (k->state != BUILDING && k->waiting)
		return 1;
	return k->fuse >= 0 ? ch_msg_left(k->cpus_deadline) : -1;
}

static void one_round(struct keeper *k)
{
	struct pollfd p[] = {
		{ .fd = k->signals, .events = POLLIN },
		{ .fd = k->builder.sock, .events = POLLIN },
		{ .fd = k->server.sock, .events = POLLIN },
		{ .fd = k->boss, .events = POLLIN },
		{ .fd = k->ctl, .events = POLLIN },
	};

	if (poll(p, sizeof(p) / sizeof(p[0]), patience(k)) < 0)
		return;
	if (k->fuse >= 0 && ch_msg_left(k->cpus_deadline) == 0)
		start_server(k);
	if (p[2].revents)
		on_server(k);
	if (p[1].revents && k->builder.sock >= 0)
		on_builder(k);
	if (p[0].revents)
		reap(k);
	if (p[4].revents && !hear(k))
		close_fd(&k->ctl);
	if (p[3].revents)
		close_fd(&k->ctl);
	if (k->state != BUILDING)
		answer_all(k);
}

/* Take the children along, and wait for them: nothing of ours may be left in the cgroup
 * when our end is noticed. */
static void end(struct keeper *k)
{
	long long deadline = ch_msg_deadline(END_MS);

	drop_namespaces(k);
	close_fd(&k->fuse);
	kill_child(&k->builder);
	kill_child(&k->server);
	while (reap(k) && ch_msg_left(deadline) > 0) {
		struct pollfd p = { .fd = k->signals, .events = POLLIN };

		poll(&p, 1, ch_msg_left(deadline));
	}
}

/* pidfd of the process that made the socket pair. */
static int open_boss(int sock)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0 || cred.pid <= 0)
		return -1;
	return (int)syscall(SYS_pidfd_open, cred.pid, 0);
}

static int prepare(struct keeper *k)
{
	sigset_t all, chld;

	/* Whoever started us may ignore it: then children would vanish without a word. */
	signal(SIGCHLD, SIG_DFL);
	/* The server's worker becomes our child when its parent dies. */
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	k->signals = signalfd(-1, &chld, SFD_CLOEXEC | SFD_NONBLOCK);
	if (k->signals < 0)
		return ch_err_sys(&k->err, "make a signalfd");
	fcntl(CH_KEEPER_SOCK, F_SETFD, FD_CLOEXEC);
	fcntl(CH_KEEPER_REQUEST, F_SETFD, FD_CLOEXEC);
	if (ch_request_read(CH_KEEPER_REQUEST, &k->req, &k->err) < 0) {
		k->req.life = CH_LIFE_SOCKET; /* how many there are to be told is unknown */
		return k->err.code;
	}
	if (k->req.life == CH_LIFE_SOCKET)
		k->boss = open_boss(k->ctl);
	if (ch_image_open(k->req.image, &k->image, &k->err) < 0)
		return k->err.code;
	note_time(k, CH_TIME_IMAGE);
	if (k->image.kind == CH_IMAGE_SQUASH && spawn_server(k) < 0)
		return k->err.code;
	return fork_builder(k);
}

int ch_keeper_main(const char *server, ch_meta_reader *read_meta, bool is_placed)
{
	struct keeper k = {
		.image = CH_IMAGE_INIT,
		.server_path = server,
		.read_meta = read_meta,
		.ctl = CH_KEEPER_SOCK,
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
	ch_image_done(&k.image);
	ch_request_done(&k.req);
	free(k.meta);
	return has_failed ? 1 : 0;
}
