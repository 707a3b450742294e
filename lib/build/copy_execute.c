/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/read.h"
#include "archive/unpack.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/path.h"
#include "build/copy.h"
#include "build/copy_plan.h"
#include "build/download.h"
#include "build/mode.h"
#include "sys/rmtree.h"
#include "sys/write.h"

/* Directories that the destination lacks; files from here-documents, and downloaded ones */
enum {
	DIR_MODE = 0755,
	TEXT_MODE = 0644,
	DOWNLOAD_MODE = 0600, /* as Docker's */
};

struct dest {
	const struct ch_copy_plan *plan;
	int root;
	char *path; /* owned; plain */
	bool is_dir;
};

static void ch_auto_dest(struct dest *dest)
{
	free(dest->path);
}

/* ---- where it goes ------------------------------------------------------------------------- */

/* What is at the destination now decides what it is, if what is copied does not. */
static int look_at(struct dest *d, struct ch_err *err)
{
	bool wants = d->plan->wants_dir;
	ch_auto(fd) int fd = ch_within_open(d->root, d->path, O_PATH | O_NOFOLLOW);
	struct stat st;

	d->is_dir = wants;
	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return ch_err_rc(err, fd, "open '/%s'", d->path);
	if (fstat(fd, &st) < 0)
		return ch_err_sys(err, "look at '/%s'", d->path);
	if (wants && !S_ISDIR(st.st_mode))
		return ch_err_set(err, -ENOTDIR, "'/%s' is not a directory", d->path);
	d->is_dir = S_ISDIR(st.st_mode);
	return 0;
}

/* Find out what the destination is. */
static int find(struct dest *d, struct ch_err *err)
{
	ch_auto(str) char *path = NULL;

	if (ch_path_absolute(d->plan->dest, d->plan->workdir, &path, err) < 0 ||
	    ch_within_resolve(d->root, path, CH_WITHIN_ROOT, &d->path, err) < 0)
		return err->code;
	return look_at(d, err);
}

/* The plain path of the directory that ITEM goes to. *ret_name: the name that a file has there,
 * ITEM's or D's. */
static int find_dir(const struct dest *d, const struct ch_copy_item *item, char **ret_path,
		    const char **ret_name, struct ch_err *err)
{
	const char *slash = strrchr(d->path, '/');
	ch_auto(str) char *dir = NULL;
	int rc = d->is_dir ? asprintf(&dir, "%s/%s", d->path, item->into)
			   : asprintf(&dir, "%.*s", slash ? (int)(slash - d->path) : 0, d->path);

	if (rc < 0) {
		dir = NULL; /* as it is then, nobody says */
		return ch_err_nomem(err);
	}
	*ret_name = d->is_dir ? ch_copy_item_name(item) : slash ? slash + 1 : d->path;
	return ch_within_resolve(d->root, dir, CH_WITHIN_ROOT, ret_path, err);
}

/* ---- files ------------------------------------------------------------------------------ */

static mode_t change_mode(const void *data, mode_t mode)
{
	return ch_mode_apply(data, mode);
}

/* A file cannot take the place of a directory, unless that is within what is copied. */
static int check_name(int dir, const char *name, struct ch_err *err)
{
	struct stat st;

	if (!name[0])
		return ch_err_set(err, -EINVAL,
				  "the URL has no name of a file in it: name one as destination");
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
		return ch_err_set(err, -EISDIR, "there is a directory '%s'", name);
	return 0;
}

/* Make NAME anew, for what is not copied from a file. Returns the descriptor. */
static int make_file(int dir, const char *name, struct ch_err *err)
{
	int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, fd;

	if (ch_rmtree(dir, name, err) < 0)
		return err->code;
	fd = openat(dir, name, flags, 0600);
	return fd < 0 ? ch_err_sys(err, "make file '%s'", name) : fd;
}

static int set_mode(const struct dest *d, int fd, mode_t mode, const char *name, struct ch_err *err)
{
	mode = ch_mode_apply(&d->plan->mode, S_IFREG | mode) & 07777;
	return fchmod(fd, mode) < 0 ? ch_err_sys(err, "change the mode of '%s'", name) : 0;
}

static int write_text(const struct dest *d, const struct ch_copy_source *text, int dir,
		      const char *name, struct ch_err *err)
{
	ch_auto(unlocked) struct ch_unlocked unlocked = ch_unlock(dir);
	ch_auto(fd) int fd = make_file(dir, name, err);

	if (fd < 0)
		return fd;

	int rc = ch_write_all(fd, text->text, text->len);

	if (rc < 0)
		return ch_err_rc(err, rc, "write file '%s'", name);
	return set_mode(d, fd, TEXT_MODE, name, err);
}

