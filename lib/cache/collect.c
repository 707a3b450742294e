/* SPDX-License-Identifier: Apache-2.0 */
/* collect.c - garbage collection: what is needed, and what of the rest may stay
 *
 * Names go first, then, after a new pack is complete, the old ones: at any moment all that has a
 * name is there. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/err.h"
#include "cache/cache.h"
#include "cache/large.h"
#include "cache/mark.h"
#include "cache/refs.h"
#include "cache/repack.h"
#include "cache/repo.h"
#include "cache/usage.h"

#define PACKS_MAX  50	       /* from here on, small ones are put together */
#define SMALL_PACK (64U << 20) /* bytes */

struct collection {
	struct ch_cache *cache;
	const struct ch_cache_gc *how;
	struct ch_mark mark;
	struct ch_cache_gained gained;
};

/* A name that leads nowhere is of no use. */
static int drop(struct collection *c, const char *ref, struct ch_err *err)
{
	c->gained.states += strncmp(ref, CH_REFS_STATES, strlen(CH_REFS_STATES)) == 0;
	return ch_refs_remove(c->cache, ref, err);
}

static bool is_broken(int rc)
{
	return rc == -ENOENT || rc == -EBADMSG;
}

/* All that has a name in PREFIX is needed. */
static int keep_refs(struct collection *c, const char *prefix, struct ch_err *err)
{
	ch_auto(refs) struct ch_refs refs = { 0 };
	int rc = ch_refs_list(c->cache, prefix, &refs, err);

	for (size_t i = 0; rc == 0 && i < refs.n; i++)
		rc = ch_mark_commit(&c->mark, &refs.list[i].commit, err);
	return rc;
}

static int drop_refs(struct collection *c, const char *prefix, struct ch_err *err)
{
	ch_auto(refs) struct ch_refs refs = { 0 };
	int rc = ch_refs_list(c->cache, prefix, &refs, err);

	for (size_t i = 0; rc == 0 && i < refs.n; i++)
		rc = drop(c, refs.list[i].name, err);
	return rc;
}

/* Add what TRIAL has seen. */
static int merge(struct ch_mark *to, const struct ch_mark *trial, struct ch_err *err)
{
	const struct ch_oidmap *from[2] = { &trial->seen, &trial->large };
	struct ch_oidmap *into[2] = { &to->seen, &to->large };
	struct ch_oid oid;
	uint64_t number;

	for (int i = 0; i < 2; i++)
		for (size_t at = 0; ch_oidmap_next(from[i], &at, &oid, &number);)
			if (ch_oidmap_add(into[i], &oid, number) < 0)
				return ch_err_nomem(err);
	to->bytes += trial->bytes;
	return 0;
}

/* A state that no branch leads to: does it stay? Returns 1 or 0. */
static int try_state(struct collection *c, const struct ch_oid *commit, struct ch_err *err)
{
	ch_auto(mark) struct ch_mark trial = { .odb = &c->cache->odb, .before = &c->mark.seen };
	int rc;

	if (!c->how->keep_states)
		return 0;
	rc = ch_mark_commit(&trial, commit, err);
	if (is_broken(rc))
		return 0;
	if (rc < 0)
		return rc;
	if (c->how->max && c->mark.bytes + trial.bytes > c->how->max)
		return 0;
	rc = merge(&c->mark, &trial, err);
	return rc < 0 ? rc : 1;
}

static int last_used_first(const void *a, const void *b)
{
	const struct ch_refs_entry *x = a, *y = b;

	return x->used > y->used ? -1 : x->used < y->used;
}

static int sift_states(struct collection *c, struct ch_err *err)
{
	ch_auto(refs) struct ch_refs refs = { 0 };
	int rc = ch_refs_list(c->cache, CH_REFS_STATES, &refs, err);

	if (rc == 0 && refs.n)
		qsort(refs.list, refs.n, sizeof(*refs.list), last_used_first);
	for (size_t i = 0; rc == 0 && i < refs.n; i++) {
		if (ch_oidmap_find(&c->mark.seen, &refs.list[i].commit))
			continue;
		rc = try_state(c, &refs.list[i].commit, err);
		if (rc >= 0)
			rc = rc ? 0 : drop(c, refs.list[i].name, err);
	}
	return rc;
}

/* ---- large files ---- */

