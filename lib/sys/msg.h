/* SPDX-License-Identifier: Apache-2.0 */
/* msg.h - messages with descriptors over SOCK_SEQPACKET sockets (unix(7), SCM_RIGHTS)
 *
 * Nothing here blocks longer than asked: sends and receives are MSG_DONTWAIT, and waiting
 * is poll(2) with a deadline. No SIGPIPE is raised. Async-signal-safe. */
#ifndef CH_SYS_MSG_H
#define CH_SYS_MSG_H

#include <stddef.h>

#define CH_MSG_FDS 4 /* at most so many descriptors a message */

/* Milliseconds of CLOCK_MONOTONIC from now on; for deadlines. */
long long ch_msg_deadline(int timeout_ms);

/* How many milliseconds are left until DEADLINE; 0 when it is past. */
int ch_msg_left(long long deadline);

/* Send one message, and N descriptors (which stay ours).
 *
 * Waits until DEADLINE while the socket is full, or while the kernel says ETOOMANYREFS
 * (too many descriptors of this user are in flight: it passes when peers receive).
 * Returns 0, or a negative errno: -ETIMEDOUT, -EPIPE the peer is gone, … */
int ch_msg_send(int sock, const void *data, size_t len, const int *fds, size_t n,
		long long deadline);

/* Receive one message of at most SIZE bytes, and up to N descriptors (close-on-exec; ours;
 * more than N are closed). FDS is filled up with -1.
 *
 * Returns the length, 0 when the peer has closed, or a negative errno: -ETIMEDOUT;
 * -EMSGSIZE the message was longer, and is lost with its descriptors; … */
long ch_msg_recv(int sock, void *data, size_t size, int *fds, size_t n, long long deadline);

/* As ch_msg_recv(), leaving the message in the queue; the descriptors are copies. */
long ch_msg_peek(int sock, void *data, size_t size, int *fds, size_t n, long long deadline);

#endif