static int write_download(const struct dest *d, const struct ch_download *download, int dir,
			  const char *name, struct ch_err *err)
{
	ch_auto(unlocked) struct ch_unlocked unlocked = ch_unlock(dir);
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
					   { .tv_sec = download->modified } };
	ch_auto(fd) int fd = make_file(dir, name, err);

	if (fd < 0)
		return fd;
	for (off_t at = 0; (uint64_t)at < download->size;) {
		ssize_t put = sendfile(fd, download->fd, &at,
				       (size_t)(download->size - (uint64_t)at));

		if (put < 0)
			return ch_err_sys(err, "write file '%s'", name);
		if (put == 0)
			return ch_err_set(err, -ESTALE, "write file '%s': it became shorter", name);
	}
	if (set_mode(d, fd, DOWNLOAD_MODE, name, err) < 0)
		return err->code;
	return futimens(fd, times) < 0 ? ch_err_sys(err, "set the time of '%s'", name) : 0;
}

/* Copy the one file that ITEM is, as NAME. */
static int copy_file(const struct ch_copy_item *item, int dir, const char *name,
		     const struct ch_tree_copy *how, struct ch_err *err)
{
	ch_auto(str) char *path = strdup(name);
	struct ch_tree_entry entry = item->tree.entries[0];
	struct ch_tree tree = { .root = item->tree.root, .entries = &entry, .n = 1 };

	if (!path)
		return ch_err_nomem(err);
	entry.path = path;
	return ch_tree_copy(&tree, dir, how, err);
}

/* Open the archive that ITEM is. Returns the descriptor, or a negative errno. */
static int open_archive(const struct ch_copy_item *item)
{
	const struct ch_tree *tree = &item->tree;
	int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK, fd;

	if (!item->source)
		return ch_within_open(tree->root, tree->entries[0].source, flags);
	if (lseek(item->source->download->fd, 0, SEEK_SET) < 0)
		return -errno;
	fd = fcntl(item->source->download->fd, F_DUPFD_CLOEXEC, 0);
	return fd < 0 ? -errno : fd;
}

static int unpack(const struct dest *d, const struct ch_copy_item *item, const char *path,
		  struct ch_err *err)
{
	const struct ch_unpack how = { .root = d->root, .below = path };
	ch_auto(fd) int fd = open_archive(item);
	struct ch_archive_got got;

	if (fd < 0)
		return ch_err_rc(err, fd, "read it");
	return ch_unpack_archive(fd, item->path, &how, &got, err);
}

static int copy_item(const struct dest *d, const struct ch_copy_item *item, struct ch_err *err)
{
	const struct ch_tree_copy how = {
		.keep = d->plan->keep,
		.mode = d->plan->mode.n ? change_mode : NULL,
		.data = &d->plan->mode,
		.is_exact = true, /* what was hashed is what is copied */
	};
	const char *name = NULL;
	ch_auto(str) char *path = NULL;

	if (find_dir(d, item, &path, &name, err) < 0)
		return err->code;

	ch_auto(fd) int dir = ch_within_make_dirs(d->root, path, DIR_MODE, err);

	if (dir < 0)
		return dir;
	if (item->kind == CH_COPY_DIR)
		return ch_tree_copy(&item->tree, dir, &how, err);
	if (item->kind == CH_COPY_ARCHIVE)
		return unpack(d, item, path, err);
	if (check_name(dir, name, err) < 0)
		return err->code;
	if (item->kind == CH_COPY_DOWNLOAD)
		return write_download(d, item->source->download, dir, name, err);
	return item->kind == CH_COPY_TEXT ? write_text(d, item->source, dir, name, err)
					  : copy_file(item, dir, name, &how, err);
}

int ch_copy_execute(const struct ch_copy_plan *plan, int root, struct ch_err *err)
{
	ch_auto(dest) struct dest d = { .plan = plan, .root = root };

	if (find(&d, err) < 0)
		return ch_err_in(err, "destination '%s'", plan->dest);
	for (size_t i = 0; i < plan->n; i++)
		if (copy_item(&d, &plan->items[i], err) < 0)
			return ch_err_in(err, "copy '%s' to '%s'", plan->items[i].path, plan->dest);
	return 0;
}
