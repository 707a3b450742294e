/* SPDX-License-Identifier: Apache-2.0 */
/* walk.h - look at an image's files
 *
 * Nothing is followed out of the image: every step is one name in a directory that is held. */
#ifndef CH_CACHE_WALK_H
#define CH_CACHE_WALK_H

#include "cache/cache.h"
#include "cache/node.h"

struct ch_err;

/* Directories that were made readable, and are to be as before. */
struct ch_opened {
	struct ch_opened_dir *list;
	size_t n, cap;
};

/* Look at all that is below ROOT. OLD: how it was (may be empty); what still looks so gets its
 * blob and attributes, and is known. Devices and sockets are counted in REPORT and, unless ALL,
 * left out.
 *
 * Directories that we may not read are made readable: ch_walk_restore undoes it, also after an
 * error, as soon as nobody looks into them any more.
 * ret_tree: empty; release it with ch_gittree_done. */
int ch_walk(int root, const struct ch_gittree *old, bool all, struct ch_gittree *ret_tree,
	    struct ch_opened *ret_opened, struct ch_cache_report *report, struct ch_err *err);

/* Undo it. TREE: gets their new stamps; NULL: none. OPENED is empty then. */
void ch_walk_restore(int root, struct ch_opened *opened, struct ch_gittree *tree);

/* Do not undo it, since what becomes of them is written in TREE: they are dirty there. */
void ch_walk_leave(struct ch_opened *opened, struct ch_gittree *tree);

/* Open the directory PATH of ROOT, which leads through directories only. Returns the descriptor
 * (the caller's), or a negative errno. */
int ch_walk_open(int root, const char *path);

/* Set the permissions of what FD (O_PATH suffices) is. Returns 0 or a negative errno. */
int ch_walk_chmod(int fd, unsigned mode);

#endif