static void sift_large(struct collection *c, int dir, const char *sub)
{
	ch_auto(fd) int fd = openat(dir, sub, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	ch_auto(dir) DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d)
		return;
	ch_take_fd(&fd);
	for (struct dirent *entry; (entry = readdir(d));) {
		char hex[2 * CH_LARGE_BYTES + 1];
		struct ch_large large;

		if (snprintf(hex, sizeof(hex), "%s%s", sub, entry->d_name) != 2 * CH_LARGE_BYTES ||
		    !ch_oid_unhex(hex, large.hash, CH_LARGE_BYTES))
			continue;

		struct ch_oid name = ch_mark_large(&large);

		if (!ch_oidmap_find(&c->mark.large, &name))
			unlinkat(dirfd(d), entry->d_name, 0);
	}
}

static void sift_all_large(struct collection *c)
{
	ch_auto(fd) int fd = openat(c->cache->dir, CH_REPO_LARGE,
				    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	ch_auto(dir) DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d)
		return;
	ch_take_fd(&fd);
	for (struct dirent *entry; (entry = readdir(d));)
		if (entry->d_name[0] != '.')
			sift_large(c, dirfd(d), entry->d_name);
}

/* ---- all of it ---- */

static uint64_t count_objects(const struct ch_odb *odb)
{
	uint64_t n = 0;

	for (size_t i = 0; i < odb->n; i++)
		n += odb->packs[i]->n;
	return n;
}

static int collect(struct collection *c, struct ch_err *err)
{
	struct ch_odb *odb = &c->cache->odb;
	uint64_t objects;
	int rc = ch_odb_refresh(odb, err);

	ch_repo_clean(c->cache);
	objects = count_objects(odb);
	c->gained.before = ch_usage(c->cache->dir);
	if (rc == 0 && c->how->drop_deleted)
		rc = drop_refs(c, CH_REFS_DELETED, err);
	if (rc == 0)
		rc = keep_refs(c, CH_REFS_BRANCHES, err);
	if (rc == 0)
		rc = keep_refs(c, CH_REFS_DELETED, err);
	if (rc == 0)
		rc = sift_states(c, err);
	if (rc == 0)
		rc = ch_repack(c->cache, &c->mark.seen, UINT64_MAX, err);
	if (rc < 0)
		return rc;
	sift_all_large(c);
	c->gained.objects = objects - count_objects(odb);
	c->gained.after = ch_usage(c->cache->dir);
	return 0;
}

int ch_cache_collect(struct ch_cache *cache, const struct ch_cache_gc *how,
		     struct ch_cache_gained *ret_gained, struct ch_err *err)
{
	struct collection c = { .cache = cache, .how = how, .mark = { .odb = &cache->odb } };
	struct ch_err other;
	int rc = ch_repo_need_objects(cache, false, err);

	if (rc == 1) {
		rc = ch_repo_alone(cache, err);
		if (rc == 0)
			rc = collect(&c, err);
		if (ch_repo_share(cache, &other) < 0 && rc == 0) {
			*err = other;
			rc = other.code;
		}
	}
	ch_mark_done(&c.mark);
	if (rc < 0)
		return ch_repo_said(rc, err);
	if (ret_gained)
		*ret_gained = c.gained;
	return 0;
}

static int put_together(struct ch_cache *cache, struct ch_err *err)
{
	struct ch_err other;
	int rc = ch_repo_alone(cache, err);

	if (rc < 0)
		return rc;
	rc = ch_odb_refresh(&cache->odb, err);
	if (rc == 0)
		rc = ch_repack(cache, NULL, SMALL_PACK, err);

	int shared = ch_repo_share(cache, rc < 0 ? &other : err);

	return rc < 0 ? rc : shared;
}

int ch_cache_tidy(struct ch_cache *cache, uint64_t max, struct ch_err *err)
{
	const struct ch_cache_gc how = { .keep_states = true, .max = max };
	int rc = ch_repo_need_objects(cache, false, err);

	if (rc <= 0)
		return rc;
	if (max && ch_usage(cache->dir) > max)
		rc = ch_cache_collect(cache, &how, NULL, err);
	else if (cache->odb.n > PACKS_MAX)
		rc = ch_repo_said(put_together(cache, err), err);
	else
		rc = 0;
	return rc == -EBUSY ? 0 : rc;
}
