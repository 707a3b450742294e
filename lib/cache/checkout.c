/* SPDX-License-Identifier: Apache-2.0 */
/* checkout.c - make an image the same as a commit
 *
 * What is there is looked at, and compared with what is wanted. Then, one after the other:
 * what is too much is removed, and directories are made; files are written, by several
 * threads; hard links; modes and times of directories, inner ones first. */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/progress.h"
#include "cache/cache.h"
#include "cache/commit.h"
#include "cache/files.h"
#include "cache/large.h"
#include "cache/dirmeta.h"
#include "cache/parallel.h"
#include "cache/pieces.h"
#include "cache/repo.h"
#include "cache/statfile.h"
#include "cache/temp.h"
#include "cache/walk.h"
#include "sys/mnt.h"

#define BATCH	 64 /* files of a directory that a thread takes at a time */
#define OPEN_DIR (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

struct batch {
	const char *path; /* of the directory; in the wanted tree's arena */
	struct ch_node *dir;
	size_t from, to; /* entries */
};

struct checkout {
	struct ch_cache *cache;
	struct ch_progress *progress;
	int root;
	struct ch_gittree is, wanted;
	struct ch_way way;
	struct batch *list;
	size_t n, cap;
	atomic_ullong files, bytes, xattrs;
	uint64_t removed;
};

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

static bool has_same_times(const struct ch_node *a, const struct ch_node *b)
{
	return a->mode == b->mode && a->mtime == b->mtime && a->mtime_nsec == b->mtime_nsec;
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

	ch_auto(fd) int fd = openat(dir, node->name, OPEN_DIR);

	if (fd < 0)
		return ch_err_sys(err, "open '%s'", node->name);
	rc = make_writable(fd, node->mode, err);
	for (size_t i = 0; rc == 0 && i < node->n; i++)
		rc = remove_entry(fd, &node->kids[i], err);
	if (rc == 0 && unlinkat(dir, node->name, AT_REMOVEDIR) < 0)
		rc = ch_err_sys(err, "remove '%s'", node->name);
	return rc;
}

static int add_batch(struct checkout *c, struct ch_node *dir, size_t from, size_t to,
		     struct ch_err *err)
{
	struct batch batch = { .dir = dir, .from = from, .to = to };

	if (c->n && c->list[c->n - 1].dir == dir)
		batch.path = c->list[c->n - 1].path;
	else
		batch.path = ch_arena_copy(&c->wanted.arena, c->way.path, c->way.len + 1);
	if (!batch.path)
		return ch_err_nomem(err);
	if (c->n == c->cap) {
		size_t cap = c->cap ? 2 * c->cap : 256;
		struct batch *more = reallocarray(c->list, cap, sizeof(*more));

		if (!more)
			return ch_err_nomem(err);
		c->list = more;
		c->cap = cap;
	}
	c->list[c->n++] = batch;
	return 0;
}

/* Is something to be done to NODE by a thread? Links to others come later. */
static bool is_work(const struct ch_node *node)
{
	return !S_ISDIR(node->mode) && !node->link && !node->known;
}

