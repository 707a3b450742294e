/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/walk.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/analyser.h"
#include "base/auto.h"
#include "base/err.h"
#include "cache/attrs.h"
#include "sys/mnt.h"
#include "sys/names.h"
#include "sys/twins.h"

#define OPEN_DIR (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

struct ch_opened_dir {
	char *path; /* owned; from the root */
	unsigned mode;
};

struct walk {
	bool all; /* devices and sockets, too */
	struct ch_gittree *tree;
	struct ch_opened *opened;
	struct ch_cache_report *report;
	struct ch_way way;
	struct ch_twins twins;
};

int ch_walk_open(int root, const char *path)
{
	struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	long fd = syscall(SYS_openat2, root, *path ? path : ".", &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

int ch_walk_chmod(int fd, unsigned mode)
{
	char path[CH_FD_PATH_MAX];

	return chmod(ch_fd_path(fd, path), mode & 07777) < 0 ? -errno : 0;
}

/* ---- directories that we may not read ---- */

CH_MOVES_BEGIN
static int remember(struct walk *w, unsigned mode, struct ch_err *err)
{
	struct ch_opened *o = w->opened;

	if (o->n == o->cap) {
		size_t cap = o->cap ? 2 * o->cap : 16;
		struct ch_opened_dir *more = reallocarray(o->list, cap, sizeof(*more));

		if (!more)
			return ch_err_nomem(err);
		o->list = more;
		o->cap = cap;
	}

	o->list[o->n] = (struct ch_opened_dir){ strdup(w->way.path), mode };
	if (!o->list[o->n].path)
		return ch_err_nomem(err);
	o->n++;
	return 0;
}
CH_MOVES_END

/* Open the directory NAME, to read it and to look into it. */
static int open_dir(struct walk *w, int parent, const char *name, unsigned mode, struct ch_err *err)
{
	const unsigned need = S_IRUSR | S_IXUSR;
	ch_auto(fd) int at = -1;

	if ((mode & need) != need) {
		at = openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (at < 0)
			return ch_err_sys(err, "open '/%s'", w->way.path);
	}
	if (at >= 0 && faccessat(at, ".", R_OK | X_OK, AT_EACCESS) < 0) {
		int rc = remember(w, mode, err);

		if (rc == 0)
			rc = ch_walk_chmod(at, mode | S_IRWXU);
		if (rc < 0)
			return ch_err_rc(err, rc, "make '/%s' readable", w->way.path);
	}

	int fd = openat(parent, name, OPEN_DIR);

	return fd < 0 ? ch_err_sys(err, "open '/%s'", w->way.path) : fd;
}

/* Inner ones first: they are reached through the outer ones. */
void ch_walk_restore(int root, struct ch_opened *opened, struct ch_gittree *tree)
{
	while (opened->n > 0) {
		struct ch_opened_dir *dir = &opened->list[--opened->n];
		ch_auto(fd) int fd = ch_walk_open(root, dir->path);
		struct ch_node *node = tree ? ch_gittree_find(tree, dir->path) : NULL;
		struct stat st;

		if (fd >= 0 && ch_walk_chmod(fd, dir->mode) == 0 && node && fstat(fd, &st) == 0)
			ch_node_stat(node, &st);
		free(dir->path);
	}
	free(opened->list);
	*opened = (struct ch_opened){ 0 };
}

void ch_walk_leave(struct ch_opened *opened, struct ch_gittree *tree)
{
	for (size_t i = 0; i < opened->n; i++) {
		struct ch_node *node = ch_gittree_find(tree, opened->list[i].path);

		if (node)
			node->dirty = true;
		free(opened->list[i].path);
	}
	free(opened->list);
	*opened = (struct ch_opened){ 0 };
}

/* ---- hard links ---- */

/* NODE is at the way's end, and has more than one name. */
static int look_for_twin(struct walk *w, const struct stat *st, struct ch_node *node,
			 struct ch_err *err)
{
	const char *first;

	if (ch_twins_find(&w->twins, st, w->way.path, &first, err) < 0)
		return err->code;
	if (!first)
		return 0;
	node->link = ch_arena_copy(&w->tree->arena, first, strlen(first) + 1);
	return node->link ? 0 : ch_err_nomem(err);
}

/* ---- walk ---- */

static int take_old(struct walk *w, const struct ch_node *old, struct ch_node *node,
		    struct ch_err *err)
{
	node->known = true;
	node->oid = old->oid;
	node->large = old->large;
	if (!old->xattrs)
		return 0;
	node->xattrs_len = old->xattrs_len;
	node->xattrs = ch_arena_copy(&w->tree->arena, old->xattrs, old->xattrs_len);
	return node->xattrs ? 0 : ch_err_nomem(err);
}

static int look_at(struct walk *w, int parent, const char *name, const struct ch_node *old,
		   struct ch_node *node, struct ch_err *err)
{
	struct stat st;

	if (fstatat(parent, *name ? name : ".", &st, AT_SYMLINK_NOFOLLOW) < 0)
		return ch_err_sys(err, "look at '/%s'", w->way.path);
	ch_node_stat(node, &st);

	int rc = 0;

	if (!S_ISDIR(st.st_mode) && st.st_nlink > 1)
		rc = look_for_twin(w, &st, node, err);
	if (rc < 0)
		return rc;
	if (old && old->known && ch_node_is_same(old, node))
		return take_old(w, old, node, err);
	/* What has no content is known with its attributes. */
	node->known = !S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode);
	if (!S_ISLNK(st.st_mode))
		rc = ch_attrs_get(parent, *name ? name : ".", &w->tree->arena, node, err);
	return rc < 0 ? ch_err_in(err, "'/%s'", w->way.path) : 0;
}

static int walk_dir(struct walk *w, int fd, const struct ch_node *old, struct ch_node *dir,
		    struct ch_err *err);

static bool is_left_out(struct walk *w, unsigned mode)
{
	bool is_device = S_ISCHR(mode) || S_ISBLK(mode);

	w->report->devices += is_device;
	w->report->sockets += S_ISSOCK(mode);
	return !w->all && (is_device || S_ISSOCK(mode));
}

/* Sorted, so that which of several hard links is the first does not depend on the file system. */
static int list_names(int fd, struct ch_gittree *tree, struct ch_nodes *nodes, struct ch_err *err)
{
	ch_auto(names) struct ch_names names = { 0 };
	int rc = ch_names_read(fd, &names);

	if (rc < 0)
		return ch_err_rc(err, rc, "read a directory");
	for (size_t i = 0; rc == 0 && i < names.n; i++) {
		struct ch_node node = { 0 };

		node.name = ch_arena_copy(&tree->arena, names.list[i], strlen(names.list[i]) + 1);
		rc = node.name ? ch_nodes_add(nodes, &node, err) : ch_err_nomem(err);
	}
	return rc;
}

static int walk_kid(struct walk *w, int fd, const struct ch_node *old, struct ch_node *node,
		    struct ch_err *err)
{
	size_t len;
	int rc = ch_way_down(&w->way, node->name, &len, err);

	if (rc < 0)
		return ch_err_in(err, "'/%s'", w->way.path);
	rc = look_at(w, fd, node->name, old, node, err);
	if (rc == 0 && S_ISDIR(node->mode)) {
		ch_auto(fd) int kid = open_dir(w, fd, node->name, node->mode, err);

		rc = kid < 0 ? kid : walk_dir(w, kid, old, node, err);
	}
	ch_way_up(&w->way, len);
	return rc;
}

static int walk_dir(struct walk *w, int fd, const struct ch_node *old, struct ch_node *dir,
		    struct ch_err *err)
{
	ch_auto(nodes) struct ch_nodes nodes = { 0 };
	int rc = list_names(fd, w->tree, &nodes, err);
	size_t kept = 0;

	if (rc < 0)
		return ch_err_in(err, "'/%s'", w->way.path);
	for (size_t i = 0; rc == 0 && i < nodes.n; i++) {
		struct ch_node *node = &nodes.list[i];

		rc = walk_kid(w, fd, old ? ch_node_find(old, node->name) : NULL, node, err);
		if (rc == 0 && !is_left_out(w, node->mode))
			nodes.list[kept++] = *node;
	}
	nodes.n = kept;
	return rc == 0 ? ch_nodes_move(&nodes, w->tree, dir, err) : rc;
}

int ch_walk(int root, const struct ch_gittree *old, bool all, struct ch_gittree *ret_tree,
	    struct ch_opened *ret_opened, struct ch_cache_report *report, struct ch_err *err)
{
	ch_auto(mem) struct walk *w = calloc(1, sizeof(*w));
	const struct ch_node *was = old->root.name ? &old->root : NULL;

	*ret_tree = (struct ch_gittree){ .root = { .name = "" } };
	*ret_opened = (struct ch_opened){ 0 };
	if (!w)
		return ch_err_nomem(err);
	w->all = all;
	w->tree = ret_tree;
	w->opened = ret_opened;
	w->report = report;

	int rc = look_at(w, root, "", was, &ret_tree->root, err);
	ch_auto(fd) int fd = rc < 0 ? -1 : open_dir(w, root, ".", ret_tree->root.mode, err);

	if (rc == 0)
		rc = fd < 0 ? fd : walk_dir(w, fd, was, &ret_tree->root, err);
	ch_twins_done(&w->twins);
	report->entries = ret_tree->count;
	return rc;
}
