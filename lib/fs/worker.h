/* SPDX-License-Identifier: Apache-2.0 */
/* worker.h - the process that serves: threads which read requests and answer them */
#ifndef CH_FS_WORKER_H
#define CH_FS_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ch_squash;
struct ch_journal;

/* Exit statuses. Anything else, and signals, are accidents. */
#define CH_WORKER_GONE	 0 /* the mount or the lifeline's process has ended */
#define CH_WORKER_FAILED 3 /* could not start, and has said so: by SOCK, or in the log */

struct ch_worker {
	const struct ch_squash *image;
	struct ch_journal *journal; /* one slot a thread */
	int fuse;
	int lifeline; /* pidfd, or -1 */
	int sock;     /* for the report, or -1 */
	int ready;    /* eventfd, written when serving */
	bool fault;   /* the last one died of a fault (SIGSEGV and the like) */
	uint32_t uid;
	uint32_t gid;
	unsigned without; /* CH_SERVER_NO_* (server.h) */
	const void *init; /* the INIT request of the mount */
	size_t init_len;
};

/* Serve. Context: a process of its own, just forked. Never returns. */
void ch_worker_run(const struct ch_worker *worker) __attribute__((noreturn));

#endif
