/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/dirsink.h"
#include "archive/read.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/progress.h"
#include "name.h"
#include "sys/names.h"
#include "sys/rmtree.h"

/* Entries on their way to another sink, which has them in a directory. */
struct below {
	struct ch_sink sink;
	struct ch_dirsink to;
	char *dir; /* owned; plain path */
};

static void ch_auto_below(struct below *b)
{
	ch_dirsink_done(&b->to);
	free(b->dir);
}

static int add(struct ch_sink *sink, const struct ch_entry *entry, struct ch_err *err)
{
	struct below *b = (struct below *)sink;
	ch_auto(str) char *path = NULL, *link = NULL;
	struct ch_entry moved = *entry;

	if (ch_name_plain(b->dir, entry->path, &path, err) < 0 ||
	    (entry->link && ch_name_plain(b->dir, entry->link, &link, err) < 0))
		return err->code;
	moved.path = path;
	moved.link = link;
	return b->to.sink.add(&b->to.sink, &moved, err);
}

static int data(struct ch_sink *sink, uint64_t off, const void *data, size_t len,
		struct ch_err *err)
{
	struct below *b = (struct below *)sink;

	return b->to.sink.data(&b->to.sink, off, data, len, err);
}

static int end(struct ch_sink *sink, struct ch_err *err)
{
	struct below *b = (struct below *)sink;

	return b->to.sink.end(&b->to.sink, err);
}

static int unpack(const struct ch_archive *archive, const struct ch_unpack *how,
		  struct ch_archive_got *ret, struct ch_err *err)
{
	ch_auto(below) struct below b = { .sink = { .add = add, .data = data, .end = end } };

	ch_dirsink_init(&b.to, how->root);
	if (!how->below)
		return ch_archive_read(archive, &b.to.sink, ret, err);
	if (ch_name_plain(NULL, how->below, &b.dir, err) < 0)
		return err->code;
	return ch_archive_read(archive, &b.sink, ret, err);
}

/* The number of bytes that are left in FD, if it is a file; else 0. */
static uint64_t left_in(int fd)
{
	off_t at = lseek(fd, 0, SEEK_CUR);
	struct stat st;

	return at >= 0 && fstat(fd, &st) == 0 && st.st_size > at ? (uint64_t)(st.st_size - at) : 0;
}

/* On a terminal it is seen how far it is. */
static int unpack_shown(struct ch_archive *archive, const struct ch_unpack *how,
			struct ch_archive_got *ret, struct ch_err *err)
{
	ch_auto(progress) struct ch_progress *progress = ch_progress_new(
		"unpacking", CH_PROGRESS_BYTES, left_in(archive->fd));

	archive->progress = progress;
	return unpack(archive, how, ret, err);
}

/* Remove all that is in ROOT. */
static int empty(int root, struct ch_err *err)
{
	ch_auto(names) struct ch_names names = { 0 };
	int rc = ch_names_list(root, &names);

	if (rc < 0)
		return ch_err_rc(err, rc, "read directory");
	for (size_t i = 0; i < names.n; i++)
		if (ch_rmtree(root, names.list[i], err) < 0)
			return err->code;
	return 0;
}

int ch_unpack_archive(int fd, const char *name, const struct ch_unpack *how,
		      struct ch_archive_got *ret, struct ch_err *err)
{
	struct ch_archive archive = {
		.name = name,
		.fd = fd,
		.strip_top = how->strip_top,
		.skip_dev = how->skip_dev,
	};
	off_t start = lseek(fd, 0, SEEK_CUR);
	int rc = unpack_shown(&archive, how, ret, err);

	if (rc != 1)
		return rc;
	if (start < 0 || lseek(fd, start, SEEK_SET) < 0)
		return ch_err_sys(err, "read it again from the start");
	archive.strip_top = false;
	rc = empty(how->root, err);
	return rc < 0 ? rc : unpack_shown(&archive, how, ret, err);
}
