/* SPDX-License-Identifier: Apache-2.0 */
/* kid.h - the keeper's children, and what it is itself as a process */
#ifndef CH_RT_KID_H
#define CH_RT_KID_H

#include <stdbool.h>
#include <sys/types.h>

struct ch_err;
struct ch_image;

struct ch_kid {
	pid_t pid;   /* 0: none, or reaped */
	pid_t group; /* which it leads, if it makes one; 0: none */
	int sock;    /* our end; -1: closed */
};

/* A SOCK_SEQPACKET pair. */
int ch_kid_socket(int sv[2], struct ch_err *err);

/* Exec the image server PROGRAM for IMAGE (server_proto.h). */
int ch_kid_server(struct ch_kid *kid, const char *program, const struct ch_image *image,
		  struct ch_err *err);

/* Does it, or a process that it started and that is in its group, live? */
bool ch_kid_is_alive(const struct ch_kid *kid);

/* Has it closed its end, with nothing left to be read? */
bool ch_kid_has_hung_up(const struct ch_kid *kid);

/* Kill KID with all that it started, and close our end. */
void ch_kid_kill(struct ch_kid *kid);

/* Become a process that hears of its children, and adopts theirs: all signals are blocked.
 * Returns a signalfd for SIGCHLD. */
int ch_kid_signals(struct ch_err *err);

/* pidfd of the process that made SOCK's other end, or -1. */
int ch_kid_maker(int sock);

#endif
