/* SPDX-License-Identifier: Apache-2.0 */
/* repo.h - the repository of a cache: made, opened, locked */
#ifndef CH_CACHE_REPO_H
#define CH_CACHE_REPO_H

#include "base/err.h"
#include "cache/cache.h"
#include "cache/odb.h"
#include "cache/statfile.h"

#define CH_REPO_OURS  "charlie"	      /* directory in it of what is not Git's */
#define CH_REPO_LARGE "charlie/large" /* large files, by SHA-256 */
#define CH_REPO_TEMP  "charlie/tmp"

struct ch_cache {
	int storage;
	struct ch_cache_options options;
	int dir;  /* the repository; -1: not opened so far */
	int lock; /* holds a shared lock while it is open */
	int temp; /* directory of temporary files */
	uint8_t generation[CH_GENERATION_BYTES];
	bool is_clean; /* what killed processes have left is removed */
	bool has_odb;
	struct ch_odb odb;
};

/* RC, the result of a function that others call: where an error comes from is put in front. */
static inline int ch_repo_said(int rc, struct ch_err *err)
{
	return rc < 0 ? ch_err_in(err, "build cache") : rc;
}

/* Open the repository for what is to come. Returns 1, or 0: there is none. With CREATE, one is
 * made. */
int ch_repo_need(struct ch_cache *cache, bool create, struct ch_err *err);

/* The same, and its objects. */
int ch_repo_need_objects(struct ch_cache *cache, bool create, struct ch_err *err);

/* Objects, and COMMIT among them, which another process may have written just now. Returns 1, or
 * 0: it is not there. */
int ch_repo_need_commit(struct ch_cache *cache, const struct ch_oid *commit, struct ch_err *err);

/* Remove what killed processes have left, once. Needs its objects. */
void ch_repo_clean(struct ch_cache *cache);

/* Lock FD by HOW (LOCK_SH, LOCK_EX); waits as the options of CACHE say. WHY: of waitlock.h. */
int ch_repo_flock(const struct ch_cache *cache, int fd, int how, const char *why,
		  struct ch_err *err);

/* Have the repository for ourselves. -EBUSY: another process uses it. Undone by ch_repo_share,
 * during which it may change. */
int ch_repo_alone(struct ch_cache *cache, struct ch_err *err);
int ch_repo_share(struct ch_cache *cache, struct ch_err *err);

/* Something is to be removed from it: stat files are not to be relied on. */
int ch_repo_renew(struct ch_cache *cache, struct ch_err *err);

#endif
