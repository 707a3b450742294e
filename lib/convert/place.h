/* SPDX-License-Identifier: Apache-2.0 */
/* place.h - a file or directory that appears under its name when it is complete
 *
 * It is made beside that, with a hidden name, and renamed in the end; so what was there before
 * stays till then, also if nothing comes of it. Where directories cannot be exchanged (NFS), what
 * was there is called ".NAME.ch-old" for a moment: if its maker is killed just then, the next one
 * gives it its name back. (It is removed under another name: half of it does not come back.) Its
 * maker holds a lock on what it makes (flock(2)): what makers that were killed have left, the next
 * one for the same name removes, where a lock can be had. */
#ifndef CH_CONVERT_PLACE_H
#define CH_CONVERT_PLACE_H

#include <stdbool.h>
#include <sys/types.h>

struct ch_err;

struct ch_place {
	int fd; /* owned: of what is made; a directory, or a file for reading and writing */

	/* private */
	const char *path; /* borrowed */
	int dir;	  /* owned: where it is made */
	char *name;	  /* owned: what it is to be called there */
	char *temp;	  /* owned: what it is called; NULL: it is not there, or no more */
	unsigned flags;	  /* CH_PLACE_* */
};

#define CH_PLACE_INIT ((struct ch_place){ .fd = -1, .dir = -1 })

enum {
	CH_PLACE_DIR = 1 << 0,	  /* a directory; else a file */
	CH_PLACE_KEEP = 1 << 1,	  /* what is there already is not replaced: -EEXIST */
	CH_PLACE_LAYOUT = 1 << 2, /* with CH_PLACE_DIR: an OCI layout; else, an image's root */
};

/* Can PATH (borrowed, till the place is done) be replaced, or made? A directory can be replaced
 * if it is empty, or looks like an image, having bin, dev and usr, or if it is to be a layout, like
 * one. A file can be replaced if it is
 * a file. Where PATH is a link, what it leads to is meant. FLAGS: CH_PLACE_*. Nothing is made.
 * Errors: -EEXIST it is there, and not to be replaced; -EISDIR, -ENOTDIR; -EINVAL; -ENOENT it is
 * a link to nothing. */
int ch_place_check(const char *path, unsigned flags, struct ch_err *err);

/* Check, and begin to make it. */
int ch_place_new(const char *path, unsigned flags, struct ch_place *ret_place, struct ch_err *err);

/* Is it made in the directory that is open as ROOT, or somewhere below? What is at no path (fd of
 * its own) is not. */
bool ch_place_is_below(const struct ch_place *place, int root);

/* It is complete: to the disk with it, and give it its name. That what was there cannot be removed
 * is no failure: there is a warning. */
int ch_place_commit(struct ch_place *place, struct ch_err *err);

/* Let go; what was not committed is removed. */
void ch_place_done(struct ch_place *place);

static inline void ch_auto_place(struct ch_place *place)
{
	ch_place_done(place);
}

#endif
