/* SPDX-License-Identifier: Apache-2.0 */
/* checkout_dirs.c - what differs: remove it, make directories, and list what is to be written */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/progress.h"
#include "cache/checkout.h"

#define BATCH 64 /* files of a directory that a thread takes at a time */

/* ---- what differs ---- */

static bool has_same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool has_same_xattrs(const struct ch_node *a, const struct ch_node *b)
{
	return a->xattrs_len == b->xattrs_len &&
	       (a->xattrs_len == 0 || memcmp(a->xattrs, b->xattrs, a->xattrs_len) == 0);
}

/* Need a file that IS not be written again to be as WANTED, but for mode and time? */
static bool has_same_content(const struct ch_node *is, const struct ch_node *wanted)
{
	return ((is->mode ^ wanted->mode) & S_IFMT) == 0 && is->known &&
	       is->large == wanted->large &&
	       (S_ISFIFO(is->mode) || ch_oid_is_equal(&is->oid, &wanted->oid)) &&
	       has_same_text(is->link, wanted->link) && has_same_xattrs(is, wanted);
}

/* ---- remove, and make directories ---- */

/* The owner can give himself what he needs; what it will be comes at the end. */
static int make_writable(int fd, unsigned mode, struct ch_err *err)
{
	if ((mode & S_IRWXU) == S_IRWXU || fchmod(fd, (mode & 07777) | S_IRWXU) == 0)
		return 0;
	return ch_err_sys(err, "make a directory writable");
}

static int remove_entry(int dir, const struct ch_node *node, struct ch_err *err)
{
	int rc = 0;

	if (!S_ISDIR(node->mode)) {
		if (unlinkat(dir, node->name, 0) < 0 && errno != ENOENT)
			return ch_err_sys(err, "remove '%s'", node->name);
		return 0;
	}

	ch_auto(fd) int fd = openat(dir, node->name, CH_OPEN_DIR);

	if (fd < 0)
		return ch_err_sys(err, "open '%s'", node->name);
	rc = make_writable(fd, node->mode, err);
	for (size_t i = 0; rc == 0 && i < node->n; i++)
		rc = remove_entry(fd, &node->kids[i], err);
	if (rc == 0 && unlinkat(dir, node->name, AT_REMOVEDIR) < 0)
		rc = ch_err_sys(err, "remove '%s'", node->name);
	return rc;
}

static int add_batch(struct ch_checkout *c, struct ch_node *dir, size_t from, size_t to,
		     struct ch_err *err)
{
	struct ch_checkout_batch batch = { .dir = dir, .from = from, .to = to };

	if (c->n && c->list[c->n - 1].dir == dir)
		batch.path = c->list[c->n - 1].path;
	else
		batch.path = ch_arena_copy(&c->wanted.arena, c->way.path, c->way.len + 1);
	if (!batch.path)
		return ch_err_nomem(err);
	if (c->n == c->cap) {
		size_t cap = c->cap ? 2 * c->cap : 256;
		struct ch_checkout_batch *more = reallocarray(c->list, cap, sizeof(*more));

		if (!more)
			return ch_err_nomem(err);
		c->list = more;
		c->cap = cap;
	}
	c->list[c->n++] = batch;
	return 0;
}

static int add_batches(struct ch_checkout *c, struct ch_node *dir, struct ch_err *err)
{
	size_t from = 0, files = 0;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < dir->n; i++) {
		if (!ch_checkout_is_work(&dir->kids[i]))
			continue;
		ch_progress_expect(c->progress, 1);
		if (++files < BATCH)
			continue;
		rc = add_batch(c, dir, from, i + 1, err);
		from = i + 1;
		files = 0;
	}
	return rc == 0 && files ? add_batch(c, dir, from, dir->n, err) : rc;
}

static int do_dir(struct ch_checkout *c, int fd, const struct ch_node *is, struct ch_node *wanted,
		  struct ch_err *err);

static int do_subdir(struct ch_checkout *c, int parent, const struct ch_node *is,
		     struct ch_node *wanted, struct ch_err *err)
{
	bool is_there = is && S_ISDIR(is->mode);
	size_t len;
	int rc = ch_way_down(&c->way, wanted->name, &len, err);

	if (rc < 0)
		return rc;
	if (!is_there && mkdirat(parent, wanted->name, S_IRWXU) < 0)
		rc = ch_err_sys(err, "make '%s'", wanted->name);

	ch_auto(fd) int fd = rc < 0 ? -1 : openat(parent, wanted->name, CH_OPEN_DIR);

	if (rc == 0 && fd < 0)
		rc = ch_err_sys(err, "open '%s'", wanted->name);
	if (rc == 0)
		rc = do_dir(c, fd, is_there ? is : NULL, wanted, err);
	ch_way_up(&c->way, len);
	return rc;
}

/* What becomes of an entry. DIR, the wanted directory, is dirty if its time has changed by it. */
static int do_entry(struct ch_checkout *c, int fd, const struct ch_node *is, struct ch_node *wanted,
		    struct ch_node *dir, struct ch_err *err)
{
	bool stays = is && wanted &&
		     (S_ISDIR(wanted->mode) ? S_ISDIR(is->mode) : has_same_content(is, wanted));
	int rc = 0;

	if (!stays) {
		dir->dirty = true;
		rc = is ? remove_entry(fd, is, err) : 0;
		c->removed += is && !wanted;
	}
	if (rc < 0 || !wanted)
		return rc;
	if (S_ISDIR(wanted->mode))
		return do_subdir(c, fd, is, wanted, err);
	wanted->dirty = !stays;
	if (stays) {
		wanted->known = ch_checkout_is_set(is, wanted);
		wanted->stamp = is->stamp;
	}
	return 0;
}

/* Does a directory that stays get or lose an entry? */
static bool will_change(const struct ch_node *is, const struct ch_node *wanted)
{
	if (is->n != wanted->n)
		return true;
	for (size_t i = 0; i < is->n; i++) {
		const struct ch_node *a = &is->kids[i], *b = &wanted->kids[i];

		if (strcmp(a->name, b->name) != 0 ||
		    (S_ISDIR(b->mode) ? !S_ISDIR(a->mode) : !has_same_content(a, b)))
			return true;
	}
	return false;
}

/* IS: NULL for a directory made just now. */
static int do_dir(struct ch_checkout *c, int fd, const struct ch_node *is, struct ch_node *wanted,
		  struct ch_err *err)
{
	size_t i = 0, k = 0, n = is ? is->n : 0;
	int rc = 0;

	wanted->dirty |= !is || !ch_checkout_is_set(is, wanted) || !has_same_xattrs(is, wanted);
	if (is)
		wanted->stamp = is->stamp;
	if (is && will_change(is, wanted))
		rc = make_writable(fd, is->mode, err);
	while (rc == 0 && (i < n || k < wanted->n)) {
		int order = i == n	     ? 1
			    : k == wanted->n ? -1
					     : strcmp(is->kids[i].name, wanted->kids[k].name);

		rc = do_entry(c, fd, order <= 0 ? &is->kids[i] : NULL,
			      order >= 0 ? &wanted->kids[k] : NULL, wanted, err);
		i += order <= 0;
		k += order >= 0;
	}
	return rc == 0 ? add_batches(c, wanted, err) : ch_err_in(err, "'/%s'", c->way.path);
}

int ch_checkout_dirs(struct ch_checkout *c, struct ch_err *err)
{
	return do_dir(c, c->root, &c->is.root, &c->wanted.root, err);
}
