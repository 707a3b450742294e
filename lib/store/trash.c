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

int ch_store_set_aside(const struct ch_store *store, int dir, const char *name, const char *file,
		       char place[NAME_MAX + 1], struct ch_err *err)
{
	struct stat st;

	ch_store_make_movable(dir, name);
	for (unsigned n = 0;; n++) {
		ch_store_place(file, CH_STORE_TRASH_MARK, n, place);
		/* There is one trash of a name that does not go away for each of its readers, so
		 * that this ends; and who has the lock on it makes them, alone. */
		if (fstatat(store->tmp, place, &st, AT_SYMLINK_NOFOLLOW) == 0)
			continue;
		if (renameat(dir, name, store->tmp, place) == 0)
			return 0;
		if (errno != ENOTEMPTY && errno != EEXIST)
			return ch_err_sys(err, "move '%s' to '%s/tmp'", name, store->path);
	}
}

int ch_store_throw(const struct ch_store *store, int dir, const char *name, const char *file,
		   struct ch_err *err)
{
	char place[NAME_MAX + 1];

	if (ch_store_set_aside(store, dir, name, file, place, err) < 0)
		return err->code;
	return discard(store, place, err);
}

/* What is left over has a name that nobody has locked. */
static int sweep_one(const struct ch_store *store, const char *place, struct ch_err *err)
{
	size_t n = strcspn(place, (char[]){ CH_STORE_DRAFT_MARK, CH_STORE_TRASH_MARK, '\0' });
	char file[NAME_MAX + 1];
	struct stat st;
	int rc = 0;

	snprintf(file, sizeof(file), "%.*s", (int)n, place);

	int lock = ch_store_try_name(store, file, err);

	if (lock < 0)
		return lock == -EWOULDBLOCK ? 0 : lock;
	/* Its maker may have finished while we came here. */
	if (fstatat(store->tmp, place, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		rc = discard(store, place, err);
		ch_store_move_stat(store, place, NULL);
		if (rc == 0 && place[n] == CH_STORE_DRAFT_MARK) {
			char text[NAME_MAX + 1];

			snprintf(text, sizeof(text), "%s", file);
			ch_ref_unescape(text);
			ch_tell(&store->waiter.teller, CH_INFO,
				"dropped unfinished image '%s': its maker was killed", text);
		}
	}
	ch_store_unlock_name(store, file, &lock);
	return rc;
}

int ch_store_sweep(const struct ch_store *store, struct ch_err *err)
{
	int copy = openat(store->tmp, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ch_auto(dir) DIR *stream = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *entry;

	if (!stream) {
		ch_err_sys(err, "read '%s/tmp'", store->path);
		ch_close(&copy);
		return err->code;
	}
	/* What cannot be removed (a mount, a file of somebody else's) is in nobody's way. */
	while (errno = 0, (entry = readdir(stream)))
		if (entry->d_name[0] != '.' && sweep_one(store, entry->d_name, err) < 0)
			ch_tell(&store->waiter.teller, CH_WARN, "left over, and not removed: %s",
				err->msg);
	return errno ? ch_err_sys(err, "read '%s/tmp'", store->path) : 0;
}
