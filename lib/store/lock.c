/* SPDX-License-Identifier: Apache-2.0 */
/* lock.c - locks that end with their process */
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
#include "sys/names.h"

static int cannot_lock(const struct ch_store *store, int rc, struct ch_err *err)
{
	return ch_err_set(err, rc, "lock storage '%s': %s; without locks: --no-lock", store->path,
			  strerrordesc_np(-rc));
}

int ch_store_flock(const struct ch_store *store, int fd, int how, const char *why,
		   struct ch_err *err)
{
	int rc = ch_waitlock(fd, how, &store->waiter, why);

	if (rc == -EINTR)
		return ch_err_set(err, rc, "interrupted");
	return rc < 0 ? cannot_lock(store, rc, err) : 0;
}

static int open_name(const struct ch_store *store, const char *file, struct ch_err *err)
{
	int fd = openat(store->locks, file, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	return fd < 0 ? ch_err_sys(err, "lock '%s/locks/%s'", store->path, file) : fd;
}

/* Is the open file FD still the one that is called FILE? Who unlocks removes it. */
static bool is_current(const struct ch_store *store, int fd, const char *file)
{
	return ch_names_is(store->locks, file, fd);
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

static int wait_for(const struct ch_store *store, int fd, const char *file, struct ch_err *err)
{
	char why[NAME_MAX + 80];

	snprintf(why, sizeof(why), "image '%s' is being made or deleted by process %d", file,
		 get_pid(fd));
	return ch_store_flock(store, fd, LOCK_EX, why, err);
}

int ch_store_try_name(const struct ch_store *store, const char *file, struct ch_err *err)
{
	for (;;) {
		ch_auto(fd) int fd = open_name(store, file, err);

		if (fd < 0)
			return fd;
		if (flock(fd, LOCK_EX | LOCK_NB) < 0)
			return errno == EWOULDBLOCK ? -EWOULDBLOCK
						    : cannot_lock(store, -errno, err);
		if (is_current(store, fd, file)) {
			put_pid(fd);
			return ch_take_fd(&fd);
		}
	}
}

int ch_store_lock_name(const struct ch_store *store, const char *file, struct ch_err *err)
{
	for (;;) {
		ch_auto(fd) int fd = open_name(store, file, err);

		if (fd < 0)
			return fd;
		if (store->no_lock)
			(void)flock(fd, LOCK_EX | LOCK_NB);
		else if (wait_for(store, fd, file, err) < 0)
			return err->code;
		if (store->no_lock || is_current(store, fd, file)) {
			put_pid(fd);
			return ch_take_fd(&fd);
		}
	}
}

void ch_store_unlock_name(const struct ch_store *store, const char *file, int *lock)
{
	if (*lock >= 0 && !store->no_lock && is_current(store, *lock, file))
		unlinkat(store->locks, file, 0);
	ch_close(lock);
}
