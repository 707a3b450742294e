/* SPDX-License-Identifier: Apache-2.0 */
/* checkout_files.c - write files, by several threads */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/progress.h"
#include "cache/attrs.h"
#include "cache/checkout.h"
#include "cache/large.h"
#include "cache/parallel.h"
#include "cache/repo.h"
#include "cache/walk.h"
#include "sys/write.h"

static int to_file(const void *data, size_t len, void *to, struct ch_err *err)
{
	int rc = ch_write_all(*(int *)to, data, len);

	return rc < 0 ? ch_err_rc(err, rc, "write") : 0;
}

static int write_large(struct ch_checkout *c, const struct ch_node *node, int fd,
		       struct ch_err *err)
{
	ch_auto(mem) uint8_t *text = NULL;
	struct ch_large large;
	size_t len;
	int rc = ch_odb_read(&c->cache->odb, &node->oid, CH_KIND_BLOB, &text, &len, err);

	if (rc == 0)
		rc = ch_large_from_text((char *)text, len, &large, err);
	return rc == 0 ? ch_large_get(c->cache, &large, fd, err) : rc;
}

/* Some file systems round times: then the file is looked at again next time. */
static void note(struct ch_node *node, const struct stat *st)
{
	struct ch_node now = { 0 };

	ch_node_stat(&now, st);
	node->stamp = now.stamp;
	node->known = ch_checkout_is_set(&now, node);
}

static int fill_file(struct ch_checkout *c, int dir, int fd, const struct ch_node *node,
		     struct ch_err *err)
{
	uint64_t refused = 0;
	int rc = node->large ? write_large(c, node, fd, err)
			     : ch_odb_stream(&c->cache->odb, &node->oid, CH_KIND_BLOB, to_file, &fd,
					     err);

	if (rc == 0)
		rc = ch_attrs_set(dir, node->name, node, &refused, err);
	atomic_fetch_add(&c->xattrs, refused);
	return rc;
}

/* Most files have their permissions from the beginning. */
static int settle_file(int fd, struct ch_node *node, struct stat *ret_st, struct ch_err *err)
{
	struct timespec times[2];

	ch_checkout_times(node, times);
	if (futimens(fd, times) < 0 || fstat(fd, ret_st) < 0)
		return ch_err_sys(err, "set times");
	if (ret_st->st_mode == node->mode)
		return 0;
	if (fchmod(fd, node->mode & 07777) < 0 || fstat(fd, ret_st) < 0)
		return ch_err_sys(err, "set permissions");
	return 0;
}

static int make_file(struct ch_checkout *c, int dir, struct ch_node *node, struct ch_err *err)
{
	/* Attributes can be given only to what we may write to. */
	mode_t mode = node->xattrs ? S_IRUSR | S_IWUSR : node->mode & 0777;
	ch_auto(fd) int fd = openat(dir, node->name,
				    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	struct stat st;
	int rc;

	if (fd < 0)
		return ch_err_sys(err, "make");
	rc = fill_file(c, dir, fd, node, err);
	if (rc == 0)
		rc = settle_file(fd, node, &st, err);
	if (rc < 0)
		return rc;
	atomic_fetch_add(&c->bytes, (uint64_t)st.st_size);
	note(node, &st);
	return 0;
}

static int make_link(struct ch_checkout *c, int dir, const struct ch_node *node, struct ch_err *err)
{
	ch_auto(mem) uint8_t *target = NULL;
	size_t len;
	int rc = ch_odb_read(&c->cache->odb, &node->oid, CH_KIND_BLOB, &target, &len, err);

	if (rc < 0)
		return rc;
	if (len == 0 || strlen((char *)target) != len)
		return ch_err_set(err, -EBADMSG, "a symbolic link is damaged");
	return symlinkat((char *)target, dir, node->name) < 0 ? ch_err_sys(err, "make") : 0;
}

/* What is there already, or has no content. */
static int set_mode(int dir, const struct ch_node *node, struct ch_err *err)
{
	ch_auto(fd) int fd = openat(dir, node->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return ch_err_sys(err, "open");
	if ((st.st_mode ^ node->mode) & S_IFMT)
		return ch_err_set(err, -EAGAIN, "it changes meanwhile");

	int rc = ch_walk_chmod(fd, node->mode);

	return rc < 0 ? ch_err_rc(err, rc, "set permissions") : 0;
}

static int make_fifo(int dir, const struct ch_node *node, struct ch_err *err)
{
	if (mkfifoat(dir, node->name, S_IRUSR | S_IWUSR) < 0)
		return ch_err_sys(err, "make");
	return set_mode(dir, node, err);
}

static int set_time(int dir, struct ch_node *node, struct ch_err *err)
{
	struct timespec times[2];
	struct stat st;

	ch_checkout_times(node, times);
	if (utimensat(dir, node->name, times, AT_SYMLINK_NOFOLLOW) < 0 ||
	    fstatat(dir, node->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return ch_err_sys(err, "set times");
	note(node, &st);
	return 0;
}

static int do_file(struct ch_checkout *c, int dir, struct ch_node *node, struct ch_err *err)
{
	int rc = 0;

	if (node->dirty && S_ISREG(node->mode))
		return make_file(c, dir, node, err);
	if (node->dirty)
		rc = S_ISLNK(node->mode) ? make_link(c, dir, node, err) : make_fifo(dir, node, err);
	else if (!S_ISLNK(node->mode))
		rc = set_mode(dir, node, err);
	return rc == 0 ? set_time(dir, node, err) : rc;
}

static int begin(void *data, void **ret_own, struct ch_err *err)
{
	(void)data;
	(void)ret_own;
	(void)err;
	return 0;
}

static void end(void *data, void *own)
{
	(void)data;
	(void)own;
}

static int do_batch(void *data, void *own, size_t i, struct ch_err *err)
{
	struct ch_checkout *c = data;
	const struct ch_checkout_batch *batch = &c->list[i];
	ch_auto(fd) int dir = ch_walk_open(c->root, batch->path);

	(void)own;
	if (dir < 0)
		return ch_err_rc(err, dir, "open '/%s'", batch->path);
	for (size_t k = batch->from; k < batch->to; k++) {
		struct ch_node *node = &batch->dir->kids[k];

		if (!ch_checkout_is_work(node))
			continue;
		atomic_fetch_add(&c->files, 1);
		if (do_file(c, dir, node, err) < 0)
			return ch_err_in(err, "'/%s/%s'", batch->path, node->name);
		ch_progress_add(c->progress, 1);
	}
	return 0;
}

int ch_checkout_files(struct ch_checkout *c, struct ch_err *err)
{
	return ch_parallel(&(struct ch_parallel){ .threads = c->cache->options.threads,
						  .n = c->n,
						  .begin = begin,
						  .work = do_batch,
						  .end = end,
						  .data = c },
			   err);
}
