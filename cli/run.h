/* SPDX-License-Identifier: Apache-2.0 */
/* run.h - the parts of ch-run: from what is asked for (run_request.c), by way of a keeper
 * (run_enter.c), to a process in a container (ch-run.c) */
#ifndef CH_CLI_RUN_H
#define CH_CLI_RUN_H

#include <stdbool.h>

#include "rt/request.h"
#include "rt/settings.h"

struct ch_entry;
struct ch_err;

struct run {
	struct ch_settings set;
	struct ch_request req;
	const char *user;
	char **argv; /* the command, or, with by_image, what the image's gets as arguments */
	bool by_image;
	long start_s; /* how long a start may take */
};

/* Fill RUN's request from its settings, for the IMAGE of the command line. */
int ch_run_request(struct run *run, const char *image, struct ch_err *err);

/* The keeper's program. */
const char *ch_run_keeper(void);

/* Make the container, or find the one that is to be joined, and move into it. RET_ENTRY: what
 * the keeper said; large, so static. */
int ch_run_enter(struct run *run, struct ch_entry *ret_entry, struct ch_err *err);

#endif
