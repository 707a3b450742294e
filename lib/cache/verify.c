/* SPDX-License-Identifier: Apache-2.0 */
/* verify.c - look at everything, and count it */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/progress.h"
#include "cache/cache.h"
#include "cache/commit.h"
#include "cache/files.h"
#include "cache/mark.h"
#include "cache/object.h"
#include "cache/refs.h"
#include "cache/repo.h"
#include "cache/usage.h"
#include "cache/write.h"
#include "hash/hash.h"

static const char *const spaces[] = { CH_REFS_BRANCHES, CH_REFS_DELETED, CH_REFS_STATES };

/* ---- verify ---- */

struct verify {
	struct ch_cache *cache;
	const struct ch_teller *teller;
	struct ch_progress *progress;
	long faults;
	struct ch_mark mark;
	struct ch_oidmap trees; /* looked at */
};

static int fault(struct verify *v, const char *where, const struct ch_err *err)
{
	if (err->code == -ENOMEM || err->code == -ENOTSUP)
		return err->code;
	v->faults++;
	ch_tell(v->teller, CH_ERROR, "%s: %s", where, err->msg);
	return 0;
}

static int to_hash(const void *data, size_t len, void *to, struct ch_err *err)
{
	(void)err;
	ch_hash_more(to, data, len);
	return 0;
}

/* Is what is at ITEM what its name says? Of differences between objects, libgit2 makes sure when
 * it reads them. */
static int check_item(const struct ch_pack *pack, const struct ch_pack_item *item,
		      struct ch_hash *hash, struct ch_err *err)
{
	struct ch_entry entry;
	struct ch_oid is;
	int rc = ch_pack_entry(pack, item->offset, &entry, err);

	if (rc < 0 || entry.kind > CH_KIND_TAG)
		return rc;
	rc = ch_object_begin(hash, entry.kind, entry.size, err);
	if (rc == 0)
		rc = ch_pack_unpack(&entry, to_hash, hash, err);
	if (rc < 0)
		return rc;
	ch_hash_end(hash, is.bytes);
	return ch_oid_is_equal(&is, &item->oid) ? 0 : ch_err_set(err, -EBADMSG, "it is damaged");
}

static int check_pack(struct verify *v, struct ch_pack *pack, struct ch_err *err)
{
	ch_auto(hash) struct ch_hash hash = { 0 };
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < pack->n; i++) {
		struct ch_pack_item item;
		char hex[CH_OID_HEX];

		ch_pack_item(pack, i, &item);
		if (check_item(pack, &item, &hash, err) < 0)
			rc = fault(v, ch_oid_hex(&item.oid, hex), err);
		ch_progress_add(v->progress, ch_pack_room(pack, item.offset));
	}
	return rc;
}

/* Can this commit be checked out? */
static int check_commit(struct verify *v, const struct ch_oid *oid, struct ch_err *err)
{
	ch_auto(commit) struct ch_commit commit = { 0 };
	ch_auto(gittree) struct ch_gittree tree = { 0 };
	struct ch_odb *odb = &v->cache->odb;
	struct ch_commit_parts parts;
	int rc = ch_commit_read(odb, oid, &commit, err);

	if (rc == 0)
		rc = ch_commit_parts(odb, &commit.tree, &parts, err);
	if (rc < 0)
		return rc;
	rc = ch_oidmap_add(&v->trees, &parts.files, 0);
	if (rc < 0)
		return ch_err_nomem(err);
	return rc ? ch_files_read(odb, &parts.files, &tree, err) : 0;
}

static int check_refs(struct verify *v, const char *space, struct ch_err *err)
{
	ch_auto(refs) struct ch_refs refs = { 0 };
	int rc = ch_refs_list(v->cache, space, &refs, err);

	for (size_t i = 0; rc == 0 && i < refs.n; i++) {
		const struct ch_refs_entry *ref = &refs.list[i];

		if (ch_mark_commit(&v->mark, &ref->commit, err) < 0 ||
		    check_commit(v, &ref->commit, err) < 0)
			rc = fault(v, ref->name, err);
	}
	return rc;
}

/* What is marked must be there: trees and commits were read, files were not. */
static int check_files(struct verify *v, struct ch_err *err)
{
	struct ch_odb *odb = &v->cache->odb;
	struct ch_oid oid;
	uint64_t number;
	int rc = 0;

	for (size_t at = 0; rc == 0 && ch_oidmap_next(&v->mark.seen, &at, &oid, &number);) {
		ch_auto(hash) struct ch_hash hash = { 0 };
		char hex[CH_OID_HEX];

		if (number != CH_MARK_FILE || ch_odb_has(odb, &oid))
			continue;
		rc = ch_hash_start(&hash, CH_SHA1, err);
		if (rc == 0 && ch_odb_stream(odb, &oid, CH_KIND_BLOB, to_hash, &hash, err) < 0)
			rc = fault(v, ch_oid_hex(&oid, hex), err);
	}
	return rc;
}

/* Large files. */
static int check_large(struct verify *v, const char *sub, int dir, const char *name,
		       struct ch_err *err)
{
	ch_auto(fd) int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	uint8_t named[CH_LARGE_BYTES];
	char hex[2 * CH_LARGE_BYTES + 1];
	struct stat st;
	int rc;

	if (fd < 0 || fstat(fd, &st) < 0)
		return ch_err_sys(err, "open '%s'", name);
	if (snprintf(hex, sizeof(hex), "%s%s", sub, name) != 2 * CH_LARGE_BYTES ||
	    !ch_oid_unhex(hex, named, sizeof(named)))
		return 0;
	ch_progress_expect(v->progress, (uint64_t)st.st_size);
	rc = ch_large_is(fd, (uint64_t)st.st_size, named, err);
	ch_progress_add(v->progress, (uint64_t)st.st_size);
	if (rc == 0)
		rc = ch_err_set(err, -EBADMSG, "it is damaged");
	return rc < 0 ? fault(v, hex, err) : 0;
}

