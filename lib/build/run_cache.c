/* SPDX-License-Identifier: Apache-2.0 */
#include "build/run_cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/analyser.h"
#include "base/auto.h"
#include "base/err.h"
#include "build/mount.h"
#include "build/run.h"
#include "hash/hash.h"
#include "sys/waitlock.h"

/* More users of one private cache at a time than this is a mistake. */
enum { PRIVATE_MAX = 1000 };

static int hash_id(const char *id, char hex[CH_SHA256_HEX], struct ch_err *err)
{
	ch_auto(hash) struct ch_hash hash = { 0 };
	uint8_t bytes[CH_SHA256_BYTES];

	if (ch_hash_start(&hash, CH_SHA256, err) < 0)
		return err->code;
	ch_hash_more(&hash, id, strlen(id));
	ch_hash_end(&hash, bytes);
	ch_hash_hex(bytes, sizeof(bytes), hex);
	return 0;
}

/* Open the directory NAME, making it with MODE if need be. */
static int open_cache(int caches, const char *name, mode_t mode, struct ch_err *err)
{
	bool is_new = mkdirat(caches, name, 0700) == 0;

	if (!is_new && errno != EEXIST)
		return ch_err_sys(err, "make directory '%s'", name);

	ch_auto(fd) int fd = openat(caches, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 || (is_new && fchmod(fd, mode) < 0))
		return ch_err_sys(err, "open directory '%s'", name);
	return ch_take_fd(&fd);
}

static bool is_deleted(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_nlink == 0;
}

/* Lock FD as M wants it. Returns 0; -EWOULDBLOCK for a private one in use; or an error. */
static int lock(const struct ch_run *run, const struct ch_run_mount *m, int fd, struct ch_err *err)
{
	int how = m->sharing == CH_RUN_SHARED ? LOCK_SH : LOCK_EX;

	if (flock(fd, how | LOCK_NB) == 0)
		return 0;
	if (errno != EWOULDBLOCK)
		return ch_err_sys(err, "lock it");
	if (m->sharing == CH_RUN_PRIVATE)
		return -EWOULDBLOCK;
	ch_tell(&run->teller, CH_INFO, "waiting for cache '%.200s', which is in use", m->id);

	const struct ch_waiter waiter = { .stop = run->stop, .data = run->data };
	int rc = ch_waitlock(fd, how, &waiter, "");

	return rc < 0 ? ch_err_rc(err, rc, "lock it") : 0;
}

/* Try the directory NAME. Returns a descriptor, -EWOULDBLOCK, or an error. */
static int use(const struct ch_run *run, const struct ch_run_mount *m, int caches, const char *name,
	       struct ch_err *err)
{
	for (;;) {
		ch_auto(fd) int fd = open_cache(caches, name, m->mode, err);
		int rc = fd < 0 ? fd : lock(run, m, fd, err);

		if (rc < 0)
			return rc;
		/* Who had it locked before may have deleted it. */
		if (!is_deleted(fd))
			return ch_take_fd(&fd);
	}
}

static int open_caches(const struct ch_run *run, struct ch_err *err)
{
	if (!run->caches)
		return ch_err_set(err, -ENOTSUP, "there is no place for caches");
	if (mkdir(run->caches, 0700) < 0 && errno != EEXIST)
		return ch_err_sys(err, "make directory '%s'", run->caches);

	int fd = open(run->caches, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? ch_err_sys(err, "open directory '%s'", run->caches) : fd;
}

/* Have the directory of M, or wait until it may be used. ret_path: malloc'ed. Returns a descriptor,
 * which holds the lock; or a negative errno. */
static int use_one(const struct ch_run *run, const struct ch_run_mount *m, char **ret_path,
		   struct ch_err *err)
{
	char hex[CH_SHA256_HEX], name[CH_SHA256_HEX + 8];
	ch_auto(fd) int caches = open_caches(run, err);
	int fd = -EWOULDBLOCK;

	if (caches < 0 || hash_id(m->id, hex, err) < 0)
		return err->code;
	for (unsigned i = 0; fd == -EWOULDBLOCK && i < PRIVATE_MAX; i++) {
		snprintf(name, sizeof(name), i ? "%s.%u" : "%s", hex, i);
		fd = use(run, m, caches, name, err);
	}
	if (fd == -EWOULDBLOCK)
		return ch_err_set(err, -EBUSY, "cache '%s': too many users", m->id);
	if (fd < 0)
		return ch_err_in(err, "cache '%s' in '%s'", m->id, run->caches);
	if (asprintf(ret_path, "%s/%s", run->caches, name) < 0) {
		close(fd);
		return ch_err_nomem(err);
	}
	return fd;
}

/* Caches only. Of one id, the strictest way first. */
static int by_id(const void *a, const void *b)
{
	const struct ch_run_mount *x = *(const struct ch_run_mount *const *)a;
	const struct ch_run_mount *y = *(const struct ch_run_mount *const *)b;
	int order = strcmp(x->id, y->id);

	return order ? order : (int)y->sharing - (int)x->sharing;
}

/* The caches of RUN in the order in which they are locked. Returns how many there are. */
static size_t list(const struct ch_run *run, const struct ch_run_mount **out)
{
	size_t n = 0;

	for (const struct ch_run_mount *m = run->mounts; m < run->mounts + run->n_mounts; m++)
		if (m->kind == CH_RUN_MOUNT_CACHE)
			out[n++] = m;
	if (n)
		qsort(out, n, sizeof(*out), by_id);
	return n;
}

CH_MOVES_BEGIN
/* LAST: the one before M in that order, or NULL. */
static int add(const struct ch_run *run, const struct ch_run_mount *m,
	       const struct ch_run_mount *last, struct ch_run_caches *caches, struct ch_err *err)
{
	char **path = &caches->paths[m - run->mounts];
	int fd;

	if (last && strcmp(last->id, m->id) == 0) {
		*path = strdup(caches->paths[last - run->mounts]);
		return *path ? 0 : ch_err_nomem(err);
	}
	fd = use_one(run, m, path, err);
	if (fd < 0)
		return fd;
	caches->locks[caches->n_locks++] = fd;
	return 0;
}
CH_MOVES_END

int ch_run_caches_use(const struct ch_run *run, struct ch_run_caches *ret_caches,
		      struct ch_err *err)
{
	ch_auto(mem) const struct ch_run_mount **order = calloc(run->n_mounts + 1, sizeof(*order));
	ch_auto(run_caches) struct ch_run_caches caches = {
		.paths = calloc(run->n_mounts + 1, sizeof(*caches.paths)),
		.locks = calloc(run->n_mounts + 1, sizeof(*caches.locks)),
		.n_paths = run->n_mounts,
	};

	if (!order || !caches.paths || !caches.locks)
		return ch_err_nomem(err);

	size_t n = list(run, order);

	for (size_t i = 0; i < n; i++)
		if (add(run, order[i], i ? order[i - 1] : NULL, &caches, err) < 0)
			return err->code;
	*ret_caches = ch_take(caches);
	return 0;
}

void ch_run_caches_done(struct ch_run_caches *caches)
{
	for (size_t i = 0; caches->paths && i < caches->n_paths; i++)
		free(caches->paths[i]);
	for (size_t i = 0; i < caches->n_locks; i++)
		close(caches->locks[i]);
	free(caches->paths);
	free(caches->locks);
	*caches = (struct ch_run_caches){ 0 };
}
