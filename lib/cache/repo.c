/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/repo.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/err.h"
#include "cache/git.h"
#include "cache/temp.h"
#include "cache/write.h"
#include "sys/names.h"
#include "sys/rmtree.h"
#include "sys/waitlock.h"
#include "sys/write.h"

#define FORMAT	 "1\n"
#define OPEN_DIR (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

int ch_cache_open(int storage, const struct ch_cache_options *options, struct ch_cache **ret_cache,
		  struct ch_err *err)
{
	struct ch_cache *cache = calloc(1, sizeof(*cache));

	if (!cache)
		return ch_err_nomem(err);
	cache->dir = cache->lock = cache->temp = -1;
	if (options)
		cache->options = *options;
	cache->storage = fcntl(storage, F_DUPFD_CLOEXEC, 0);
	if (cache->storage < 0) {
		ch_err_sys(err, "open the build cache");
		free(cache);
		return err->code;
	}
	*ret_cache = cache;
	return 0;
}

static void forget(struct ch_cache *cache)
{
	if (cache->has_odb)
		ch_odb_close(&cache->odb);
	cache->has_odb = false;
	ch_close(&cache->temp);
	ch_close(&cache->dir);
	ch_close(&cache->lock);
}

void ch_cache_close(struct ch_cache *cache)
{
	if (!cache)
		return;
	forget(cache);
	ch_close(&cache->storage);
	free(cache);
}

/* ---- a new one: made under another name, and renamed ---- */

static int write_file(int dir, const char *name, const void *data, size_t len, struct ch_err *err)
{
	ch_auto(fd) int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	int rc = fd < 0 ? -errno : ch_write_all(fd, data, len);

	if (rc == 0 && fsync(fd) < 0)
		rc = -errno;
	return rc < 0 ? ch_err_rc(err, rc, "write '%s'", name) : 0;
}

static int new_generation(uint8_t generation[CH_GENERATION_BYTES], struct ch_err *err)
{
	if (getrandom(generation, CH_GENERATION_BYTES, 0) != CH_GENERATION_BYTES)
		return ch_err_sys(err, "random number");
	return 0;
}

static int fill(int dir, struct ch_err *err)
{
	static const char *const dirs[] = { CH_REPO_OURS, CH_REPO_LARGE, CH_REPO_TEMP };
	uint8_t generation[CH_GENERATION_BYTES];
	int rc = ch_git_init(dir, "root", err);

	for (size_t i = 0; rc == 0 && i < sizeof(dirs) / sizeof(*dirs); i++)
		if (mkdirat(dir, dirs[i], 0777) < 0)
			rc = ch_err_sys(err, "make '%s'", dirs[i]);
	if (rc == 0)
		rc = new_generation(generation, err);
	if (rc == 0)
		rc = write_file(dir, CH_REPO_OURS "/generation", generation, sizeof(generation),
				err);
	if (rc == 0)
		rc = write_file(dir, CH_REPO_OURS "/lock", "", 0, err);
	return rc == 0 ? write_file(dir, CH_REPO_OURS "/format", FORMAT, strlen(FORMAT), err) : rc;
}

/* Remove the directory NAME and all that is in it; as far as possible. */
static void remove_tree(int parent, const char *name)
{
	struct ch_err ignored;

	(void)ch_rmtree_shown(parent, name, &ignored);
}

/* Directories of ours in STORAGE whose maker is gone. */
static void clean_storage(int storage)
{
	ch_auto(names) struct ch_names names = { 0 };

	if (ch_names_list(storage, &names) < 0)
		return;
	for (size_t i = 0; i < names.n; i++) {
		const char *name = names.list[i];

		if (strncmp(name, CH_CACHE_DIR ".", strlen(CH_CACHE_DIR) + 1) != 0)
			continue;

		ch_auto(fd) int fd = openat(storage, name, OPEN_DIR);

		if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
			remove_tree(storage, name);
	}
}

