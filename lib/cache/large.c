/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/large.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/err.h"
#include "cache/oid.h"
#include "cache/repo.h"
#include "cache/temp.h"
#include "hash/hash.h"
#include "sys/write.h"

#define CHUNK	 (256 << 10)
#define OPEN_DIR (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define HEADLINE "charlie large file\n"

size_t ch_large_to_text(const struct ch_large *large, char ret[CH_LARGE_TEXT])
{
	char hex[CH_SHA256_HEX];

	ch_hash_hex(large->hash, CH_LARGE_BYTES, hex);
	return (size_t)snprintf(ret, CH_LARGE_TEXT, HEADLINE "sha256 %s\nsize %llu\n", hex,
				(unsigned long long)large->size);
}

int ch_large_from_text(const char *text, size_t len, struct ch_large *ret_large, struct ch_err *err)
{
	static const char lead[] = HEADLINE "sha256 ";
	size_t fixed = sizeof(lead) - 1 + 2 * (size_t)CH_LARGE_BYTES;
	struct ch_large large = { 0 };
	char again[CH_LARGE_TEXT], *end;

	if (len > fixed + 6 && memcmp(text, lead, sizeof(lead) - 1) == 0 &&
	    ch_oid_unhex(text + sizeof(lead) - 1, large.hash, CH_LARGE_BYTES)) {
		large.size = strtoull(text + fixed + 6, &end, 10);
		if (ch_large_to_text(&large, again) == len && memcmp(again, text, len) == 0) {
			*ret_large = large;
			return 0;
		}
	}
	return ch_err_set(err, -EBADMSG, "what says of a large file is damaged");
}

void ch_large_name(const struct ch_large *large, char ret[CH_LARGE_NAME])
{
	char hex[CH_SHA256_HEX];

	ch_hash_hex(large->hash, CH_LARGE_BYTES, hex);
	snprintf(ret, CH_LARGE_NAME, "%.2s/%s", hex, hex + 2);
}

/* ---- copy ---- */

/* All by offsets: files are copied in parts. */
static int copy_by_hand(int from, int to, off64_t at, off64_t end)
{
	ch_auto(mem) char *room = malloc(CHUNK);

	if (!room)
		return -ENOMEM;
	while (at < end) {
		size_t wanted = end - at < CHUNK ? (size_t)(end - at) : CHUNK;
		ssize_t n = pread(from, room, wanted, at);
		int rc = n > 0 ? ch_pwrite_all(to, room, (size_t)n, at) : n < 0 ? -errno : -EAGAIN;

		if (rc == -EINTR)
			continue;
		if (rc < 0)
			return rc;
		at += n;
	}
	return 0;
}

/* What is from AT to END in FROM, to the same place */
static int copy_part(int from, int to, off64_t at, off64_t end)
{
	off64_t in = at, out = at;

	while (in < end) {
		ssize_t n = copy_file_range(from, &in, to, &out, (size_t)(end - in), 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != ENOSPC && errno != EDQUOT && errno != EIO && in == at)
			return copy_by_hand(from, to, at, end);
		if (n <= 0)
			return n < 0 ? -errno : -EAGAIN;
	}
	return 0;
}

/* The parts of FROM that are no holes, till ALL */
static int copy_parts(int from, int to, off64_t all)
{
	off64_t end = 0;

	while (end < all) {
		off64_t at = ch_large_data(from, end, all);
		int rc;

		end = at < all ? lseek64(from, at, SEEK_HOLE) : all;
		if (end <= at || end > all)
			end = all;
		rc = copy_part(from, to, at, end);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* SIZE bytes from the beginning of FROM, by the cheapest means that work. */
static int copy(int from, int to, uint64_t size)
{
	int rc = ioctl(to, FICLONE, from) == 0 ? 0 : copy_parts(from, to, (off64_t)size);

	if (rc == 0 && ftruncate(to, (off_t)size) < 0)
		rc = -errno;
	return rc;
}

/* ---- in and out ---- */

static int make_copy(struct ch_cache *cache, int fd, const struct ch_large *large, int dir,
		     struct ch_err *err)
{
	char temp[CH_TEMP_NAME], name[CH_LARGE_NAME];
	ch_auto(fd) int to = ch_temp_open(cache->temp, "tmp_large_", 0444, temp, err);

	if (to < 0)
		return to;
	ch_large_name(large, name);

	struct ch_large is = { .size = large->size };
	int rc = copy(fd, to, large->size);

	if (rc < 0)
		ch_err_rc(err, rc, "copy a large file");
	else /* what has been copied counts */
		rc = ch_large_hash(to, large->size, is.hash, err);
	if (rc == 0 && memcmp(is.hash, large->hash, CH_LARGE_BYTES) != 0)
		rc = ch_err_set(err, -EAGAIN, "it changes while it is read");
	if (rc == 0 && (fdatasync(to) < 0 || renameat(cache->temp, temp, dir, name) < 0))
		rc = ch_err_sys(err, "write");
	if (rc < 0)
		unlinkat(cache->temp, temp, 0);
	return rc;
}

int ch_large_put(struct ch_cache *cache, int fd, uint64_t size, struct ch_large *ret_large,
		 struct ch_err *err)
{
	ch_auto(fd) int dir = openat(cache->dir, CH_REPO_LARGE, OPEN_DIR);
	struct ch_large large = { .size = size };
	char name[CH_LARGE_NAME], sub[3];
	struct stat st;

	if (dir < 0)
		return ch_err_sys(err, "'%s'", CH_REPO_LARGE);

	int rc = ch_large_hash(fd, size, large.hash, err);

	if (rc < 0)
		return rc;
	ch_large_name(&large, name);
	snprintf(sub, sizeof(sub), "%.2s", name);
	if (mkdirat(dir, sub, 0777) < 0 && errno != EEXIST)
		return ch_err_sys(err, "make '%s'", sub);
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		rc = make_copy(cache, fd, &large, dir, err);
	if (rc == 0)
		*ret_large = large;
	return rc;
}

int ch_large_get(struct ch_cache *cache, const struct ch_large *large, int fd, struct ch_err *err)
{
	ch_auto(fd) int dir = openat(cache->dir, CH_REPO_LARGE, OPEN_DIR);
	char name[CH_LARGE_NAME];
	struct stat st;

	ch_large_name(large, name);

	ch_auto(fd) int from = dir < 0 ? -1 : openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (from < 0 || fstat(from, &st) < 0)
		return ch_err_sys(err, "large file '%s'", name);
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != large->size)
		return ch_err_set(err, -EBADMSG, "large file '%s' is damaged", name);

	int rc = copy(from, fd, large->size);

	return rc < 0 ? ch_err_rc(err, rc, "copy a large file") : 0;
}
