/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/within.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "sys/mnt.h"

/* As many links as the kernel follows: path_resolution(7) */
enum { LINKS_MAX = 40 };

int ch_within_open(int root, const char *path, int flags)
{
	struct open_how how = {
		.flags = (__u64)(flags | O_CLOEXEC),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	long fd = syscall(SYS_openat2, root, *path ? path : ".", &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

int ch_within_open_parent(int root, const char *path, const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	char dir[PATH_MAX] = "";
	size_t len = slash ? (size_t)(slash - path) : 0;

	if (len >= sizeof(dir))
		return -ENAMETOOLONG;
	memcpy(dir, path, len);
	*ret_name = slash ? slash + 1 : path;
	return ch_within_open(root, dir, O_PATH | O_DIRECTORY);
}

struct ch_unlocked ch_unlock(int dir)
{
	struct ch_unlocked unlocked = { .dir = -1 };
	char link[CH_FD_PATH_MAX];
	struct stat st;

	if (fstat(dir, &st) == 0 && (st.st_mode & 0700) != 0700 && st.st_uid == geteuid() &&
	    chmod(ch_fd_path(dir, link), (st.st_mode & 07777) | 0700) == 0)
		unlocked = (struct ch_unlocked){ dir, st.st_mode & 07777 };
	return unlocked;
}

void ch_unlock_end(const struct ch_unlocked *unlocked)
{
	char link[CH_FD_PATH_MAX];

	if (unlocked->dir >= 0)
		(void)!chmod(ch_fd_path(unlocked->dir, link), unlocked->mode);
}

/* The directory NAME of DIR, made with MODE if it is missing. */
static int enter_or_make(int dir, const char *name, mode_t mode)
{
	int fd = openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd >= 0 || errno != ENOENT)
		return fd < 0 ? -errno : fd;

	ch_auto(unlocked) struct ch_unlocked unlocked = ch_unlock(dir);
	char link[CH_FD_PATH_MAX];

	if (mkdirat(dir, name, 0700) < 0)
		return -errno;
	fd = openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (chmod(ch_fd_path(fd, link), mode) < 0) {
		int rc = -errno;

		close(fd);
		return rc;
	}
	return fd;
}

int ch_within_make_dirs(int root, const char *path, mode_t mode, struct ch_err *err)
{
	ch_auto(fd) int dir = ch_within_open(root, "", O_PATH | O_DIRECTORY);

	for (const char *p = path; dir >= 0 && *p;) {
		size_t len = strcspn(p, "/");
		char name[NAME_MAX + 1];
		int next = -ENAMETOOLONG;

		if (len < sizeof(name)) {
			memcpy(name, p, len);
			name[len] = '\0';
			next = enter_or_make(dir, name, mode);
		}
		ch_close(&dir);
		dir = next;
		p += len;
		p += strspn(p, "/");
	}
	if (dir < 0)
		return ch_err_rc(err, dir, "make directory '/%s'", path);
	return ch_take_fd(&dir);
}

/* ---- paths made plain ---------------------------------------------------------------- */

struct walk {
	int root;
	enum ch_within how;
	unsigned links;
	char done[PATH_MAX]; /* plain */
	char rest[PATH_MAX]; /* still to go */
};

static int leads_out(const struct walk *w, const char *target, struct ch_err *err)
{
	if (target)
		return ch_err_set(err, -EXDEV, "link '%s' leads out, to '%s'", w->done, target);
	return ch_err_set(err, -EXDEV, "'..' leads out");
}

/* Go up from what is done. */
static int go_up(struct walk *w, struct ch_err *err)
{
	char *slash = strrchr(w->done, '/');

	if (!*w->done && w->how == CH_WITHIN_BELOW)
		return leads_out(w, NULL, err);
	*(slash ? slash : w->done) = '\0';
	return 0;
}

/* What is done is a link, open as FD: go on with its target. */
static int follow(struct walk *w, int fd, struct ch_err *err)
{
	char target[PATH_MAX];
	ssize_t len = readlinkat(fd, "", target, sizeof(target) - 1);
	size_t rest = strlen(w->rest);

	if (len < 0)
		return ch_err_sys(err, "read link '%s'", w->done);
	target[len] = '\0';
	if (++w->links > LINKS_MAX)
		return ch_err_rc(err, -ELOOP, "follow link '%s'", w->done);
	if ((size_t)len + rest + 1 > sizeof(w->rest))
		return ch_err_rc(err, -ENAMETOOLONG, "follow link '%s'", w->done);
	if (*target == '/' && w->how == CH_WITHIN_BELOW)
		return leads_out(w, target, err);
	memmove(w->rest + len, w->rest, rest + 1);
	memcpy(w->rest, target, (size_t)len);
	if (*target == '/') {
		*w->done = '\0';
		return 0;
	}
	return go_up(w, err);
}

/* What there is, after one more component. */
static int look(struct walk *w, struct ch_err *err)
{
	ch_auto(fd) int fd = ch_within_open(w->root, w->done, O_PATH | O_NOFOLLOW);
	struct stat st;

	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return ch_err_rc(err, fd, "open '%s'", w->done);
	if (fstat(fd, &st) < 0)
		return ch_err_sys(err, "look at '%s'", w->done);
	if (S_ISLNK(st.st_mode))
		return follow(w, fd, err);
	if (!S_ISDIR(st.st_mode) && *w->rest)
		return ch_err_rc(err, -ENOTDIR, "open '%s'", w->done);
	return 0;
}

/* Drop LEN bytes of what is to do. */
static void skip(struct walk *w, size_t len)
{
	memmove(w->rest, w->rest + len, strlen(w->rest + len) + 1);
}

/* Move one component from what is to do, of LEN bytes, to what is done. */
static int step(struct walk *w, size_t len, struct ch_err *err)
{
	size_t done = strlen(w->done), slash = done > 0;

	if (done + slash + len >= sizeof(w->done))
		return ch_err_rc(err, -ENAMETOOLONG, "follow '%s'", w->done);
	if (slash)
		w->done[done] = '/';
	memcpy(w->done + done + slash, w->rest, len);
	w->done[done + slash + len] = '\0';
	skip(w, len);
	return look(w, err);
}

int ch_within_resolve(int root, const char *path, enum ch_within how, char **ret_path,
		      struct ch_err *err)
{
	struct walk w = { .root = root, .how = how };
	size_t len = strlen(path);
	int rc = 0;

	if (len >= sizeof(w.rest))
		return ch_err_rc(err, -ENAMETOOLONG, "follow a path");
	memcpy(w.rest, path, len + 1);
	while (rc == 0 && *w.rest) {
		len = strcspn(w.rest, "/");
		if (len == 0 || (len == 1 && w.rest[0] == '.')) {
			skip(&w, len ? len : 1);
		} else if (len == 2 && memcmp(w.rest, "..", 2) == 0) {
			skip(&w, len);
			rc = go_up(&w, err);
		} else {
			rc = step(&w, len, err);
		}
	}
	if (rc < 0)
		return rc;
	*ret_path = strdup(w.done);
	return *ret_path ? 0 : ch_err_nomem(err);
}
