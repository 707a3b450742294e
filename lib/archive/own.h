/* SPDX-License-Identifier: Apache-2.0 */
/* own.h - what a layer itself has brought, for whiteouts that come later
 *
 * Names are known by the directory they are in, not by its path, since links may lead there. */
#ifndef CH_ARCHIVE_OWN_H
#define CH_ARCHIVE_OWN_H

#include <sys/types.h>

struct ch_dirsink;
struct ch_err;

struct ch_own {
	ino_t root;  /* where it ends: the root of the tree, all of it one file system */
	void *names; /* of tsearch(3) */
};

/* NAME was brought, in the directory PARENT (O_PATH is enough) of the tree. */
int ch_own_add(struct ch_own *own, int parent, const char *name, struct ch_err *err);

/* Remove NAME of the directory DIR, whose path is PATH, and all that is below, but for what was
 * brought, and directories on the way there: these are as new. Attributes are noted in SINK,
 * which is paused.
 * Errors: -ELOOP what stays is in more than CH_OWN_DEPTH directories; those of the file system. */
#define CH_OWN_DEPTH 256
int ch_own_remove_others(struct ch_own *own, struct ch_dirsink *sink, int dir, const char *path,
			 const char *name, struct ch_err *err);

/* The same for all that is in DIR, which stays. To do so again costs nothing. */
int ch_own_empty_of_others(struct ch_own *own, struct ch_dirsink *sink, int dir, const char *path,
			   struct ch_err *err);

/* Forget all of them. */
void ch_own_done(struct ch_own *own);

#endif
