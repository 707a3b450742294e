/* SPDX-License-Identifier: Apache-2.0 */
#include "store/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "inner.h"
#include "oci/ref.h"
#include "sys/names.h"

/* To look whether somebody has a claim, and to put an image in its place, takes less. */
enum { CLAIM_PATIENCE_MS = 100, PATIENCE_MS = 1000 };

static int cannot_lock(const struct ch_store *store, int rc, struct ch_err *err)
{
	if (rc == -EINTR)
		return ch_err_set(err, rc, "interrupted");
	return ch_err_set(err, rc, "lock storage '%s': %s; without locks: --no-lock", store->path,
			  strerrordesc_np(-rc));
}

int ch_store_flock(const struct ch_store *store, int fd, int how, const char *why,
		   struct ch_err *err)
{
	int rc = ch_waitlock(fd, how, &store->waiter, why);

	return rc < 0 ? cannot_lock(store, rc, err) : 0;
}

/* ---- names -------------------------------------------------------------------------------- */

static int open_name(const struct ch_store *store, const char *name, struct ch_err *err)
{
	int fd = openat(store->locks, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	return fd < 0 ? ch_err_sys(err, "lock '%s/locks/%s'", store->path, name) : fd;
}

/* For the messages of those who wait. */
static void put_pid(int fd)
{
	if (ftruncate(fd, 0) == 0)
		(void)dprintf(fd, "%d\n", (int)getpid());
}

static int get_pid(int fd)
{
	char text[16] = "";

	return pread(fd, text, sizeof(text) - 1, 0) > 0 ? (int)strtol(text, NULL, 10) : 0;
}

/* For whom one waits */
struct wait {
	const struct ch_ref *ref;
	const char *what; /* is being done to it */
	unsigned patience_ms;
};

/* Lock the open file FD; WAIT: NULL, without waiting. Returns -EWOULDBLOCK (no error is set) if
 * that would be needed. */
static int lock_file(const struct ch_store *store, int fd, const struct wait *wait,
		     struct ch_err *err)
{
	struct ch_waiter waiter = store->waiter;
	char why[CH_REF_MAX + 80];
	int rc;

	if (store->no_lock || !wait) {
		rc = flock(fd, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
		if (store->no_lock || rc == 0)
			return 0;
		return rc == -EWOULDBLOCK ? rc : cannot_lock(store, rc, err);
	}
	snprintf(why, sizeof(why), "image '%s' is being %s by process %d", wait->ref->text,
		 wait->what, get_pid(fd));
	waiter.patience_ms = wait->patience_ms;
	rc = ch_waitlock(fd, LOCK_EX, &waiter, why);
	return rc < 0 ? cannot_lock(store, rc, err) : 0;
}

/* Who unlocks removes the file: what was opened may not be what has that name. */
static int lock_name(const struct ch_store *store, const char *name, const struct wait *wait,
		     struct ch_store_lock *ret_lock, struct ch_err *err)
{
	ch_auto(str) char *copy = strdup(name);

	if (!copy)
		return ch_err_nomem(err);
	for (;;) {
		ch_auto(fd) int fd = open_name(store, name, err);
		int rc = fd < 0 ? fd : lock_file(store, fd, wait, err);

		if (rc < 0)
			return rc;
		if (!store->no_lock && !ch_names_is(store->locks, name, fd))
			continue;
		put_pid(fd);
		*ret_lock = (struct ch_store_lock){
			.store = store,
			.name = ch_take(copy),
			.fd = ch_take_fd(&fd),
		};
		return 0;
	}
}

void ch_store_unlock(struct ch_store_lock *lock)
{
	if (!lock->store)
		return;
	if (!lock->store->no_lock && ch_names_is(lock->store->locks, lock->name, lock->fd))
		unlinkat(lock->store->locks, lock->name, 0);
	close(lock->fd);
	free(lock->name);
	*lock = (struct ch_store_lock){ 0 };
}

int ch_store_claim(const struct ch_store *store, const struct ch_ref *ref,
		   struct ch_store_lock *ret_lock, struct ch_err *err)
{
	const struct wait wait = { ref, "made or deleted", CLAIM_PATIENCE_MS };

	return lock_name(store, ref->file, &wait, ret_lock, err);
}

static const char *with_mark(const struct ch_ref *ref, char out[NAME_MAX + 1])
{
	snprintf(out, NAME_MAX + 1, "%s%c", ref->file, CH_STORE_LOCK_MARK);
	return out;
}

int ch_store_lock(const struct ch_store *store, const struct ch_ref *ref,
		  struct ch_store_lock *ret_lock, struct ch_err *err)
{
	const struct wait wait = { ref, "read or put in place", PATIENCE_MS };
	char name[NAME_MAX + 1];

	return lock_name(store, with_mark(ref, name), &wait, ret_lock, err);
}

int ch_store_try_lock(const struct ch_store *store, const struct ch_ref *ref,
		      struct ch_store_lock *ret_lock, struct ch_err *err)
{
	char name[NAME_MAX + 1];

	return ch_store_try_name(store, with_mark(ref, name), ret_lock, err);
}

int ch_store_try_name(const struct ch_store *store, const char *name,
		      struct ch_store_lock *ret_lock, struct ch_err *err)
{
	return lock_name(store, name, NULL, ret_lock, err);
}
