/* SPDX-License-Identifier: Apache-2.0 */
/* walk_inner.h - what both walks (walk.h) have in common */
#ifndef CH_ARCHIVE_WALK_INNER_H
#define CH_ARCHIVE_WALK_INNER_H

#include <fcntl.h>
#include <sys/stat.h>

#include "archive/walk.h"
#include "sys/within.h"

struct ch_entry_xattrs;

#define CH_WALK_DEPTH_MAX 512
#define CH_WALK_PATH_MAX  4095

#define CH_WALK_LOOK_AT (O_PATH | O_NOFOLLOW | O_CLOEXEC)

/* A directory that is read. What had to be made readable is so until it is closed. */
struct ch_walk_dir {
	int at, fd; /* owned; "fd" for reading */
	struct ch_unlocked unlocked;
};

#define CH_WALK_DIR_INIT ((struct ch_walk_dir){ .at = -1, .fd = -1, .unlocked = { .dir = -1 } })

/* Open the directory NAME of DIR, which has MODE. Returns 0 or a negative errno. */
int ch_walk_dir_open(int dir, const char *name, mode_t mode, struct ch_walk_dir *ret);

void ch_walk_dir_close(struct ch_walk_dir *dir);

static inline void ch_auto_walk_dir(struct ch_walk_dir *dir)
{
	ch_walk_dir_close(dir);
}

/* Those of FD, unless HOW does not want them. PATH: for the error */
int ch_walk_xattrs(const struct ch_walk_how *how, int fd, const char *path,
		   struct ch_entry_xattrs *ret, struct ch_err *err);

/* Is somebody tired of it? */
int ch_walk_check(const struct ch_walk_how *how, struct ch_err *err);

/* Is something of MODE left out of archives? Then it is counted. */
bool ch_walk_leaves(mode_t mode, struct ch_walked *walked);

#endif
