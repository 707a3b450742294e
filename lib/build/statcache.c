/* SPDX-License-Identifier: Apache-2.0 */
#include "build/statcache.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/text.h"
#include "sys/names.h"
#include "sys/write.h"

enum {
	ENTRIES_MAX = 1 << 20,
	DAYS_KEPT = 30,
};

/* Clocks tick in up to 10 ms, those of some file systems in 2 s, and that of a file server may
 * be a bit off. */
static const int64_t settled = 2500000000;

static const int64_t second = 1000000000;

/* The file: this, then the entries, as they are in memory. */
struct header {
	char magic[8];
	uint64_t n;
	uint64_t check; /* of the entries; against what a crash leaves, not against malice */
};

static const char magic[8] = { 'c', 'h', 's', 't', 'a', 't', '0', '1' };

int64_t ch_statcache_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * second + now.tv_nsec;
}

static uint32_t today(void)
{
	return (uint32_t)(ch_statcache_now() / second / (24 * 60 * 60));
}

static int by_file(const void *a, const void *b)
{
	const struct ch_statcache_entry *x = a, *y = b;

	if (x->dev != y->dev)
		return x->dev < y->dev ? -1 : 1;
	return x->ino < y->ino ? -1 : x->ino > y->ino;
}

static bool read_all(int fd, void *data, size_t len)
{
	for (char *p = data; len > 0;) {
		ssize_t got = read(fd, p, len);

		if (got <= 0)
			return false;
		p += got;
		len -= (size_t)got;
	}
	return true;
}

static uint64_t check_of(const struct ch_statcache_entry *entries, size_t n)
{
	return ch_text_hash(entries, n * sizeof(*entries));
}

static bool is_sorted(const struct ch_statcache_entry *entries, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (by_file(&entries[i - 1], &entries[i]) >= 0)
			return false;
	return true;
}

int ch_statcache_load(int dir, const char *name, struct ch_statcache *ret_cache, struct ch_err *err)
{
	ch_auto(fd) int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ch_auto(statcache) struct ch_statcache cache = { 0 };
	struct header header;

	if (fd < 0 && errno != ENOENT)
		return ch_err_sys(err, "open '%s'", name);
	if (fd >= 0 && read_all(fd, &header, sizeof(header)) &&
	    memcmp(header.magic, magic, sizeof(magic)) == 0 && header.n > 0 &&
	    header.n <= ENTRIES_MAX) {
		cache.entries = calloc(header.n, sizeof(*cache.entries));
		if (!cache.entries)
			return ch_err_nomem(err);
		if (read_all(fd, cache.entries, header.n * sizeof(*cache.entries)) &&
		    check_of(cache.entries, header.n) == header.check &&
		    is_sorted(cache.entries, header.n))
			cache.n = cache.cap = cache.sorted = header.n;
		else
			ch_statcache_done(&cache);
	}
	*ret_cache = ch_take(cache);
	return 0;
}

/* ---- look-ups -------------------------------------------------------------------------- */

static struct ch_statcache_entry key_of(const struct stat *st)
{
	return (struct ch_statcache_entry){
		.dev = st->st_dev,
		.ino = st->st_ino,
		.size = (uint64_t)st->st_size,
		.mtime = st->st_mtim.tv_sec * second + st->st_mtim.tv_nsec,
		.ctime = st->st_ctim.tv_sec * second + st->st_ctim.tv_nsec,
		.day = today(),
	};
}

bool ch_statcache_find(struct ch_statcache *cache, const struct stat *st,
		       uint8_t ret_hash[CH_SHA256_BYTES])
{
	struct ch_statcache_entry key = key_of(st), *e = NULL;

	if (cache->sorted)
		e = bsearch(&key, cache->entries, cache->sorted, sizeof(key), by_file);
	if (!e || e->size != key.size || e->mtime != key.mtime || e->ctime != key.ctime) {
		cache->misses++;
		return false;
	}
	cache->hits++;
	e->day = key.day;
	memcpy(ret_hash, e->hash, CH_SHA256_BYTES);
	return true;
}

