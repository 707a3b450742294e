/* SPDX-License-Identifier: Apache-2.0 */
/* within.h - paths that stay within a directory, whatever links there say
 *
 * A path is made plain once: all links in it are resolved, confined, and what is left has none.
 * From then on it is opened with links forbidden, so that what was looked at and what is used
 * are the same. Plain paths are relative to ROOT: no "/" at begin or end, no ".", no ".."; the
 * root itself is "". */
#ifndef CH_SYS_WITHIN_H
#define CH_SYS_WITHIN_H

#include <stdbool.h>
#include <sys/types.h>

struct ch_err;

/* What is done with links and ".." that lead out of the root */
enum ch_within {
	CH_WITHIN_BELOW, /* -EXDEV; so are all absolute links */
	CH_WITHIN_ROOT,	 /* they stay inside: "/" is the root */
};

/* Make PATH (relative to the root, also if it begins with "/") plain. Its last component, and
 * others from some point on, need not exist: ".." then goes by the text. A link at its end is
 * followed. What is no directory, but not at the end: -ENOTDIR.
 * ret_path: malloc'ed */
int ch_within_resolve(int root, const char *path, enum ch_within how, char **ret_path,
		      struct ch_err *err);

/* Open the plain PATH. A link in it is an error. FLAGS: of open(2); O_CLOEXEC is added.
 * Returns the descriptor (the caller's) or a negative errno. */
int ch_within_open(int root, const char *path, int flags);

/* Open (O_PATH) the directory of the plain PATH, making what is missing with mode MODE, whatever
 * the umask. Returns the descriptor (the caller's). */
int ch_within_make_dirs(int root, const char *path, mode_t mode, struct ch_err *err);

/* A directory of our own that its mode kept us from writing to: it is as it was at the end. */
struct ch_unlocked {
	int dir; /* borrowed; -1: nothing was done */
	mode_t mode;
} __attribute__((unused)); /* that it ends is all the use of it */

/* Have the user, whose directory DIR is, list it, enter it and write to it. */
struct ch_unlocked ch_unlock(int dir);
void ch_unlock_end(const struct ch_unlocked *unlocked);

static inline void ch_auto_unlocked(const struct ch_unlocked *unlocked)
{
	ch_unlock_end(unlocked);
}

/* The directory that the plain PATH is in: open (O_PATH), the caller's. *ret_name: its last
 * component, within PATH. Returns the descriptor or a negative errno. */
int ch_within_open_parent(int root, const char *path, const char **ret_name);

#endif
