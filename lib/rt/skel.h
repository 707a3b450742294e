/* SPDX-License-Identifier: Apache-2.0 */
/* skel.h - mount points that an image lacks
 *
 * A read-only image has no place for new mount points. They are made in a small directory
 * tree, the skeleton, which an overlay without upper directory lays over the image: both
 * layers are lower ones, so nothing can be changed. The overlay covers the deepest
 * directory that exists above the missing point, so that the rest of the image is read
 * without a detour. A writable layer (CH_OP_FAKE), where wanted, goes on top. */
#ifndef CH_RT_SKEL_H
#define CH_RT_SKEL_H

#include <stdbool.h>
#include <sys/types.h>

struct ch_err;
struct ch_op;

/* Where in the container's root the builder stands. All descriptors are O_PATH. */
struct ch_place {
	int root;     /* root of the container; replaced when something is mounted on it */
	int scaffold; /* a tmpfs of our own; holds the directory "root" */
};

struct ch_missing {
	char *anchor; /* canonical path of the deepest directory that exists; owned */
	char *rest;   /* below it: what is missing; owned */
	bool is_dir;
	bool has_mounts; /* the anchor, below it (mirror.h) */
};

struct ch_skel {
	struct ch_missing *list;
	unsigned n;
	dev_t only; /* for ch_skel_mkdir: leave alone what is on other devices; 0: nothing */
};

/* Is DST there? If not, note it in SKEL. IS_DIR: what to make. Returns 0, or an error, such
 * as -ENOTDIR for a file on the way. */
int ch_skel_check(struct ch_skel *skel, const struct ch_place *place, const char *dst, bool is_dir,
		  struct ch_err *err);

/* Make what SKEL holds by overlays and mirrors, and the writable layer FAKE (CH_OP_FAKE, or
 * NULL). */
int ch_skel_mount(struct ch_skel *skel, struct ch_place *place, const struct ch_op *fake,
		  struct ch_err *err);

/* Make what SKEL holds in the image itself (it is writable). */
int ch_skel_mkdir(const struct ch_skel *skel, const struct ch_place *place, struct ch_err *err);

/* Make what SKEL holds for exactly the anchor TOP in the directory INTO. */
int ch_skel_fill(const struct ch_skel *skel, const char *top, int into, struct ch_err *err);

/* The root descriptor again, after a mount on it. */
int ch_skel_reopen(struct ch_place *place, struct ch_err *err);

void ch_skel_done(struct ch_skel *skel);

static inline void ch_auto_skel(struct ch_skel *skel)
{
	ch_skel_done(skel);
}

#endif