int ch_statcache_note(struct ch_statcache *cache, const struct stat *st, int64_t before,
		      const uint8_t hash[CH_SHA256_BYTES], struct ch_err *err)
{
	struct ch_statcache_entry entry = key_of(st);

	if (entry.ctime > before - settled || entry.mtime > before - settled)
		return 0;
	if (cache->n == cache->cap) {
		size_t cap = cache->cap ? 2 * cache->cap : 64;
		void *entries = reallocarray(cache->entries, cap, sizeof(entry));

		if (!entries)
			return ch_err_nomem(err);
		cache->entries = entries;
		cache->cap = cap;
	}
	memcpy(entry.hash, hash, CH_SHA256_BYTES);
	cache->entries[cache->n++] = entry;
	cache->is_changed = true;
	return 0;
}

/* As by_file; of the same file, the one that was used last, and else changed last, first. */
static int by_file_and_age(const void *a, const void *b)
{
	const struct ch_statcache_entry *x = a, *y = b;
	int rc = by_file(a, b);

	if (rc == 0 && x->day != y->day)
		rc = x->day > y->day ? -1 : 1;
	if (rc == 0)
		rc = x->ctime > y->ctime ? -1 : x->ctime < y->ctime;
	return rc;
}

void ch_statcache_sort(struct ch_statcache *cache)
{
	size_t n = 0;

	if (cache->sorted == cache->n)
		return;
	qsort(cache->entries, cache->n, sizeof(*cache->entries), by_file_and_age);
	for (size_t i = 0; i < cache->n; i++)
		if (n == 0 || by_file(&cache->entries[n - 1], &cache->entries[i]) != 0)
			cache->entries[n++] = cache->entries[i];
	cache->n = cache->sorted = n;
}

/* ---- saving ---------------------------------------------------------------------------- */

static void drop_old(struct ch_statcache *cache)
{
	uint32_t now = today();
	size_t n = 0;

	for (size_t i = 0; i < cache->n && n < ENTRIES_MAX; i++)
		if (cache->entries[i].day + DAYS_KEPT >= now)
			cache->entries[n++] = cache->entries[i];
	cache->n = cache->sorted = n;
}

/* Is the open file FD still that of NAME, and ours alone? */
static bool is_ours(int fd, int dir, const char *name)
{
	return flock(fd, LOCK_EX | LOCK_NB) == 0 && ch_names_is(dir, name, fd);
}

int ch_statcache_save(struct ch_statcache *cache, int dir, const char *name, struct ch_err *err)
{
	char fresh[NAME_MAX + 1];

	if (!cache->is_changed)
		return 0;
	ch_statcache_sort(cache);
	drop_old(cache);
	if ((size_t)snprintf(fresh, sizeof(fresh), "%s.new", name) >= sizeof(fresh))
		return ch_err_rc(err, -ENAMETOOLONG, "save '%s'", name);

	int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW;
	ch_auto(fd) int fd = openat(dir, fresh, flags, 0600);
	struct header header = { .n = cache->n, .check = check_of(cache->entries, cache->n) };

	memcpy(header.magic, magic, sizeof(magic));
	if (fd < 0)
		return ch_err_sys(err, "open '%s'", fresh);
	if (!is_ours(fd, dir, fresh))
		return 0;

	int rc = ftruncate(fd, 0) < 0 ? -errno : ch_write_all(fd, &header, sizeof(header));

	if (rc == 0)
		rc = ch_write_all(fd, cache->entries, cache->n * sizeof(*cache->entries));
	if (rc == 0 && renameat(dir, fresh, dir, name) < 0)
		rc = -errno;
	if (rc < 0)
		return ch_err_rc(err, rc, "save '%s'", name);
	cache->is_changed = false;
	return 0;
}

void ch_statcache_done(struct ch_statcache *cache)
{
	free(cache->entries);
	*cache = (struct ch_statcache){ 0 };
}
