/* SPDX-License-Identifier: Apache-2.0 */
#include "rt/kid.h"

#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "rt/image.h"
#include "rt/server_proto.h"

int ch_kid_socket(int sv[2], struct ch_err *err)
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0)
		return ch_err_sys(err, "make a socket pair");
	return 0;
}

/* The server is exec'd: a fork of ours would keep our copies of the namespaces open, and
 * the mount would never end. Descriptors 3 and 4 are taken here, so the sources of the
 * dup2s are others. */
int ch_kid_server(struct ch_kid *kid, const char *program, const struct ch_image *image,
		  struct ch_err *err)
{
	char offset[24], size[24];
	char *argv[] = { (char[]){ "ch-server" }, offset, size, NULL };
	char *env[] = { NULL };
	posix_spawn_file_actions_t fa;
	int sv[2];

	if (ch_kid_socket(sv, err) < 0)
		return err->code;
	snprintf(offset, sizeof(offset), "%llu", (unsigned long long)image->offset);
	snprintf(size, sizeof(size), "%llu", (unsigned long long)image->size);
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_adddup2(&fa, sv[1], CH_SERVER_SOCK);
	posix_spawn_file_actions_adddup2(&fa, image->fd, CH_SERVER_IMAGE);

	int rc = -posix_spawn(&kid->pid, program, &fa, NULL, argv, env);

	posix_spawn_file_actions_destroy(&fa);
	close(sv[1]);
	if (rc < 0) {
		close(sv[0]);
		kid->pid = 0;
		return ch_err_rc(err, rc, "start the image server '%s'", program);
	}
	kid->sock = sv[0];
	kid->group = kid->pid;
	return 0;
}

bool ch_kid_is_alive(const struct ch_kid *kid)
{
	return kid->pid > 0 || (kid->group > 0 && kill(-kid->group, 0) == 0);
}

bool ch_kid_has_hung_up(const struct ch_kid *kid)
{
	char c;

	return recv(kid->sock, &c, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/* A server's worker goes on when only its parent dies. */
void ch_kid_kill(struct ch_kid *kid)
{
	/* Once: later on, the number may be another group's. */
	if (kid->group > 0)
		kill(-kid->group, SIGKILL);
	kid->group = 0;
	if (kid->pid > 0)
		kill(kid->pid, SIGKILL);
	if (kid->sock >= 0)
		close(ch_take_fd(&kid->sock));
}

int ch_kid_signals(struct ch_err *err)
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

	int fd = signalfd(-1, &chld, SFD_CLOEXEC | SFD_NONBLOCK);

	return fd < 0 ? ch_err_sys(err, "make a signalfd") : fd;
}

int ch_kid_maker(int sock)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0 || cred.pid <= 0)
		return -1;
	return (int)syscall(SYS_pidfd_open, cred.pid, 0);
}
