/* SPDX-License-Identifier: Apache-2.0 */
/* run_cache.h - directories for RUN --mount=type=cache
 *
 * CACHES/HASH, where HASH is SHA-256 of the id in hexadecimal; the second one of a private
 * cache that is in use is CACHES/HASH.1, and so on. Who uses one holds a lock of flock(2) on
 * the directory itself: shared ones are locked shared, the others exclusively. So whoever gets
 * an exclusive lock may delete it. */
#ifndef CH_BUILD_RUN_CACHE_H
#define CH_BUILD_RUN_CACHE_H

#include <stddef.h>

struct ch_err;
struct ch_run;

struct ch_run_caches {
	char **paths; /* owned, with what they lead to; by the mount's number; NULL: no cache */
	int *locks;   /* owned: closing ends the use */
	size_t n_paths, n_locks;
};

/* Make the directories of RUN's caches, or wait until they may be used: in the order of their ids,
 * so that two commands with several ones do not wait for each other. Mounts of one id are of one
 * directory, used in the strictest way that any of them wants. */
int ch_run_caches_use(const struct ch_run *run, struct ch_run_caches *ret_caches,
		      struct ch_err *err);

void ch_run_caches_done(struct ch_run_caches *caches);

static inline void ch_auto_run_caches(struct ch_run_caches *caches)
{
	ch_run_caches_done(caches);
}

#endif
