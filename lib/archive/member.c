/* SPDX-License-Identifier: Apache-2.0 */
#include "member.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "sys/mnt.h"
#include "sys/rmtree.h"

enum { LINKS_MAX = 40 }; /* as of the kernel */

/* ---- names -------------------------------------------------------------------------------- */

int ch_member_path(const char *below, const char *name, char **ret_path, struct ch_err *err)
{
	ch_auto(buf) struct ch_buf out = CH_BUF_INIT(PATH_MAX);

	ch_buf_adds(&out, below ? below : "");
	for (const char *p = name; *p;) {
		size_t n = strcspn(p, "/");

		if (n == 2 && memcmp(p, "..", 2) == 0)
			return ch_err_set(err, -EINVAL,
					  "member '%s': names with '..' are not accepted", name);
		if (n > 0 && !(n == 1 && p[0] == '.')) {
			ch_buf_adds(&out, out.len > 0 ? "/" : "");
			ch_buf_add(&out, p, n);
		}
		p += n + (p[n] == '/');
	}
	if (ch_buf_take(&out, ret_path) < 0)
		return ch_err_set(err, -ENAMETOOLONG,
				  "member '%.60s...': the name is longer than %d bytes", name,
				  PATH_MAX);
	return 0;
}

/* ---- directories on the way --------------------------------------------------------------- */

static int make_dirs(int root, const char *path, int depth);

/* The link PATH leads to nowhere: make the directories that it names. */
static int make_target(int root, int at, const char *path, const char *leaf, int depth)
{
	char target[PATH_MAX], full[2 * PATH_MAX];
	ssize_t n = readlinkat(at, leaf, target, sizeof(target) - 1);

	if (n < 0)
		return -errno;
	if (depth >= LINKS_MAX)
		return -ELOOP;
	target[n] = '\0';
	snprintf(full, sizeof(full), "%.*s%s", target[0] == '/' ? 0 : (int)(leaf - path), path,
		 target);

	ch_auto(fd) int made = make_dirs(root, full, depth + 1);

	return made < 0 ? made : 0;
}

