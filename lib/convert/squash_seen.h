/* SPDX-License-Identifier: Apache-2.0 */
/* squash_seen.h - contents that an image has, by hash: where are they? */
#ifndef CH_CONVERT_SQUASH_SEEN_H
#define CH_CONVERT_SQUASH_SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CH_SQUASH_KEY 3 /* words of a hash */

struct ch_squash_sight {
	uint64_t key[CH_SQUASH_KEY];
	uint64_t where; /* ~0: an empty place of the table */
};

struct ch_squash_seen {
	struct ch_squash_sight *table; /* owned */
	size_t n, room;		       /* ROOM: a power of two, or 0 */
};

void ch_squash_seen_done(struct ch_squash_seen *seen);

/* Find KEY, or note that what it stands for is at WHERE.
 * Returns 1 and to RET_WHERE where it was before; 0: noted; -ENOMEM. */
int ch_squash_seen_at(struct ch_squash_seen *seen, const uint64_t key[CH_SQUASH_KEY],
		      uint64_t where, uint64_t *ret_where);

#endif
