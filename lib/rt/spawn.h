/* SPDX-License-Identifier: Apache-2.0 */
/* spawn.h - start a keeper for an ordinary program (ch-run) */
#ifndef CH_RT_SPAWN_H
#define CH_RT_SPAWN_H

#include <sys/types.h>

struct ch_err;
struct ch_request;

/* Start the keeper PROGRAM for REQ, as a process that is nobody's child and has a session
 * of its own: no job control, no Ctrl-C reaches it.
 *
 * door: the socket over which it is asked (proto.h); stays the caller's, who should close it
 * deadline: when to give up (msg.h)
 * ret_pid: the keeper's; valid as long as the door is open on its side
 * Errors: -ENOENT etc. when PROGRAM cannot be executed; -ETIMEDOUT. */
int ch_spawn_keeper(const char *program, const struct ch_request *req, int door, long long deadline,
		    pid_t *ret_pid, struct ch_err *err);

#endif
