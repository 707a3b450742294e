/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/walk_inner.h"

#include <errno.h>
#include <unistd.h>

#include "archive/entry_xattrs.h"
#include "base/auto.h"
#include "base/err.h"

#define OPEN_DIR (O_RDONLY | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC)

static int open_locked(int dir, const char *name, struct ch_walk_dir *d)
{
	d->at = openat(dir, name, CH_WALK_LOOK_AT | O_DIRECTORY);
	if (d->at < 0)
		return -1;
	if (faccessat(d->at, ".", R_OK | X_OK, AT_EACCESS) < 0)
		d->unlocked = ch_unlock(d->at);
	return openat(d->at, ".", OPEN_DIR);
}

int ch_walk_dir_open(int dir, const char *name, mode_t mode, struct ch_walk_dir *ret)
{
	ch_auto(walk_dir) struct ch_walk_dir d = CH_WALK_DIR_INIT;

	d.fd = (mode & 0500) == 0500 ? openat(dir, name, OPEN_DIR) : open_locked(dir, name, &d);
	if (d.fd < 0)
		return -errno;
	*ret = d;
	d = CH_WALK_DIR_INIT;
	return 0;
}

void ch_walk_dir_close(struct ch_walk_dir *dir)
{
	ch_unlock_end(&dir->unlocked);
	ch_close(&dir->fd);
	ch_close(&dir->at);
	*dir = CH_WALK_DIR_INIT;
}

int ch_walk_xattrs(const struct ch_walk_how *how, int fd, const char *path,
		   struct ch_entry_xattrs *ret, struct ch_err *err)
{
	int rc = how->no_xattrs ? 0 : ch_entry_xattrs_read(fd, ret);

	return rc < 0 ? ch_err_rc(err, rc, "read extended attributes of '/%s'", path) : 0;
}

int ch_walk_check(const struct ch_walk_how *how, struct ch_err *err)
{
	bool is_cancelled = how->cancel && atomic_load(how->cancel);

	return is_cancelled ? ch_err_set(err, -ECANCELED, "interrupted") : 0;
}

bool ch_walk_leaves(mode_t mode, struct ch_walked *walked)
{
	bool is_device = S_ISCHR(mode) || S_ISBLK(mode), is_socket = S_ISSOCK(mode);

	walked->devices += is_device;
	walked->sockets += is_socket;
	return is_device || is_socket;
}
