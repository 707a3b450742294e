/* SPDX-License-Identifier: Apache-2.0 */
/* keeper_make.h - how the container comes to be, as its keeper sees it
 *
 * The image is opened, builder and image server are started, and what they say, or that
 * they have ended, moves the keeper from one state to the next. */
#ifndef CH_RT_KEEPER_MAKE_H
#define CH_RT_KEEPER_MAKE_H

#include <stdbool.h>

struct ch_keeper;

/* The image is open, or cannot be opened. */
void ch_keeper_on_image(struct ch_keeper *k);

/* A report of the server, or its end before one. */
void ch_keeper_on_server(struct ch_keeper *k);

/* A message of the builder, or its end. */
void ch_keeper_on_builder(struct ch_keeper *k);

/* The FUSE file system is mounted, and the CPUs are known: the server may begin. */
void ch_keeper_start_server(struct ch_keeper *k);

/* See which children have ended or were stopped. Returns false when there are none any
 * more. */
bool ch_keeper_reap(struct ch_keeper *k);

/* In a fork: let go of our ends of sockets, whose closing at our death has to be noticed,
 * and PEER, our end of the child's own. */
void ch_keeper_close_ends(struct ch_keeper *k, int peer);

/* Let go of the namespaces. */
void ch_keeper_drop(struct ch_keeper *k);

/* There will be no container: k->err says why. */
void ch_keeper_fail(struct ch_keeper *k);

#endif
