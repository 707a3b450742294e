/* SPDX-License-Identifier: Apache-2.0 */
/* checkout.h - what the parts of a check-out share
 *
 * What is there is looked at, and compared with what is wanted. Then, one after the other:
 * what is too much is removed, and directories are made (checkout_dirs.c); files are written,
 * by several threads (checkout_files.c); hard links; modes and times of directories, inner
 * ones first (checkout_end.c). */
#ifndef CH_CACHE_CHECKOUT_H
#define CH_CACHE_CHECKOUT_H

#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "cache/cache.h"
#include "cache/node.h"

struct ch_err;

#define CH_OPEN_DIR (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* Files of a directory that a thread takes at a time. */
struct ch_checkout_batch {
	const char *path; /* of the directory; in the wanted tree's arena */
	struct ch_node *dir;
	size_t from, to; /* entries */
};

struct ch_checkout {
	struct ch_cache *cache;	      /* borrowed */
	struct ch_progress *progress; /* borrowed, or NULL */
	int root;
	struct ch_gittree is, wanted;
	struct ch_way way;
	struct ch_checkout_batch *list; /* owned */
	size_t n, cap;
	atomic_ullong files, bytes, xattrs; /* for the report */
	uint64_t removed;
};

/* All of these return 0 or a negative errno. */

/* Remove what is too much or differs, make directories, and list the files to be written. */
int ch_checkout_dirs(struct ch_checkout *c, struct ch_err *err);

/* Write the files of the list. */
int ch_checkout_files(struct ch_checkout *c, struct ch_err *err);

/* Make hard links, and give directories their modes and times. */
int ch_checkout_end(struct ch_checkout *c, struct ch_err *err);

/* ---- for all of them ---- */

/* Is something to be done to NODE by a thread? Links to others come later. */
static inline bool ch_checkout_is_work(const struct ch_node *node)
{
	return !S_ISDIR(node->mode) && !node->link && !node->known;
}

/* Has A the mode and the time of modification of B? */
static inline bool ch_checkout_is_set(const struct ch_node *a, const struct ch_node *b)
{
	return a->mode == b->mode && a->mtime == b->mtime && a->mtime_nsec == b->mtime_nsec;
}

/* For utimensat(2): the time of modification of NODE. */
static inline void ch_checkout_times(const struct ch_node *node, struct timespec ret[2])
{
	ret[0] = (struct timespec){ .tv_nsec = UTIME_OMIT };
	ret[1] = (struct timespec){ .tv_sec = node->mtime, .tv_nsec = node->mtime_nsec };
}

#endif
