/* SPDX-License-Identifier: Apache-2.0 */
/* keeper_state.h - what a keeper knows; for its own files only
 *
 * keeper.c is its life, keeper_make.c follows how the container is made, and
 * keeper_guests.c lets in who asks. */
#ifndef CH_RT_KEEPER_STATE_H
#define CH_RT_KEEPER_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "rt/build.h"
#include "rt/doomed.h"
#include "rt/door.h"
#include "rt/image.h"
#include "rt/kid.h"
#include "rt/opening.h"
#include "rt/proto.h"
#include "rt/request.h"

enum ch_keeper_state {
	CH_KEEPER_BUILDING,
	CH_KEEPER_READY,
	CH_KEEPER_FAILED, /* everybody who asks is told why */
};

struct ch_keeper {
	struct ch_request req;
	struct ch_opening opening;
	struct ch_image image;
	const char *server_path;
	ch_meta_reader *read_meta;
	enum ch_keeper_state state;
	struct ch_err err; /* CH_KEEPER_FAILED */
	struct ch_door door;
	struct ch_doomed doomed;
	int boss;    /* pidfd of who made the other end of the door's socket; -1: none */
	int signals; /* signalfd: SIGCHLD */
	struct ch_kid builder, server;
	int ns[2];     /* user, mount */
	int nested[2]; /* join=no: made for the next answer */
	long long cpus_deadline;
	int fuse;			   /* kept until it is known where to work; -1: none */
	bool is_placed;			   /* on the CPUs of the tasks */
	unsigned char cpus[CH_CPUS_BYTES]; /* of the tasks, as far as told */
	uint32_t start, times[5];
	uint64_t shape; /* of the request (request.h) */
	char *meta;
	uint32_t meta_len;
};

#endif
