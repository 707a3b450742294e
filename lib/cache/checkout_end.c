/* SPDX-License-Identifier: Apache-2.0 */
/* checkout_end.c - after the files: hard links, then modes and times of directories */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/err.h"
#include "cache/attrs.h"
#include "cache/checkout.h"
#include "cache/walk.h"
#include "sys/xattrs.h"

/* ---- hard links ---- */

/* Open the directory that the file PATH of ROOT is in. ret_name: the rest. */
static int open_parent(int root, const char *path, const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	char dir[CH_NODE_PATH_MAX + 1];

	snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - path) : 0, path);
	*ret_name = slash ? slash + 1 : path;
	return ch_walk_open(root, dir);
}

static int make_hard_link(struct ch_checkout *c, int dir, const struct ch_node *node,
			  struct ch_err *err)
{
	const char *name;
	ch_auto(fd) int from = open_parent(c->root, node->link, &name);

	if (from < 0)
		return ch_err_rc(err, from, "open '/%s'", node->link);
	if (unlinkat(dir, node->name, 0) < 0 && errno != ENOENT)
		return ch_err_sys(err, "remove '%s'", node->name);
	if (linkat(from, name, dir, node->name, 0) < 0)
		return ch_err_sys(err, "link '%s' to '/%s'", node->name, node->link);
	return 0;
}

static int link_dir(struct ch_checkout *c, int fd, struct ch_node *dir, struct ch_err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < dir->n; i++) {
		struct ch_node *node = &dir->kids[i];
		const struct ch_node *to = node->link ? ch_gittree_find(&c->wanted, node->link)
						      : NULL;

		if (S_ISDIR(node->mode)) {
			ch_auto(fd) int kid = openat(fd, node->name, CH_OPEN_DIR);

			rc = kid < 0 ? ch_err_sys(err, "open '%s'", node->name)
				     : link_dir(c, kid, node, err);
		} else if (to && (node->dirty || to->dirty || !node->known)) {
			dir->dirty = true;
			rc = make_hard_link(c, fd, node, err);
		}
	}
	return rc;
}

static bool has_links(const struct ch_node *dir)
{
	for (size_t i = 0; i < dir->n; i++)
		if (dir->kids[i].link || (S_ISDIR(dir->kids[i].mode) && has_links(&dir->kids[i])))
			return true;
	return false;
}

/* ---- directories ---- */

static int settle(struct ch_checkout *c, int fd, struct ch_node *dir, struct ch_err *err)
{
	struct timespec times[2];
	struct ch_node now = { 0 };
	uint64_t refused;
	struct stat st;
	int rc = 0;

	if (dir->dirty) {
		ch_checkout_times(dir, times);
		(void)ch_xattrs_remove(fd, ".");
		rc = ch_attrs_set(fd, ".", dir, &refused, err);
		atomic_fetch_add(&c->xattrs, refused);
		if (rc == 0 && (fchmod(fd, dir->mode & 07777) < 0 || futimens(fd, times) < 0))
			rc = ch_err_sys(err, "set permissions");
	}
	if (rc == 0 && fstat(fd, &st) < 0)
		rc = ch_err_sys(err, "look");
	if (rc < 0)
		return rc;
	ch_node_stat(&now, &st);
	dir->stamp = now.stamp;
	dir->known = ch_checkout_is_set(&now, dir);
	return 0;
}

/* Links change the stamp of the file that they lead to. */
static int restamp(struct ch_checkout *c, int fd, struct ch_node *node, struct ch_err *err)
{
	struct ch_node *to = ch_gittree_find(&c->wanted, node->link);
	struct ch_node now = { 0 };
	struct stat st;

	if (fstatat(fd, node->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return ch_err_sys(err, "look at '%s'", node->name);
	ch_node_stat(&now, &st);
	node->stamp = to->stamp = now.stamp;
	node->known = to->known;
	return 0;
}

static int finish_dir(struct ch_checkout *c, int fd, struct ch_node *dir, struct ch_err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < dir->n; i++) {
		struct ch_node *node = &dir->kids[i];

		if (S_ISDIR(node->mode)) {
			ch_auto(fd) int kid = openat(fd, node->name, CH_OPEN_DIR);

			rc = kid < 0 ? ch_err_sys(err, "open") : finish_dir(c, kid, node, err);
		} else if (node->link) {
			rc = restamp(c, fd, node, err);
		}
		if (rc < 0)
			return ch_err_in(err, "'%s'", node->name);
	}
	return settle(c, fd, dir, err);
}

int ch_checkout_end(struct ch_checkout *c, struct ch_err *err)
{
	int rc = 0;

	if (has_links(&c->wanted.root))
		rc = link_dir(c, c->root, &c->wanted.root, err);
	return rc == 0 ? finish_dir(c, c->root, &c->wanted.root, err) : rc;
}