struct each_large {
	int (*one)(void *data, const char *sub, int dir, const char *name, struct ch_err *err);
	void *data;
};

static int each_in(const struct each_large *each, int dir, const char *sub, struct ch_err *err)
{
	ch_auto(fd) int fd = openat(dir, sub, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	ch_auto(dir) DIR *d = fd < 0 ? NULL : fdopendir(fd);
	int rc = 0;

	if (!d)
		return 0;
	ch_take_fd(&fd);
	for (struct dirent *entry; rc == 0 && (entry = readdir(d));)
		if (entry->d_name[0] != '.')
			rc = each->one(each->data, sub, dirfd(d), entry->d_name, err);
	return rc;
}

static int each_large(struct ch_cache *cache, const struct each_large *each, struct ch_err *err)
{
	ch_auto(fd) int fd = openat(cache->dir, CH_REPO_LARGE,
				    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	ch_auto(dir) DIR *d = fd < 0 ? NULL : fdopendir(fd);
	int rc = 0;

	if (!d)
		return ch_err_sys(err, "'%s'", CH_REPO_LARGE);
	ch_take_fd(&fd);
	for (struct dirent *entry; rc == 0 && (entry = readdir(d));)
		if (entry->d_name[0] != '.')
			rc = each_in(each, dirfd(d), entry->d_name, err);
	return rc;
}

static int check_one_large(void *data, const char *sub, int dir, const char *name,
			   struct ch_err *err)
{
	return check_large(data, sub, dir, name, err);
}

static uint64_t bytes_of(const struct ch_odb *odb)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < odb->n; i++)
		bytes += odb->packs[i]->len;
	return bytes;
}

long ch_cache_verify(struct ch_cache *cache, const struct ch_teller *teller, struct ch_err *err)
{
	struct verify v = { .cache = cache, .teller = teller, .mark = { .odb = &cache->odb } };
	const struct each_large large = { check_one_large, &v };
	int rc = ch_repo_need_objects(cache, false, err);

	if (rc <= 0)
		return rc;
	rc = ch_odb_refresh(&cache->odb, err);
	v.progress = ch_progress_new("verifying", CH_PROGRESS_BYTES, bytes_of(&cache->odb));
	for (size_t i = 0; rc == 0 && i < cache->odb.n; i++)
		rc = check_pack(&v, cache->odb.packs[i], err);
	for (size_t i = 0; rc == 0 && i < sizeof(spaces) / sizeof(*spaces); i++)
		rc = check_refs(&v, spaces[i], err);
	if (rc == 0)
		rc = check_files(&v, err);
	if (rc == 0)
		rc = each_large(cache, &large, err);
	ch_progress_done(v.progress);
	ch_mark_done(&v.mark);
	ch_oidmap_done(&v.trees);
	return rc < 0 ? ch_repo_said(rc, err) : v.faults;
}

/* ---- count ---- */

static int count_large(void *data, const char *sub, int dir, const char *name, struct ch_err *err)
{
	struct ch_cache_stats *stats = data;
	struct stat st;

	(void)sub;
	(void)err;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	stats->large++;
	stats->bytes_large += (uint64_t)st.st_blocks * 512;
	if ((uint64_t)st.st_size > stats->biggest)
		stats->biggest = (uint64_t)st.st_size;
	return 0;
}

static int count_refs(struct ch_cache *cache, struct ch_mark *mark, struct ch_cache_stats *stats,
		      struct ch_err *err)
{
	uint64_t *const counts[] = { &stats->branches, &stats->deleted, &stats->states };
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sizeof(spaces) / sizeof(*spaces); i++) {
		ch_auto(refs) struct ch_refs refs = { 0 };

		rc = ch_refs_list(cache, spaces[i], &refs, err);
		*counts[i] = refs.n;
		for (size_t k = 0; rc == 0 && k < refs.n; k++)
			rc = ch_mark_commit(mark, &refs.list[k].commit, err);
	}
	return rc;
}

static void count_seen(const struct ch_mark *mark, struct ch_cache_stats *stats)
{
	struct ch_oid oid;
	uint64_t number;

	for (size_t at = 0; ch_oidmap_next(&mark->seen, &at, &oid, &number);) {
		uint64_t size = number == CH_MARK_FILE ? ch_odb_size(mark->odb, &oid) : 0;

		stats->commits += number == CH_MARK_COMMIT;
		stats->files += number == CH_MARK_FILE;
		if (size > stats->biggest)
			stats->biggest = size;
	}
}

int ch_cache_stats(struct ch_cache *cache, struct ch_cache_stats *ret_stats, struct ch_err *err)
{
	ch_auto(mark) struct ch_mark mark = { .odb = &cache->odb };
	struct ch_cache_stats stats = { 0 };
	const struct each_large large = { count_large, &stats };
	int rc = ch_repo_need_objects(cache, false, err);

	if (rc == 1) {
		rc = ch_odb_refresh(&cache->odb, err);
		if (rc == 0)
			rc = count_refs(cache, &mark, &stats, err);
		if (rc == 0)
			rc = each_large(cache, &large, err);
		count_seen(&mark, &stats);
		stats.packs = cache->odb.n;
		stats.bytes = ch_usage(cache->dir);
	}
	if (rc < 0)
		return ch_repo_said(rc, err);
	*ret_stats = stats;
	return 0;
}