static int add_batches(struct checkout *c, struct ch_node *dir, struct ch_err *err)
{
	size_t from = 0, files = 0;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < dir->n; i++) {
		if (!is_work(&dir->kids[i]))
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

static int do_dir(struct checkout *c, int fd, const struct ch_node *is, struct ch_node *wanted,
		  struct ch_err *err);

static int do_subdir(struct checkout *c, int parent, const struct ch_node *is,
		     struct ch_node *wanted, struct ch_err *err)
{
	bool is_there = is && S_ISDIR(is->mode);
	size_t len;
	int rc = ch_way_down(&c->way, wanted->name, &len, err);

	if (rc < 0)
		return rc;
	if (!is_there && mkdirat(parent, wanted->name, S_IRWXU) < 0)
		rc = ch_err_sys(err, "make '%s'", wanted->name);

	ch_auto(fd) int fd = rc < 0 ? -1 : openat(parent, wanted->name, OPEN_DIR);

	if (rc == 0 && fd < 0)
		rc = ch_err_sys(err, "open '%s'", wanted->name);
	if (rc == 0)
		rc = do_dir(c, fd, is_there ? is : NULL, wanted, err);
	ch_way_up(&c->way, len);
	return rc;
}

/* What becomes of an entry. DIR, the wanted directory, is dirty if its time has changed by it. */
static int do_entry(struct checkout *c, int fd, const struct ch_node *is, struct ch_node *wanted,
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
		wanted->known = has_same_times(is, wanted);
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
static int do_dir(struct checkout *c, int fd, const struct ch_node *is, struct ch_node *wanted,
		  struct ch_err *err)
{
	size_t i = 0, k = 0, n = is ? is->n : 0;
	int rc = 0;

	wanted->dirty |= !is || !has_same_times(is, wanted) || !has_same_xattrs(is, wanted);
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

/* ---- extended attributes ---- */

static int refuse_xattr(struct checkout *c, const char *name, struct ch_err *err)
{
	/* Capabilities need privileges; some file systems have none at all. */
	if (errno != EPERM && errno != ENOTSUP && errno != EACCES && errno != EINVAL)
		return ch_err_sys(err, "set '%s'", name);
	atomic_fetch_add(&c->xattrs, 1);
	return 0;
}

/* Those of NODE, to the file at PATH, which is not followed. */
static int set_xattrs(struct checkout *c, const char *path, const struct ch_node *node,
		      struct ch_err *err)
{
	struct ch_pieces from = { .p = node->xattrs, .end = node->xattrs + node->xattrs_len };
	struct ch_xattr xattr;
	int rc = 0;

	while (rc == 0 && ch_xattr_next(&from, &xattr) == 1) {
		/* A repository may have been made by anybody. */
		if (!ch_walk_keeps(xattr.name))
			continue;
		if (lsetxattr(path, xattr.name, xattr.value, xattr.len, 0) < 0)
			rc = refuse_xattr(c, xattr.name, err);
	}
	return rc;
}

static void remove_xattrs(const char *path)
{
	char list[65536];
	ssize_t len = llistxattr(path, list, sizeof(list));

	for (const char *p = list; p < list + len; p += strlen(p) + 1)
		if (ch_walk_keeps(p))
			(void)lremovexattr(path, p);
}

static int set_entry_xattrs(struct checkout *c, int dir, const struct ch_node *node,
			    struct ch_err *err)
{
	char at[CH_FD_PATH_MAX], path[CH_FD_PATH_MAX + NAME_MAX + 2];

	if (!node->xattrs)
		return 0;
	snprintf(path, sizeof(path), "%s/%s", ch_fd_path(dir, at), node->name);
	return set_xattrs(c, path, node, err);
}

/* ---- files ---- */

static int to_file(const void *data, size_t len, void *to, struct ch_err *err)
{
	int rc = ch_temp_write(*(int *)to, data, len);

	return rc < 0 ? ch_err_rc(err, rc, "write") : 0;
}

static int write_large(struct checkout *c, const struct ch_node *node, int fd, struct ch_err *err)
{
	ch_auto(mem) uint8_t *text = NULL;
	struct ch_large large;
	size_t len;
	int rc = ch_odb_read(&c->cache->odb, &node->oid, CH_KIND_BLOB, &text, &len, err);

	if (rc == 0)
		rc = ch_large_from_text((char *)text, len, &large, err);
	return rc == 0 ? ch_large_get(c->cache, &large, fd, err) : rc;
}

static int make_file(struct checkout *c, int dir, const struct ch_node *node, struct ch_err *err)
{
	ch_auto(fd) int fd = openat(dir, node->name,
				    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
				    S_IRUSR | S_IWUSR);
	struct stat st;
	int rc;

	if (fd < 0)
		return ch_err_sys(err, "make");
	rc = node->large
		     ? write_large(c, node, fd, err)
		     : ch_odb_stream(&c->cache->odb, &node->oid, CH_KIND_BLOB, to_file, &fd, err);
	if (rc == 0)
		rc = set_entry_xattrs(c, dir, node, err);
	if (rc == 0 && (fchmod(fd, node->mode & 07777) < 0 || fstat(fd, &st) < 0))
		rc = ch_err_sys(err, "set permissions");
	if (rc == 0)
		atomic_fetch_add(&c->bytes, (uint64_t)st.st_size);
	return rc;
}

static int make_link(struct checkout *c, int dir, const struct ch_node *node, struct ch_err *err)
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

static int make_node(struct checkout *c, int dir, const struct ch_node *node, struct ch_err *err)
{
	switch (node->mode & S_IFMT) {
	case S_IFREG:
		return make_file(c, dir, node, err);
	case S_IFLNK:
		return make_link(c, dir, node, err);
	default:
		return make_fifo(dir, node, err);
	}
}

static int set_time(int dir, struct ch_node *node, struct ch_err *err)
{
	const struct timespec times[2] = {
		{ .tv_nsec = UTIME_OMIT },
		{ .tv_sec = node->mtime, .tv_nsec = node->mtime_nsec },
	};
	struct ch_node now = { 0 };
	struct stat st;

	if (utimensat(dir, node->name, times, AT_SYMLINK_NOFOLLOW) < 0 ||
	    fstatat(dir, node->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return ch_err_sys(err, "set times");
	ch_node_stat(&now, &st);
	node->stamp = now.stamp;
	/* Some file systems round times: then the file is looked at again next time. */
	node->known = has_same_times(&now, node);
	return 0;
}

static int do_file(struct checkout *c, int dir, struct ch_node *node, struct ch_err *err)
{
	int rc = 0;

	if (node->dirty)
		rc = make_node(c, dir, node, err);
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
	struct checkout *c = data;
	const struct batch *batch = &c->list[i];
	ch_auto(fd) int dir = ch_walk_open(c->root, batch->path);

	(void)own;
	if (dir < 0)
		return ch_err_rc(err, dir, "open '/%s'", batch->path);
	for (size_t k = batch->from; k < batch->to; k++) {
		struct ch_node *node = &batch->dir->kids[k];

		if (!is_work(node))
			continue;
		atomic_fetch_add(&c->files, 1);
		if (do_file(c, dir, node, err) < 0)
			return ch_err_in(err, "'/%s/%s'", batch->path, node->name);
		ch_progress_add(c->progress, 1);
	}
	return 0;
}

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

static int make_hard_link(struct checkout *c, int dir, const struct ch_node *node,
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

static int link_dir(struct checkout *c, int fd, struct ch_node *dir, struct ch_err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < dir->n; i++) {
		struct ch_node *node = &dir->kids[i];
		const struct ch_node *to = node->link ? ch_gittree_find(&c->wanted, node->link)
						      : NULL;

		if (S_ISDIR(node->mode)) {
			ch_auto(fd) int kid = openat(fd, node->name, OPEN_DIR);

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

static int settle(struct checkout *c, int fd, struct ch_node *dir, struct ch_err *err)
{
	const struct timespec times[2] = {
		{ .tv_nsec = UTIME_OMIT },
		{ .tv_sec = dir->mtime, .tv_nsec = dir->mtime_nsec },
	};
	char at[CH_FD_PATH_MAX], path[CH_FD_PATH_MAX + 3];
	struct ch_node now = { 0 };
	struct stat st;
	int rc = 0;

	if (dir->dirty) {
		/* The link in /proc is to be followed, which these do not without the ".". */
		snprintf(path, sizeof(path), "%s/.", ch_fd_path(fd, at));
		remove_xattrs(path);
		rc = set_xattrs(c, path, dir, err);
		if (rc == 0 && (fchmod(fd, dir->mode & 07777) < 0 || futimens(fd, times) < 0))
			rc = ch_err_sys(err, "set permissions");
	}
	if (rc == 0 && fstat(fd, &st) < 0)
		rc = ch_err_sys(err, "look");
	if (rc < 0)
		return rc;
	ch_node_stat(&now, &st);
	dir->stamp = now.stamp;
	dir->known = has_same_times(&now, dir);
	return 0;
}

/* Links change the stamp of the file that they lead to. */
static int restamp(struct checkout *c, int fd, struct ch_node *node, struct ch_err *err)
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

static int finish_dir(struct checkout *c, int fd, struct ch_node *dir, struct ch_err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < dir->n; i++) {
		struct ch_node *node = &dir->kids[i];

		if (S_ISDIR(node->mode)) {
			ch_auto(fd) int kid = openat(fd, node->name, OPEN_DIR);

			rc = kid < 0 ? ch_err_sys(err, "open") : finish_dir(c, kid, node, err);
		} else if (node->link) {
			rc = restamp(c, fd, node, err);
		}
		if (rc < 0)
			return ch_err_in(err, "'%s'", node->name);
	}
	return settle(c, fd, dir, err);
}

/* ---- all of it ---- */

static int change(struct checkout *c, struct ch_err *err)
{
	int rc = do_dir(c, c->root, &c->is.root, &c->wanted.root, err);

	if (rc == 0)
		rc = ch_parallel(&(struct ch_parallel){ .threads = c->cache->options.threads,
							.n = c->n,
							.begin = begin,
							.work = do_batch,
							.end = end,
							.data = c },
				 err);
	if (rc == 0 && has_links(&c->wanted.root))
		rc = link_dir(c, c->root, &c->wanted.root, err);
	return rc == 0 ? finish_dir(c, c->root, &c->wanted.root, err) : rc;
}

static int checkout(struct checkout *c, const struct ch_cache_image *image, struct ch_err *err)
{
	ch_auto(gittree) struct ch_gittree old = { 0 };
	ch_auto(statfile) struct ch_statfile statfile = { .fd = -1 };
	struct ch_cache_report unused = { 0 };
	struct ch_opened opened = { 0 };
	int rc = ch_statfile_begin(image, &statfile, err);

	if (rc < 0)
		return rc;
	ch_statfile_read(image, c->cache->generation, &old);
	rc = ch_walk(c->root, &old, true, &c->is, &opened, &unused, err);
	if (rc < 0)
		ch_walk_restore(c->root, &opened, NULL);
	else
		ch_walk_leave(&opened, &c->wanted);
	if (rc == 0)
		rc = change(c, err);
	if (rc == 0)
		rc = ch_statfile_wait(&statfile, err);
	return rc == 0 ? ch_statfile_end(&statfile, c->cache->generation, &c->wanted, err) : rc;
}

static int read_wanted(struct checkout *c, const struct ch_oid *oid, struct ch_err *err)
{
	ch_auto(commit) struct ch_commit commit = { 0 };
	struct ch_commit_parts parts;
	int rc = ch_commit_read(&c->cache->odb, oid, &commit, err);

	if (rc == 0)
		rc = ch_commit_parts(&c->cache->odb, &commit.tree, &parts, err);
	return rc == 0 ? ch_files_read(&c->cache->odb, &parts.files, &c->wanted, err) : rc;
}

int ch_cache_checkout(struct ch_cache *cache, const struct ch_oid *commit,
		      const struct ch_cache_image *image, struct ch_cache_report *ret_report,
		      struct ch_err *err)
{
	ch_auto(mem) struct checkout *c = calloc(1, sizeof(*c));
	int rc = c ? ch_repo_need_commit(cache, commit, err) : ch_err_nomem(err);

	if (rc == 0)
		return ch_err_set(err, -ENOENT, "there is no build cache");
	if (rc < 0 || !c)
		return ch_repo_said(rc, err);
	c->cache = cache;
	c->root = image->root;
	c->progress = image->progress;
	rc = read_wanted(c, commit, err);
	if (rc == 0)
		rc = checkout(c, image, err);
	if (rc == 0 && ret_report)
		*ret_report = (struct ch_cache_report){
			.entries = c->wanted.count,
			.files = atomic_load(&c->files),
			.bytes = atomic_load(&c->bytes),
			.xattrs = atomic_load(&c->xattrs),
			.removed = c->removed,
		};
	free(c->list);
	ch_gittree_done(&c->is);
	ch_gittree_done(&c->wanted);
	return ch_repo_said(rc, err);
}
