/* SPDX-License-Identifier: Apache-2.0 */
/* statcache.h - hashes of files that need not be read again
 *
 * A file with the same device, inode, size, mtime and ctime (ns) has the same contents, unless
 * it was changed within the clock tick in which it was hashed: files changed within the last
 * seconds are not noted. ctime cannot be set by a program, so that equal mtimes fool nobody.
 * The file is a cache: what is damaged, or of another version, is as if it were not there.
 * Several processes may use it; who saves last wins. */
#ifndef CH_BUILD_STATCACHE_H
#define CH_BUILD_STATCACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "hash/hash.h"

struct ch_err;

struct ch_statcache_entry {
	uint64_t dev, ino, size;
	int64_t mtime, ctime; /* ns since 1970 */
	uint32_t day;	      /* when it was used last; since 1970 */
	uint32_t zero;
	uint8_t hash[CH_SHA256_BYTES];
};

struct ch_statcache {
	struct ch_statcache_entry *entries; /* owned; sorted, then the new ones */
	size_t n, cap;
	size_t sorted;	     /* of n */
	size_t hits, misses; /* look-ups, since it was loaded */
	bool is_changed;
};

/* Load NAME of the directory DIR. What is not there, or damaged, is empty; so is a cache that
 * is all zero. */
int ch_statcache_load(int dir, const char *name, struct ch_statcache *ret_cache,
		      struct ch_err *err);

/* Write it back, if something new is in it and nobody else is at it. Entries that were not used
 * for long are dropped. */
int ch_statcache_save(struct ch_statcache *cache, int dir, const char *name, struct ch_err *err);

/* Is the hash of the file with ST known? */
bool ch_statcache_find(struct ch_statcache *cache, const struct stat *st,
		       uint8_t ret_hash[CH_SHA256_BYTES]);

/* Note the HASH of a file that had ST before and after it was read. BEFORE: the time before,
 * of ch_statcache_now(). It is found after ch_statcache_sort(). */
int ch_statcache_note(struct ch_statcache *cache, const struct stat *st, int64_t before,
		      const uint8_t hash[CH_SHA256_BYTES], struct ch_err *err);

void ch_statcache_sort(struct ch_statcache *cache);

/* ns since 1970, by the clock of the files' times */
int64_t ch_statcache_now(void);

void ch_statcache_done(struct ch_statcache *cache);

static inline void ch_auto_statcache(struct ch_statcache *cache)
{
	ch_statcache_done(cache);
}

#endif
