/* SPDX-License-Identifier: Apache-2.0 */
/* placed.h - what is kept beside an image of storage for builds
 *
 *	stat/NAME	how its files looked when they were the same as a commit (cache.h)
 *	at/NAME		which commit the finished image is (noted.h) */
#ifndef CH_BUILD_PLACED_H
#define CH_BUILD_PLACED_H

#include <stdbool.h>

#include "cache/cache.h"
#include "store/noted.h"

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

/* Note that the image REF with ROOT as its directory is COMMIT: as ch_noted_put. */
int ch_placed_note(struct ch_store *store, const struct ch_ref *ref, int root,
		   const struct ch_oid *commit, bool *can_be_lost, struct ch_err *err);

/* Which commit is it, as it is in storage? Returns false if it is none, or not there. */
bool ch_placed_commit(const struct ch_store *store, const struct ch_ref *ref,
		      struct ch_oid *ret_commit);

/* Is it in storage, and COMMIT? */
enum ch_noted ch_placed_at(const struct ch_store *store, const struct ch_ref *ref,
			   const struct ch_oid *commit);

#endif
