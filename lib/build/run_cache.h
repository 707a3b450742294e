/* SPDX-License-Identifier: Apache-2.0 */
/* run_cache.h - directories for RUN --mount=type=cache
 *
 * CACHES/HASH, where HASH is SHA-256 of the id in hexadecimal; the second one of a private
 * cache that is in use is CACHES/HASH.1, and so on. Who uses one holds a lock of flock(2) on
 * the directory itself: shared ones are locked shared, the others exclusively. So whoever gets
 * an exclusive lock may delete it. */
#ifndef CH_BUILD_RUN_CACHE_H
#define CH_BUILD_RUN_CACHE_H

struct ch_err;
struct ch_run;
struct ch_run_mount;

/* Make the directory of the cache M, or wait until it may be used.
 *
 * ret_path: malloc'ed
 * Returns a descriptor (the caller's), which holds the lock; or a negative errno. */
int ch_run_cache_use(const struct ch_run *run, const struct ch_run_mount *m, char **ret_path,
		     struct ch_err *err);

#endif
