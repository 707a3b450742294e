/* SPDX-License-Identifier: Apache-2.0 */
/* spare.c - one tree of files that nobody needs any more, and what is known of it */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "inner.h"
#include "store/draft.h"
#include "store/store.h"
#include "sys/machine.h"

/* In the directory stat, no image is called so. */
static const char spare[] = "spare", spare_stat[] = "=spare";

/* A file system with less than a tenth of it left has better uses for the room. */
enum { SCARCE = 10 };

/* What is there is thrown away, and somebody else's may come at that moment. */
enum { TRIES = 3 };

void ch_store_move_stat(const struct ch_store *store, const char *from, const char *to)
{
	char unfinished[NAME_MAX + 8];

	if (to) {
		(void)renameat(store->stat, from, store->stat, to);
		return;
	}
	snprintf(unfinished, sizeof(unfinished), "%s" CH_DRAFT_STAT_NEW, from);
	(void)unlinkat(store->stat, unfinished, 0);
	(void)unlinkat(store->stat, from, 0);
}

/* One who takes it has it alone: by the rename. If two take and keep at the same time, tree and
 * what is known of it may not belong together: then it is known of no file. */
bool ch_store_take_spare(const struct ch_store *store, const char *place)
{
	if (store->no_lock || renameat(store->top, spare, store->tmp, place) < 0)
		return false;
	ch_store_move_stat(store, spare_stat, place);
	return true;
}

static bool has_room(const struct ch_store *store)
{
	struct statvfs fs;

	return fstatvfs(store->top, &fs) == 0 && fs.f_bavail > fs.f_blocks / SCARCE;
}

/* Who reads an image has a lock on it, or will find that it is not the image any more, and let go
 * (ch_store_read). Containers are seen on this machine only. */
static bool is_free(const struct ch_store *store, const char *place)
{
	ch_auto(fd) int fd = openat(store->tmp, place,
				    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd >= 0 && ch_machine_owns(fd) && flock(fd, LOCK_EX | LOCK_NB) == 0 &&
	       !ch_store_is_mounted(place);
}

int ch_store_keep_spare(const struct ch_store *store, const char *place, const char *file,
			struct ch_err *err)
{
	bool wanted;

	ch_store_make_movable(store->tmp, place);
	wanted = !store->no_lock && has_room(store) && is_free(store, place);
	for (int i = 0; wanted && i < TRIES; i++) {
		if (renameat(store->tmp, place, store->top, spare) == 0) {
			ch_store_move_stat(store, place, spare_stat);
			return 0;
		}
		if (errno != ENOTEMPTY && errno != EEXIST)
			break;
		if (ch_store_throw(store, store->top, spare, file, err) < 0 && err->code != -ENOENT)
			return err->code;
	}
	ch_store_move_stat(store, place, NULL);
	return ch_store_throw(store, store->tmp, place, file, err);
}

int ch_store_drop_spare(struct ch_store *store, struct ch_err *err)
{
	int rc = ch_store_throw(store, store->top, spare, spare, err);

	ch_store_move_stat(store, spare_stat, NULL);
	return rc == -ENOENT ? 0 : rc;
}
