/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/walk.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/auto.h"
#include "base/err.h"
#include "cache/xattrs.h"
#include "sys/mnt.h"

#define OPEN_DIR (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

struct ch_opened_dir {
	char *path; /* owned; from the root */
	unsigned mode;
};

/* A file with more than one name, and the first of them. */
struct twin {
	uint64_t dev, ino;
	const char *path; /* in the tree's arena; NULL: free */
};

struct walk {
	bool all; /* devices and sockets, too */
	struct ch_gittree *tree;
	struct ch_opened *opened;
	struct ch_cache_report *report;
	struct ch_way way;
	struct twin *twins; /* by hash; the number of slots is a power of two */
	size_t n_twins, cap_twins;
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

static struct twin *twin_slot(const struct walk *w, uint64_t dev, uint64_t ino)
{
	uint64_t h = (ino * 0x9e3779b97f4a7c15) ^ dev;

	for (size_t i = h >> 20 & (w->cap_twins - 1);; i = (i + 1) & (w->cap_twins - 1)) {
		struct twin *t = &w->twins[i];

		if (!t->path || (t->dev == dev && t->ino == ino))
			return t;
	}
}

static int grow_twins(struct walk *w, struct ch_err *err)
{
	struct walk bigger = { .cap_twins = w->cap_twins ? 2 * w->cap_twins : 256 };

	bigger.twins = calloc(bigger.cap_twins, sizeof(*bigger.twins));
	if (!bigger.twins)
		return ch_err_nomem(err);
	for (size_t i = 0; i < w->cap_twins; i++)
		if (w->twins[i].path)
			*twin_slot(&bigger, w->twins[i].dev, w->twins[i].ino) = w->twins[i];
	free(w->twins);
	w->twins = bigger.twins;
	w->cap_twins = bigger.cap_twins;
	return 0;
}

/* NODE is at the way's end, and has more than one name. */
static int look_for_twin(struct walk *w, const struct stat *st, struct ch_node *node,
			 struct ch_err *err)
{
	if (2 * (w->n_twins + 1) > w->cap_twins && grow_twins(w, err) < 0)
		return err->code;

	struct twin *t = twin_slot(w, st->st_dev, st->st_ino);

	if (t->path) {
		node->link = t->path;
		return 0;
	}
	t->path = ch_arena_copy(&w->tree->arena, w->way.path, w->way.len + 1);
	if (!t->path)
		return ch_err_nomem(err);
	t->dev = st->st_dev;
	t->ino = st->st_ino;
	w->n_twins++;
	return 0;
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
		rc = ch_xattrs_get(parent, *name ? name : ".", &w->tree->arena, node, err);
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

static int add_name(const char *name, struct ch_gittree *tree, struct ch_nodes *nodes,
		    struct ch_err *err)
{
	struct ch_node node = { 0 };

	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return 0;
	node.name = ch_arena_copy(&tree->arena, name, strlen(name) + 1);
	return node.name ? ch_nodes_add(nodes, &node, err) : ch_err_nomem(err);
}

/* Without a stream for each: an image has thousands of directories. */
static int list_names(int fd, struct ch_gittree *tree, struct ch_nodes *nodes, struct ch_err *err)
{
	_Alignas(struct dirent64) char room[16384];
	ssize_t len;
	int rc = 0;

	while (rc == 0 && (len = getdents64(fd, room, sizeof(room))) != 0) {
		if (len < 0)
			return ch_err_sys(err, "read a directory");
		for (char *p = room; rc == 0 && p < room + len;) {
			const struct dirent64 *entry = (struct dirent64 *)(void *)p;

			rc = add_name(entry->d_name, tree, nodes, err);
			p += entry->d_reclen;
		}
	}
	return rc;
}

/* By name, so that which of several hard links is the first does not depend on the file
 * system. */
static int by_name(const void *a, const void *b)
{
	const struct ch_node *x = a, *y = b;

	return strcmp(x->name, y->name);
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
	if (nodes.n)
		qsort(nodes.list, nodes.n, sizeof(*nodes.list), by_name);
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
	free(w->twins);
	report->entries = ret_tree->count;
	return rc;
}
