/* SPDX-License-Identifier: Apache-2.0 */
/* refs.h - names of commits: branches, and states
 *
 * One file each, as Git has them. They are written by rename, one after the other (flock(2)), so
 * that no lock file of a killed process blocks anybody. Those that git gc(1) has moved to the
 * file "packed-refs" are found as well. */
#ifndef CH_CACHE_REFS_H
#define CH_CACHE_REFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/oid.h"

struct ch_err;
struct ch_cache;

#define CH_REFS_BRANCHES "refs/heads"
#define CH_REFS_DELETED	 "refs/charlie/deleted"
#define CH_REFS_STATES	 "refs/charlie/states" /* "xx/" and the other digits */

/* All of these need the repository to be open. REF: such as "refs/heads/a". */

/* Returns 1, or 0: there is no such ref, or it is damaged. */
int ch_refs_get(struct ch_cache *cache, const char *ref, struct ch_oid *ret_commit,
		struct ch_err *err);

int ch_refs_set(struct ch_cache *cache, const char *ref, const struct ch_oid *commit,
		struct ch_err *err);

/* Remove it. No error if it is not there. */
int ch_refs_remove(struct ch_cache *cache, const char *ref, struct ch_err *err);

/* REF has been used just now. */
void ch_refs_touch(struct ch_cache *cache, const char *ref);

struct ch_refs_entry {
	char *name; /* in full; owned */
	struct ch_oid commit;
	int64_t used; /* seconds since 1970 */
};

struct ch_refs {
	struct ch_refs_entry *list;
	size_t n, cap;
};

/* All refs below PREFIX, such as CH_REFS_STATES, sorted by name; those that are damaged are left
 * out. */
int ch_refs_list(struct ch_cache *cache, const char *prefix, struct ch_refs *ret_refs,
		 struct ch_err *err);

void ch_refs_done(struct ch_refs *refs);

static inline void ch_auto_refs(struct ch_refs *refs)
{
	ch_refs_done(refs);
}

#endif