/* Make the directory LEAF, the end of PATH, in AT, instead of what is not one. */
static int make_dir(int root, int at, const char *path, const char *leaf, int depth)
{
	struct stat st;

	if (mkdirat(at, leaf, 0755) == 0)
		return 0;
	if (errno != EEXIST || fstatat(at, leaf, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (S_ISLNK(st.st_mode))
		return make_target(root, at, path, leaf, depth);
	if (S_ISDIR(st.st_mode))
		return 0;
	return unlinkat(at, leaf, 0) == 0 && mkdirat(at, leaf, 0755) == 0 ? 0 : -errno;
}

static int open_dir(int root, const char *path)
{
	return ch_open_in_root(root, path[0] ? path : ".", O_PATH | O_DIRECTORY);
}

/* Open the directory LEAF, the end of PATH, in AT. Mostly it is no link: then the way from the
 * root, which may be long, need not be gone again. */
static int open_next(int root, int at, const char *path, const char *leaf)
{
	int fd = -1;

	if (leaf[0] && strcmp(leaf, "..") != 0)
		fd = openat(at, leaf, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? open_dir(root, path) : fd;
}

/* Make the directory PATH of ROOT, and those above it. Returns it, open, or an error. */
static int make_dirs(int root, const char *path, int depth)
{
	ch_auto(fd) int at = open_dir(root, "");
	ch_auto(str) char *part = strdup(path);

	if (!part)
		return -ENOMEM;
	for (char *p = part; at >= 0 && *p;) {
		size_t n = strcspn(p, "/");
		char rest = p[n];

		p[n] = '\0';

		int next = open_next(root, at, part, p);

		if ((next == -ENOENT || next == -ENOTDIR) && n > 0) {
			next = make_dir(root, at, part, p, depth);
			next = next < 0 ? next : open_next(root, at, part, p);
		}
		ch_close(&at);
		at = next;
		p[n] = rest;
		p += n + (rest == '/');
	}
	return ch_take_fd(&at);
}

static void forget_parent(struct ch_members *all)
{
	ch_close(&all->parent);
	free(all->parent_path);
	all->parent_path = NULL;
}

/* Make PATH's directory the parent, and find its last part. */
static int enter(struct ch_members *all, const char *path, const char **ret_leaf,
		 struct ch_err *err)
{
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) : 0;

	*ret_leaf = slash ? slash + 1 : path;
	if (all->parent_path && strlen(all->parent_path) == n &&
	    memcmp(all->parent_path, path, n) == 0)
		return 0;
	forget_parent(all);
	all->parent_path = strndup(path, n);
	if (!all->parent_path)
		return ch_err_nomem(err);
	all->parent = open_dir(all->root, all->parent_path);
	if (all->parent == -ENOENT || all->parent == -ENOTDIR)
		all->parent = make_dirs(all->root, all->parent_path, 0);
	if (all->parent >= 0)
		return 0;
	ch_err_rc(err, all->parent, "member '%s': directory", path);
	forget_parent(all);
	return err->code;
}

/* Make way for PATH, LEAF of the parent. */
static int clear(struct ch_members *all, const char *path, const char *leaf, struct ch_err *err)
{
	if (unlinkat(all->parent, leaf, 0) < 0) {
		if (errno == ENOENT)
			return 0;
		if (ch_rmtree(all->parent, leaf, err) < 0)
			return ch_err_in(err, "member '%s'", path);
	}
	/* It may have been a part of some path. The directory itself is still the right one. */
	free(all->parent_path);
	all->parent_path = NULL;
	return 0;
}

static int enter_clear(struct ch_members *all, const char *path, const char **ret_leaf,
		       struct ch_err *err)
{
	if (!path[0])
		return ch_err_set(err, -EINVAL, "a member that is no directory is the root");
	if (enter(all, path, ret_leaf, err) < 0)
		return err->code;
	return clear(all, path, *ret_leaf, err);
}

/* ---- members -------------------------------------------------------------------------------- */

static int note_dir(struct ch_members *all, const struct ch_member *m, struct ch_err *err)
{
	if (all->n == all->cap) {
		size_t cap = all->cap ? all->cap * 2 : 256;
		struct ch_member_dir *dirs = reallocarray(all->dirs, cap, sizeof(*dirs));

		if (!dirs)
			return ch_err_nomem(err);
		all->dirs = dirs;
		all->cap = cap;
	}
	all->dirs[all->n] = (struct ch_member_dir){
		.path = strdup(m->path),
		.mode = m->mode,
		.times = { m->times[0], m->times[1] },
	};
	return all->dirs[all->n].path ? (all->n++, 0) : ch_err_nomem(err);
}

/* The directory LEAF of the parent, be it there or not. */
static int open_made(struct ch_members *all, const struct ch_member *m, const char *leaf,
		     struct ch_err *err)
{
	enum { FLAGS = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC };
	struct stat st;

	if (fstatat(all->parent, leaf, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(st.st_mode) &&
	    clear(all, m->path, leaf, err) < 0)
		return err->code;
	if (mkdirat(all->parent, leaf, 0700) < 0 && errno != EEXIST)
		return ch_err_sys(err, "member '%s': make directory", m->path);

	int fd = openat(all->parent, leaf, FLAGS);

	return fd < 0 ? ch_err_sys(err, "member '%s': open directory", m->path) : fd;
}

int ch_member_dir(struct ch_members *all, const struct ch_member *m, int *ret_fd,
		  struct ch_err *err)
{
	const char *leaf;
	int fd;

	if (!m->path[0]) {
		fd = openat(all->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			return ch_err_sys(err, "open the root");
	} else {
		if (enter(all, m->path, &leaf, err) < 0)
			return err->code;
		fd = open_made(all, m, leaf, err);
	}
	if (fd < 0)
		return fd;
	*ret_fd = fd;
	return note_dir(all, m, err);
}

int ch_member_file(struct ch_members *all, const struct ch_member *m, int *ret_fd,
		   struct ch_err *err)
{
	enum { FLAGS = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC };
	const char *leaf;
	int fd;

	if (enter_clear(all, m->path, &leaf, err) < 0)
		return err->code;
	fd = openat(all->parent, leaf, FLAGS, 0600);
	if (fd < 0)
		return ch_err_sys(err, "member '%s': make file", m->path);
	*ret_fd = fd;
	return 0;
}

int ch_member_file_end(const struct ch_member *m, int fd, struct ch_err *err)
{
	/* In this order: writing takes set-user-ID away, and changes the time. */
	if (fchmod(fd, (m->mode & 07777) | S_IRUSR | S_IWUSR) < 0 || futimens(fd, m->times) < 0)
		return ch_err_sys(err, "member '%s': mode and time", m->path);
	return 0;
}

int ch_member_symlink(struct ch_members *all, const struct ch_member *m, const char *target,
		      struct ch_err *err)
{
	const char *leaf;

	if (enter_clear(all, m->path, &leaf, err) < 0)
		return err->code;
	if (symlinkat(target, all->parent, leaf) < 0 ||
	    utimensat(all->parent, leaf, m->times, AT_SYMLINK_NOFOLLOW) < 0)
		return ch_err_sys(err, "member '%s': make link", m->path);
	return 0;
}

int ch_member_fifo(struct ch_members *all, const struct ch_member *m, struct ch_err *err)
{
	const char *leaf;

	if (enter_clear(all, m->path, &leaf, err) < 0)
		return err->code;
	if (mkfifoat(all->parent, leaf, (m->mode & 0777) | S_IRUSR | S_IWUSR) < 0 ||
	    utimensat(all->parent, leaf, m->times, AT_SYMLINK_NOFOLLOW) < 0)
		return ch_err_sys(err, "member '%s': make FIFO", m->path);
	return 0;
}

/* Are the two the same file? */
static bool is_same(int dir, const char *name, int dir2, const char *name2)
{
	struct stat a, b;

	return fstatat(dir, name, &a, AT_SYMLINK_NOFOLLOW) == 0 &&
	       fstatat(dir2, name2, &b, AT_SYMLINK_NOFOLLOW) == 0 && a.st_ino == b.st_ino &&
	       a.st_dev == b.st_dev;
}

int ch_member_hardlink(struct ch_members *all, const struct ch_member *m, const char *target,
		       struct ch_err *err)
{
	const char *slash = strrchr(target, '/'), *from = slash ? slash + 1 : target, *leaf;
	ch_auto(str) char *dir = strndup(target, slash ? (size_t)(slash - target) : 0);

	if (!dir)
		return ch_err_nomem(err);
	if (!m->path[0] || !from[0])
		return ch_err_set(err, -EINVAL, "a member that is no directory is the root");
	if (enter(all, m->path, &leaf, err) < 0)
		return err->code;

	ch_auto(fd) int at = open_dir(all->root, dir);

	if (at >= 0 && is_same(at, from, all->parent, leaf))
		return 0;
	if (clear(all, m->path, leaf, err) < 0)
		return err->code;
	if (at < 0 || linkat(at, from, all->parent, leaf, 0) < 0)
		return ch_err_rc(err, at < 0 ? at : -errno, "member '%s': hard link to '%s'",
				 m->path, target);
	return 0;
}

/* ---- the end -----------------------------------------------------------------------------------
 */

/* In their order: of several entries for one directory, the last counts. What has become
 * something else meanwhile is left alone. */
int ch_members_end(struct ch_members *all, struct ch_err *err)
{
	for (size_t i = 0; i < all->n; i++) {
		const struct ch_member_dir *d = &all->dirs[i];
		ch_auto(fd) int fd = ch_open_in_root(all->root, d->path[0] ? d->path : ".",
						     O_RDONLY | O_DIRECTORY | O_NOFOLLOW);

		if (fd < 0)
			continue;
		if (fchmod(fd, (d->mode & 07777) | S_IRWXU) < 0 || futimens(fd, d->times) < 0)
			return ch_err_sys(err, "member '%s': mode and time", d->path);
	}
	return 0;
}

void ch_members_done(struct ch_members *all)
{
	for (size_t i = 0; i < all->n; i++)
		free(all->dirs[i].path);
	free(all->dirs);
	forget_parent(all);
	*all = CH_MEMBERS_INIT(-1);
}
