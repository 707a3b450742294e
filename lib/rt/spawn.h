/* SPDX-License-Identifier: Apache-2.0 */
/* spawn.h - start a keeper for an ordinary program (ch-run) */
#ifndef CH_RT_SPAWN_H
#define CH_RT_SPAWN_H

struct ch_err;
struct ch_request;

/* Start the keeper PROGRAM for REQ, as a process that is nobody's child and has a session
 * of its own: no job control, no Ctrl-C reaches it.
 *
 * door: the socket over which it is asked (proto.h); stays the caller's, who should close it
 * Errors: -ENOENT etc. when PROGRAM cannot be executed. */
int ch_spawn_keeper(const char *program, const struct ch_request *req, int door,
		    struct ch_err *err);

#endif