static int unused_name(char name[64], struct ch_err *err)
{
	uint64_t number;

	if (getrandom(&number, sizeof(number), 0) < 0)
		return ch_err_sys(err, "random number");
	snprintf(name, 64, CH_CACHE_DIR ".%016llx", (unsigned long long)number);
	return 0;
}

static int create(struct ch_cache *cache, struct ch_err *err)
{
	char name[64];
	int rc = unused_name(name, err);

	clean_storage(cache->storage);
	if (rc < 0)
		return rc;
	if (mkdirat(cache->storage, name, 0777) < 0)
		return ch_err_sys(err, "make it");

	ch_auto(fd) int dir = openat(cache->storage, name, OPEN_DIR);

	if (dir < 0 || flock(dir, LOCK_SH) < 0)
		return ch_err_sys(err, "make it");
	rc = fill(dir, err);
	if (rc == 0 && renameat(cache->storage, name, cache->storage, CH_CACHE_DIR) < 0) {
		/* Somebody else was faster. */
		if (errno != EEXIST && errno != ENOTEMPTY)
			rc = ch_err_sys(err, "make it");
		remove_tree(cache->storage, name);
	}
	return rc;
}

/* ---- open ---- */

static int read_small(int dir, const char *name, void *data, size_t len)
{
	ch_auto(fd) int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	return fd >= 0 && read(fd, data, len) == (ssize_t)len;
}

static int check_format(int dir, struct ch_err *err)
{
	char format[sizeof(FORMAT) - 1];

	if (!read_small(dir, CH_REPO_OURS "/format", format, sizeof(format)) ||
	    memcmp(format, FORMAT, sizeof(format)) != 0)
		return ch_err_set(err, -EPROTO,
				  "'%s' in the storage directory is not a build cache of this "
				  "version: see 'ch-image build-cache --reset'",
				  CH_CACHE_DIR);
	return 0;
}

