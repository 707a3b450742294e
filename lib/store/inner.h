/* SPDX-License-Identifier: Apache-2.0 */
/* inner.h - what the files of this folder share
 *
 * In tmp are:
 *
 *	NAME~N	an image in the making, as long as the lock on NAME is held
 *	NAME=N	to be removed, as soon as nobody reads it
 *
 * with the least N that makes it unique. Neither mark can be in the name of an image. */
#ifndef CH_STORE_INNER_H
#define CH_STORE_INNER_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "sys/waitlock.h"

struct ch_err;

#define CH_STORE_DRAFT_MARK '~'
#define CH_STORE_TRASH_MARK '='

struct ch_store {
	char *path; /* owned; absolute */
	bool no_lock;
	struct ch_waiter waiter;
	int top, img, tmp, locks, stat; /* owned; open directories */
	int lock;			/* owned; -1: no_lock */
};

/* ---- lock.c ---------------------------------------------------------------------------- */

/* flock(2) FD by HOW (LOCK_SH, LOCK_EX). While somebody else has it, this waits, and notes
 * "waiting: " and WHY. Errors: -EINTR by the user of storage. */
int ch_store_flock(const struct ch_store *store, int fd, int how, const char *why,
		   struct ch_err *err);

/* Lock the name FILE of an image; waits. Returns a descriptor (the caller's), which is the lock:
 * closing it unlocks; or a negative errno. With no_lock nobody waits, and it may be that
 * somebody else has the lock, too. */
int ch_store_lock_name(const struct ch_store *store, const char *file, struct ch_err *err);

/* The same, without waiting. Returns -EWOULDBLOCK (no error is set) if somebody has it. */
int ch_store_try_name(const struct ch_store *store, const char *file, struct ch_err *err);

/* Unlock; the lock's file goes, too. *LOCK may be -1. */
void ch_store_unlock_name(const struct ch_store *store, const char *file, int *lock);

/* ---- trash.c --------------------------------------------------------------------------- */

/* The name of FILE in tmp with MARK and number N, in a buffer of the caller's. */
const char *ch_store_place(const char *file, char mark, unsigned n, char out[NAME_MAX + 1]);

/* Move NAME of the directory DIR to tmp, to be removed, as the trash of FILE, under the name
 * PLACE. */
int ch_store_set_aside(const struct ch_store *store, int dir, const char *name, const char *file,
		       char place[NAME_MAX + 1], struct ch_err *err);

/* The same, and remove it unless somebody reads it. */
int ch_store_throw(const struct ch_store *store, int dir, const char *name, const char *file,
		   struct ch_err *err);

/* Let the owner of NAME in the directory DIR move it: a directory gets another "..". */
void ch_store_make_movable(int dir, const char *name);

/* Remove what dead processes have left in tmp, and note which images that were, and what cannot be
 * removed. */
int ch_store_sweep(const struct ch_store *store, struct ch_err *err);

/* ---- mounted.c ------------------------------------------------------------------------- */

/* Has a container PLACE in tmp, or something in it, among its mounts? Yes, if
 * nobody can tell; a process that we may not look at has none of ours. */
bool ch_store_is_mounted(const char *place);

/* ---- noted.c --------------------------------------------------------------------------- */

/* May the image FILE with ROOT as its directory be damaged (noted.h)? */
bool ch_store_is_in_doubt(const struct ch_store *store, const char *file, int root);

/* The image FILE is deleted, or replaced: what is noted of it (WHAT) and its digests (DIGESTS) are
 * no longer true. */
void ch_store_drop_notes(const struct ch_store *store, const char *file, bool what, bool digests);

/* ---- spare.c --------------------------------------------------------------------------- */

/* Move the spare to PLACE in tmp. Returns false if there is none, or locks are not used. */
bool ch_store_take_spare(const struct ch_store *store, const char *place);

/* Let PLACE in tmp, a tree that was FILE, or was to be, be the spare, in place of another one; or
 * remove it: if somebody reads it, if room is scarce, or if locks are not used. */
int ch_store_keep_spare(const struct ch_store *store, const char *place, const char *file,
			struct ch_err *err);

/* The file of what is known of a tree: move it, or remove it if TO is NULL. That there is none is
 * fine. */
void ch_store_move_stat(const struct ch_store *store, const char *from, const char *to);

#endif
