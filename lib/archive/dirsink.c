/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/dirsink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/zeros.h"
#include "dirsink_dirs.h"
#include "sys/mnt.h"
#include "sys/rmtree.h"
#include "sys/write.h"

/* File systems have holes of whole blocks, mostly of this size. */
enum { HOLE = 4096 };

/* ---- where entries go ------------------------------------------------------------------- */

static void forget_parent(struct ch_dirsink *ds)
{
	ch_close(&ds->parent);
	free(ds->parent_path);
	ds->parent_path = NULL;
}

/* Make PATH's directory the parent, and find its last part. */
static int enter(struct ch_dirsink *ds, const char *path, const char **ret_leaf, struct ch_err *err)
{
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) : 0;

	*ret_leaf = slash ? slash + 1 : path;
	if (ds->parent_path && strlen(ds->parent_path) == n &&
	    memcmp(ds->parent_path, path, n) == 0)
		return 0;
	forget_parent(ds);
	ds->parent_path = strndup(path, n);
	if (!ds->parent_path)
		return ch_err_nomem(err);
	ds->parent = ch_dirsink_open_dir(ds, ds->parent_path);
	if (ds->parent >= 0)
		return 0;
	ch_err_rc(err, ds->parent, "member '%s': directory", path);
	forget_parent(ds);
	return err->code;
}

/* Make way for PATH, LEAF of the parent. */
static int clear(struct ch_dirsink *ds, const char *path, const char *leaf, struct ch_err *err)
{
	if (unlinkat(ds->parent, leaf, 0) < 0) {
		if (errno == ENOENT)
			return 0;
		if (ch_rmtree(ds->parent, leaf, err) < 0)
			return ch_err_in(err, "member '%s'", path);
	}
	/* It may have been a part of some path. The directory itself is still the right one. */
	free(ds->parent_path);
	ds->parent_path = NULL;
	return 0;
}

/* ---- the file that was added last ------------------------------------------------------- */

/* Where the file system, or the user, cannot have them, they are lost, as with other tools. */
static void put_xattrs(int fd, const struct ch_entry_xattr *xattrs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		(void)fsetxattr(fd, xattrs[i].name, xattrs[i].value, xattrs[i].len, 0);
}

/* Copy those of E, as one block. */
static struct ch_entry_xattr *copy_xattrs(const struct ch_entry *e)
{
	size_t size = e->n_xattrs * sizeof(*e->xattrs);
	struct ch_entry_xattr *copy;
	char *to;

	for (size_t i = 0; i < e->n_xattrs; i++)
		size += strlen(e->xattrs[i].name) + 1 + e->xattrs[i].len;
	copy = malloc(size);
	to = (char *)(copy + e->n_xattrs);
	for (size_t i = 0; copy && i < e->n_xattrs; i++) {
		size_t len = strlen(e->xattrs[i].name) + 1;

		copy[i] = (struct ch_entry_xattr){
			.name = memcpy(to, e->xattrs[i].name, len),
			.value = memcpy(to + len, e->xattrs[i].value, e->xattrs[i].len),
			.len = e->xattrs[i].len,
		};
		to += len + e->xattrs[i].len;
	}
	return copy;
}

static void forget_file(struct ch_dirsink_file *file)
{
	ch_close(&file->fd);
	free(file->path);
	free(file->xattrs);
	*file = (struct ch_dirsink_file){ .fd = -1 };
}

/* In this order: writing takes set-user-ID and capabilities away, and changes the time. */
static int end_file(struct ch_dirsink_file *file, struct ch_err *err)
{
	const struct timespec times[2] = { file->mtime, file->mtime };

	if (file->fd < 0)
		return 0;
	if (file->at < file->size && ftruncate(file->fd, (off_t)file->size) < 0)
		return ch_err_sys(err, "member '%s': write", file->path);
	put_xattrs(file->fd, file->xattrs, file->n_xattrs);
	if (fchmod(file->fd, file->mode | S_IRUSR | S_IWUSR) < 0 || futimens(file->fd, times) < 0)
		return ch_err_sys(err, "member '%s': mode and time", file->path);
	forget_file(file);
	return 0;
}

