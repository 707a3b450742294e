/* SPDX-License-Identifier: Apache-2.0 */
/* placed.h - what is kept beside an image of storage for builds
 *
 *	stat/NAME	how its files looked when they were the same as a commit (cache.h)
 *	at/NAME		which commit the finished image is: a link to "COMMIT INODE TIME"
 *
 * TIME is when its directory was made. " BOOT" comes behind it if it was not waited for that all
 * is on the disk: should the machine have been started anew since, the image is made again when it
 * is wanted. */
#ifndef CH_BUILD_PLACED_H
#define CH_BUILD_PLACED_H

#include <stdbool.h>

#include "cache/cache.h"

struct ch_err;
struct ch_ref;
struct ch_store;

/* An image for the cache. */
struct ch_placed {
	struct ch_cache_image image; /* root and name are borrowed, its progress is owned */
	int dir;		     /* owned */
};

#define CH_PLACED_INIT ((struct ch_placed){ .dir = -1 })

/* The image or draft that storage calls NAME (borrowed), whose files are in ROOT. */
int ch_placed_open(struct ch_store *store, const char *name, int root, struct ch_placed *ret_placed,
		   struct ch_err *err);

void ch_placed_done(struct ch_placed *placed);

static inline void ch_auto_placed(struct ch_placed *placed)
{
	ch_placed_done(placed);
}

/* Where an image is. */
enum ch_placed_at {
	CH_PLACED_ELSEWHERE, /* not there, not at that commit, or nobody knows */
	CH_PLACED_THERE,
	/* There, but the machine was started anew before it was known that all is on the disk. */
	CH_PLACED_IN_DOUBT,
};

/* Note that the image REF with ROOT as its directory is COMMIT, before it comes into storage, or
 * while it is there. CAN_BE_LOST: may it not be on the disk? If that cannot be noted here, it
 * becomes false: then it has to be. */
int ch_placed_note(struct ch_store *store, const struct ch_ref *ref, int root,
		   const struct ch_oid *commit, bool *can_be_lost, struct ch_err *err);

/* Is it in storage, and COMMIT? */
enum ch_placed_at ch_placed_at(struct ch_store *store, const struct ch_ref *ref,
			       const struct ch_oid *commit);

#endif
