/* SPDX-License-Identifier: Apache-2.0 */
/* server.h - the image server: a supervisor, and a worker that serves
 *
 * The supervisor holds the FUSE descriptor and the mount's INIT request, starts the worker,
 * and starts another one when it dies; readers wait, and notice nothing. It does nothing
 * else, so that nothing can go wrong in it. When workers die again and again it gives up:
 * the descriptor is closed, and readers get ENOTCONN rather than wait for ever.
 *
 * What the keeper says, and hears: rt/server_proto.h. */
#ifndef CH_FS_SERVER_H
#define CH_FS_SERVER_H

#include <stdint.h>

/* Two ways for a new worker to learn of requests that the last one did not answer. Each is
 * enough, which tests show by doing without the other. */
#define CH_SERVER_NO_JOURNAL 1U
#define CH_SERVER_NO_RESEND  2U

/* Serve the file system at OFFSET of CH_SERVER_IMAGE, which has SIZE bytes at most (0: up to
 * the end of the file). WITHOUT: CH_SERVER_NO_*. Returns the exit status. */
int ch_server_run(uint64_t offset, uint64_t size, unsigned without);

#endif