static int note_file(struct ch_dirsink *ds, const struct ch_entry *e, int fd, struct ch_err *err)
{
	ds->file = (struct ch_dirsink_file){
		.fd = fd,
		.path = strdup(e->path),
		.size = e->size,
		.mode = e->mode & 07777,
		.mtime = e->mtime,
		.xattrs = e->n_xattrs > 0 ? copy_xattrs(e) : NULL,
		.n_xattrs = e->n_xattrs,
	};
	if (ds->file.path && (ds->file.xattrs || e->n_xattrs == 0))
		return 0;
	forget_file(&ds->file);
	return ch_err_nomem(err);
}

/* How many of LEN bytes, which come at OFF, are zeros, or are not, in whole blocks? */
static size_t run_length(uint64_t off, const char *data, size_t len, bool are_zeros)
{
	size_t n = 0;

	while (n < len) {
		size_t part = HOLE - (off + n) % HOLE;

		if (part > len - n)
			part = len - n;
		if (ch_is_zeros(data + n, part) != are_zeros)
			break;
		n += part;
	}
	return n;
}

static int write_data(struct ch_sink *sink, uint64_t off, const void *data, size_t len,
		      struct ch_err *err)
{
	struct ch_dirsink_file *file = &((struct ch_dirsink *)sink)->file;
	const char *from = data;

	for (size_t at = run_length(off, from, len, true); at < len;) {
		size_t n = run_length(off + at, from + at, len - at, false);
		int rc = ch_pwrite_all(file->fd, from + at, n, (off_t)(off + at));

		if (rc < 0)
			return ch_err_rc(err, rc, "member '%s': write", file->path);
		at += n;
		file->at = off + at;
		at += run_length(off + at, from + at, len - at, true);
	}
	return 0;
}

/* ---- entries ---------------------------------------------------------------------------- */

/* Make LEAF of the parent. Returns a descriptor, 0, or a negative errno. */
typedef int make_fn(struct ch_dirsink *ds, const struct ch_entry *e, const char *leaf);

static int make_file(struct ch_dirsink *ds, const struct ch_entry *e, const char *leaf)
{
	enum { FLAGS = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC };
	int fd = openat(ds->parent, leaf, FLAGS, 0600);

	(void)e;
	return fd < 0 ? -errno : fd;
}

static int make_symlink(struct ch_dirsink *ds, const struct ch_entry *e, const char *leaf)
{
	return symlinkat(e->target, ds->parent, leaf) < 0 ? -errno : 0;
}

static int make_fifo(struct ch_dirsink *ds, const struct ch_entry *e, const char *leaf)
{
	return mkfifoat(ds->parent, leaf, (e->mode & 0777) | S_IRUSR | S_IWUSR) < 0 ? -errno : 0;
}

/* Nobody else may write to it before all is there. The rest of its mode follows at the end, unless
 * its path leads somewhere else then. */
