/* SPDX-License-Identifier: Apache-2.0 */
/* trash.c - what is in tmp of storage: making names there, and removing it */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "inner.h"
#include "oci/ref.h"
#include "sys/mnt.h"
#include "sys/names.h"
#include "sys/rmtree.h"

const char *ch_store_place(const char *file, char mark, unsigned n, char out[NAME_MAX + 1])
{
	snprintf(out, NAME_MAX + 1, "%s%c%u", file, mark, n);
	return out;
}

/* Does somebody read PLACE? Then it has the lock of ch_store_read. What was an image may also be in
 * use by a container. */
static bool is_read(const struct ch_store *store, const char *place)
{
	ch_auto(fd) int fd = openat(store->tmp, place,
				    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return false;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
		return true;
	return strchr(place, CH_STORE_TRASH_MARK) && ch_store_is_mounted(place);
}

static int discard(const struct ch_store *store, const char *place, struct ch_err *err)
{
	if (is_read(store, place))
		return 0; /* who opens storage later on removes it */
	if (ch_rmtree_shown(store->tmp, place, err) < 0)
		return ch_err_in(err, "storage '%s/tmp'", store->path);
	return 0;
}

void ch_store_make_movable(int dir, const char *name)
{
	ch_auto(fd) int fd = openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	char path[CH_FD_PATH_MAX];
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0 && (st.st_mode & S_IRWXU) != S_IRWXU)
		(void)chmod(ch_fd_path(fd, path), (st.st_mode & 07777) | S_IRWXU);
}

int ch_store_new_place(const struct ch_store *store, const char *file, char mark,
		       struct ch_store_lock *ret_place, struct ch_err *err)
{
	/* Trash that does not go away is one for each of its readers: this ends. */
	for (unsigned n = 0;; n++) {
		ch_auto(store_lock) struct ch_store_lock place = { 0 };
		char name[NAME_MAX + 1];
		struct stat st;
		int rc = ch_store_try_name(store, ch_store_place(file, mark, n, name), &place, err);

		if (rc < 0 && rc != -EWOULDBLOCK)
			return rc;
		if (rc < 0 || fstatat(store->tmp, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			continue;
		*ret_place = ch_take(place);
		return 0;
	}
}

int ch_store_set_aside(const struct ch_store *store, int dir, const char *name, const char *file,
		       struct ch_store_lock *ret_place, struct ch_err *err)
{
	ch_auto(store_lock) struct ch_store_lock place = { 0 };

	if (ch_store_new_place(store, file, CH_STORE_TRASH_MARK, &place, err) < 0)
		return err->code;
	ch_store_make_movable(dir, name);
	if (renameat(dir, name, store->tmp, place.name) < 0)
		return ch_err_sys(err, "move '%s' to '%s/tmp'", name, store->path);
	*ret_place = ch_take(place);
	return 0;
}

int ch_store_throw(const struct ch_store *store, int dir, const char *name, const char *file,
		   struct ch_err *err)
{
	ch_auto(store_lock) struct ch_store_lock place = { 0 };

	if (ch_store_set_aside(store, dir, name, file, &place, err) < 0)
		return err->code;
	return discard(store, place.name, err);
}

static void note_dropped(const struct ch_store *store, const char *place, size_t len)
{
	char text[NAME_MAX + 1];

	snprintf(text, sizeof(text), "%.*s", (int)len, place);
	ch_ref_unescape(text);
	ch_tell(&store->waiter.teller, CH_INFO,
		"dropped unfinished image '%s': its maker was killed", text);
}

/* What is left over has a name that nobody has locked. */
static int sweep_one(const struct ch_store *store, const char *place, struct ch_err *err)
{
	ch_auto(store_lock) struct ch_store_lock lock = { 0 };
	size_t n = strcspn(place, (char[]){ CH_STORE_DRAFT_MARK, CH_STORE_TRASH_MARK, '\0' });
	struct stat st;
	int rc = ch_store_try_name(store, place, &lock, err);

	if (rc < 0)
		return rc == -EWOULDBLOCK ? 0 : rc;
	/* Its maker may have finished while we came here. */
	if (fstatat(store->tmp, place, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	rc = discard(store, place, err);
	ch_store_move_stat(store, place, NULL);
	if (rc == 0 && place[n] == CH_STORE_DRAFT_MARK)
		note_dropped(store, place, n);
	return rc;
}

/* Locks of the dead. What is in use stays: it is locked. */
static void sweep_locks(const struct ch_store *store)
{
	ch_auto(names) struct ch_names names = { 0 };

	if (ch_names_list(store->locks, &names) < 0)
		return;
	for (size_t i = 0; i < names.n; i++) {
		ch_auto(store_lock) struct ch_store_lock lock = { 0 };
		struct ch_err ignored;

		(void)ch_store_try_name(store, names.list[i], &lock, &ignored);
	}
}

int ch_store_sweep(const struct ch_store *store, struct ch_err *err)
{
	ch_auto(names) struct ch_names names = { 0 };
	int rc = ch_names_list(store->tmp, &names);

	if (rc < 0)
		return ch_err_rc(err, rc, "read '%s/tmp'", store->path);
	/* What cannot be removed (a mount, a file of somebody else's) is in nobody's way. */
	for (size_t i = 0; i < names.n; i++)
		if (names.list[i][0] != '.' && sweep_one(store, names.list[i], err) < 0)
			ch_tell(&store->waiter.teller, CH_WARN, "left over, and not removed: %s",
				err->msg);
	sweep_locks(store);
	return 0;
}