/* Returns 1: locked; 0: there is no cache. */
static int open_locked(struct ch_cache *cache, struct ch_err *err)
{
	cache->dir = openat(cache->storage, CH_CACHE_DIR, OPEN_DIR);
	if (cache->dir < 0)
		return errno == ENOENT ? 0 : ch_err_sys(err, "open '%s'", CH_CACHE_DIR);

	int rc = check_format(cache->dir, err);

	if (rc < 0)
		return rc;
	cache->lock = openat(cache->dir, CH_REPO_OURS "/lock", O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (cache->lock < 0)
		return ch_err_sys(err, "lock");
	if (ch_repo_share(cache, err) < 0)
		return err->code;
	/* It may have been removed while we waited. */
	if (ch_names_is(cache->storage, CH_CACHE_DIR, cache->dir))
		return 1;
	forget(cache);
	return open_locked(cache, err);
}

static int read_generation(struct ch_cache *cache, struct ch_err *err)
{
	if (!read_small(cache->dir, CH_REPO_OURS "/generation", cache->generation,
			sizeof(cache->generation)))
		return ch_err_set(err, -EBADMSG, "'generation' is damaged");
	return 0;
}

int ch_repo_need(struct ch_cache *cache, bool may_create, struct ch_err *err)
{
	if (cache->lock >= 0)
		return 1;

	int rc = open_locked(cache, err);

	if (rc == 0 && may_create) {
		rc = create(cache, err);
		if (rc == 0)
			rc = open_locked(cache, err);
	}
	if (rc == 1) {
		cache->temp = openat(cache->dir, CH_REPO_TEMP, OPEN_DIR);
		rc = cache->temp < 0 ? ch_err_sys(err, "'%s'", CH_REPO_TEMP)
				     : read_generation(cache, err);
		if (rc == 0)
			return 1;
	}
	forget(cache);
	return rc;
}

int ch_repo_need_objects(struct ch_cache *cache, bool may_create, struct ch_err *err)
{
	int rc = ch_repo_need(cache, may_create, err);

	if (rc <= 0 || cache->has_odb)
		return rc;
	rc = ch_odb_open(cache->dir, &cache->odb, err);
	cache->has_odb = rc == 0;
	return rc == 0 ? 1 : rc;
}

int ch_repo_need_commit(struct ch_cache *cache, const struct ch_oid *commit, struct ch_err *err)
{
	int rc = ch_repo_need_objects(cache, false, err);

	if (rc <= 0 || ch_odb_has(&cache->odb, commit))
		return rc;
	rc = ch_odb_refresh(&cache->odb, err);
	return rc < 0 ? rc : 1;
}

void ch_repo_clean(struct ch_cache *cache)
{
	ch_auto(names) struct ch_names names = { 0 };

	if (cache->is_clean || ch_names_list(cache->temp, &names) < 0)
		return;
	for (size_t i = 0; i < names.n; i++) {
		ch_auto(fd) int dead = ch_temp_dead(cache->temp, names.list[i]);

		if (dead >= 0)
			unlinkat(cache->temp, names.list[i], 0);
	}
	ch_writer_clean(cache->odb.dir);
	cache->is_clean = true;
}

/* ---- alone ---- */

int ch_repo_alone(struct ch_cache *cache, struct ch_err *err)
{
	/* Not atomic: a lock that is changed is given up first. Then it is as if we had come
	 * later. */
	if (flock(cache->lock, LOCK_EX | LOCK_NB) < 0) {
		int saved = errno;

		(void)flock(cache->lock, LOCK_SH);
		if (saved == EWOULDBLOCK)
			return ch_err_set(err, -EBUSY,
					  "another process uses it: try again when no other "
					  "ch-image is running");
		return ch_err_rc(err, -saved, "lock");
	}
	return 0;
}

int ch_repo_flock(const struct ch_cache *cache, int fd, int how, const char *why,
		  struct ch_err *err)
{
	int rc = ch_waitlock(fd, how, &cache->options.waiter, why);

	if (rc == -EINTR)
		return ch_err_set(err, rc, "interrupted");
	return rc < 0 ? ch_err_rc(err, rc, "lock") : 0;
}

int ch_repo_share(struct ch_cache *cache, struct ch_err *err)
{
	return ch_repo_flock(cache, cache->lock, LOCK_SH, "somebody tidies the build cache up",
			     err);
}

int ch_repo_renew(struct ch_cache *cache, struct ch_err *err)
{
	uint8_t generation[CH_GENERATION_BYTES];
	ch_auto(fd) int ours = openat(cache->dir, CH_REPO_OURS, OPEN_DIR);

	if (ours < 0)
		return ch_err_sys(err, "'%s'", CH_REPO_OURS);

	int rc = new_generation(generation, err);

	if (rc == 0)
		rc = ch_temp_replace(cache->temp, "tmp_gen_", ours, "generation", generation,
				     sizeof(generation), err);
	if (rc == 0)
		memcpy(cache->generation, generation, sizeof(generation));
	return rc;
}

int ch_cache_reset(int storage, struct ch_err *err)
{
	ch_auto(cache) struct ch_cache *cache = NULL;
	char name[64];
	int rc = ch_cache_open(storage, NULL, &cache, err);

	if (rc < 0 || !cache)
		return ch_repo_said(rc, err);
	clean_storage(storage);
	rc = open_locked(cache, err);
	/* What is none of ours is no use to anybody here, and goes, too. */
	if (rc == 1)
		rc = ch_repo_alone(cache, err);
	else if (rc == -EPROTO)
		rc = 0;
	else
		return ch_repo_said(rc, err);
	if (rc == 0)
		rc = unused_name(name, err);
	if (rc < 0)
		return ch_repo_said(rc, err);
	if (renameat(storage, CH_CACHE_DIR, storage, name) < 0)
		return ch_err_sys(err, "remove it");
	remove_tree(storage, name);
	return 0;
}