static int make_dir(struct ch_dirsink *ds, const struct ch_entry *e, const char *leaf)
{
	struct stat st;

	if (mkdirat(ds->parent, leaf, (e->mode & 0755) | 0700) == 0)
		return 0;
	if (errno == EEXIST && fstatat(ds->parent, leaf, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISDIR(st.st_mode))
		return 0;
	return -errno;
}

/* Make it by MAKE, instead of what is there. WHAT: for messages. */
static int replace(struct ch_dirsink *ds, const struct ch_entry *e, make_fn *make, const char *what,
		   struct ch_err *err)
{
	const char *leaf;
	int rc;

	if (enter(ds, e->path, &leaf, err) < 0)
		return err->code;
	rc = make(ds, e, leaf);
	if (rc == -EEXIST) {
		if (clear(ds, e->path, leaf, err) < 0)
			return err->code;
		rc = make(ds, e, leaf);
	}
	return rc < 0 ? ch_err_rc(err, rc, "member '%s': make %s", e->path, what) : rc;
}

static int add_file(struct ch_dirsink *ds, const struct ch_entry *e, struct ch_err *err)
{
	ch_auto(fd) int fd = replace(ds, e, make_file, "file", err);

	if (fd < 0 || note_file(ds, e, fd, err) < 0)
		return err->code;
	ch_take_fd(&fd);
	return 0;
}

static int set_dir_xattrs(struct ch_dirsink *ds, const struct ch_entry *e, struct ch_err *err)
{
	const char *slash = strrchr(e->path, '/'), *leaf = slash ? slash + 1 : e->path;
	ch_auto(fd) int fd = openat(e->path[0] ? ds->parent : ds->root, e->path[0] ? leaf : ".",
				    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return ch_err_sys(err, "member '%s': open directory", e->path);
	put_xattrs(fd, e->xattrs, e->n_xattrs);
	return 0;
}

static int add_dir(struct ch_dirsink *ds, const struct ch_entry *e, struct ch_err *err)
{
	if (e->path[0] && replace(ds, e, make_dir, "directory", err) < 0)
		return err->code;
	if (e->n_xattrs > 0 && set_dir_xattrs(ds, e, err) < 0)
		return err->code;
	return ch_dirsink_note_dir(ds, e->path, 1, e->mode, e->mtime, err);
}

/* Links and FIFOs */
static int add_special(struct ch_dirsink *ds, const struct ch_entry *e, struct ch_err *err)
{
	const struct timespec times[2] = { e->mtime, e->mtime };
	bool is_link = S_ISLNK(e->mode);
	const char *slash = strrchr(e->path, '/'), *leaf = slash ? slash + 1 : e->path;

	if (replace(ds, e, is_link ? make_symlink : make_fifo, is_link ? "link" : "FIFO", err) < 0)
		return err->code;
	if (utimensat(ds->parent, leaf, times, AT_SYMLINK_NOFOLLOW) < 0)
		return ch_err_sys(err, "member '%s': mode and time", e->path);
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

static int add_hardlink(struct ch_dirsink *ds, const struct ch_entry *e, struct ch_err *err)
{
	const char *slash = strrchr(e->link, '/'), *from = slash ? slash + 1 : e->link, *leaf;
	ch_auto(str) char *dir = strndup(e->link, slash ? (size_t)(slash - e->link) : 0);

	if (!dir)
		return ch_err_nomem(err);
	if (enter(ds, e->path, &leaf, err) < 0)
		return err->code;

	ch_auto(fd) int at = ch_open_in_root(ds->root, dir[0] ? dir : ".", O_PATH | O_DIRECTORY);

	if (at >= 0 && is_same(at, from, ds->parent, leaf))
		return 0;
	if (clear(ds, e->path, leaf, err) < 0)
		return err->code;
	if (at < 0 || linkat(at, from, ds->parent, leaf, 0) < 0)
		return ch_err_rc(err, at < 0 ? at : -errno, "member '%s': hard link to '%s'",
				 e->path, e->link);
	return 0;
}

static int add(struct ch_sink *sink, const struct ch_entry *e, struct ch_err *err)
{
	struct ch_dirsink *ds = (struct ch_dirsink *)sink;

	if (end_file(&ds->file, err) < 0)
		return err->code;
	if (e->link)
		return add_hardlink(ds, e, err);
	switch (e->mode & S_IFMT) {
	case S_IFREG:
		return add_file(ds, e, err);
	case S_IFDIR:
		return add_dir(ds, e, err);
	case S_IFLNK:
	case S_IFIFO:
		return add_special(ds, e, err);
	default:
		return ch_err_set(err, -ENOTSUP, "member '%s': it is no file for an image",
				  e->path);
	}
}

/* ---- begin and end ---------------------------------------------------------------------- */

static int end(struct ch_sink *sink, struct ch_err *err)
{
	struct ch_dirsink *ds = (struct ch_dirsink *)sink;

	if (end_file(&ds->file, err) < 0)
		return err->code;
	return ch_dirsink_end_dirs(ds, err);
}

int ch_dirsink_pause(struct ch_dirsink *ds, struct ch_err *err)
{
	forget_parent(ds);
	return end_file(&ds->file, err);
}

void ch_dirsink_init(struct ch_dirsink *ret_sink, int root)
{
	*ret_sink = (struct ch_dirsink){
		.sink = { .add = add, .data = write_data, .end = end },
		.root = root,
		.parent = -1,
		.file.fd = -1,
	};
}

void ch_dirsink_done(struct ch_dirsink *ds)
{
	forget_parent(ds);
	forget_file(&ds->file);
	ch_dirsink_forget_dirs(ds);
	ch_dirsink_init(ds, -1);
}
