/* SPDX-License-Identifier: Apache-2.0 */
/* inner.h - what the files of this folder share
 *
 * In tmp are:
 *
 *	NAME~N	an image in the making, as long as that name is locked
 *	NAME=N	to be removed, as soon as nobody reads it
 *
 * with the least N that makes it unique. Names of locks are these, of who makes or removes such;
 * NAME, a claim; and NAME^, a lock on the image (lock.h). None of these marks can be in the name
 * of an image. */
#ifndef CH_STORE_INNER_H
#define CH_STORE_INNER_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "store/lock.h"
#include "sys/waitlock.h"

struct ch_err;

#define CH_STORE_DRAFT_MARK '~'
#define CH_STORE_TRASH_MARK '='
#define CH_STORE_LOCK_MARK  '^'

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

/* Lock a name in locks, without waiting. Returns -EWOULDBLOCK (no error is set) if somebody has
 * it. */
int ch_store_try_name(const struct ch_store *store, const char *name,
		      struct ch_store_lock *ret_lock, struct ch_err *err);

/* ---- trash.c --------------------------------------------------------------------------- */

/* The name of FILE in tmp with MARK and number N, in a buffer of the caller's. */
const char *ch_store_place(const char *file, char mark, unsigned n, char out[NAME_MAX + 1]);

/* Lock such a name, one that nothing in tmp has: it is that of the lock. */
int ch_store_new_place(const struct ch_store *store, const char *file, char mark,
		       struct ch_store_lock *ret_place, struct ch_err *err);

/* Move NAME of the directory DIR to tmp, to be removed, as the trash of FILE; its name there is
 * that of ret_place. */
int ch_store_set_aside(const struct ch_store *store, int dir, const char *name, const char *file,
		       struct ch_store_lock *ret_place, struct ch_err *err);

/* The same, and remove it unless somebody reads it. */
int ch_store_throw(const struct ch_store *store, int dir, const char *name, const char *file,
		   struct ch_err *err);

/* Let the owner of NAME in the directory DIR move it: a directory gets another "..". */
void ch_store_make_movable(int dir, const char *name);

/* Remove what dead processes have left in tmp and locks, and note which images that were, and what
 * cannot be removed. */
int ch_store_sweep(const struct ch_store *store, struct ch_err *err);

/* ---- mounted.c ------------------------------------------------------------------------- */

/* Has a container PLACE in tmp, or something in it, among its mounts? Yes, if
 * nobody can tell; a process that we may not look at has none of ours. */
bool ch_store_is_mounted(const char *place);

/* ---- noted.c --------------------------------------------------------------------------- */

/* May the image FILE with ROOT as its directory be damaged (noted.h)? */
bool ch_store_is_in_doubt(const struct ch_store *store, const char *file, int root);

/* The image FILE is deleted, or replaced: only what is noted of the one that is there now holds. */
void ch_store_settle_notes(const struct ch_store *store, const char *file);

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
