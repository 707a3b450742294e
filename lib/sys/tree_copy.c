/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/progress.h"
#include "sys/rmtree.h"
#include "sys/threads.h"
#include "sys/tree.h"
#include "sys/tree_own.h"

enum { ENTRIES_PER_THREAD = 32 }; /* fewer are not worth one */

struct job {
	struct ch_progress *progress;
	const struct ch_tree *tree;
	int dir; /* the copy's top */
	const struct ch_tree_copy *how;
	struct ch_tree_ways ways;
	atomic_size_t next; /* entry to be copied */
	atomic_bool failed;
	pthread_mutex_t lock; /* of err */
	struct ch_err *err;
};

/* The directory that was used last: the next entry is often in it, too. */
struct near {
	int fd; /* owned */
	size_t len;
	char path[PATH_MAX];
};

#define NEAR_INIT ((struct near){ .fd = -1 })

static void ch_auto_near(struct near *near)
{
	ch_close(&near->fd);
}

/* The directory that the plain PATH is in; it is NEAR's. */
static int near_open(struct near *near, int root, const char *path, const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) : 0;

	*ret_name = slash ? slash + 1 : path;
	if (near->fd >= 0 && near->len == len && memcmp(near->path, path, len) == 0)
		return near->fd;
	ch_close(&near->fd);
	if (len >= sizeof(near->path))
		return -ENAMETOOLONG;
	near->fd = ch_within_open_parent(root, path, ret_name);
	memcpy(near->path, path, len);
	near->len = len;
	return near->fd;
}

static mode_t mode_of_copy(const struct job *job, const struct ch_tree_entry *e)
{
	const struct ch_tree_copy *how = job->how;

	return how->mode ? how->mode(how->data, e->st.st_mode) : e->st.st_mode;
}

/* The mode to make the copy with: until it is complete, it is nobody else's business. */
static mode_t first_mode(const struct job *job, const struct ch_tree_entry *e)
{
	return job->how->keep & CH_TREE_MODES ? 0600 : e->st.st_mode & 0777;
}

/* ---- directories ----------------------------------------------------------------------- */

/* NAME of DIR is to be a directory that we can write to. Returns 1 if something else is there. */
static int make_dir(const struct job *job, const struct ch_tree_entry *e, int dir, const char *name)
{
	if (!*name)
		name = "."; /* the copy's top itself */
	if (mkdirat(dir, name, (first_mode(job, e) & 0777) | 0700) == 0)
		return 0;
	if (errno != EEXIST)
		return -errno;

	ch_auto(fd) int old = openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (old < 0)
		return errno == ENOTDIR || errno == ELOOP ? 1 : -errno;
	ch_unlock(old); /* until it gets its mode */
	return 0;
}

static int make_dirs(const struct job *job, struct ch_err *err)
{
	ch_auto(near) struct near to = NEAR_INIT;

	for (size_t i = 0; i < job->tree->n; i++) {
		const struct ch_tree_entry *e = &job->tree->entries[i];
		const char *name;

		if (!S_ISDIR(e->st.st_mode))
			continue;

		int dir = near_open(&to, job->dir, e->path, &name);
		int rc = dir < 0 ? dir : make_dir(job, e, dir, name);

		if (rc > 0) {
			if (ch_rmtree(dir, name, err) < 0)
				return err->code;
			rc = make_dir(job, e, dir, name);
		}
		if (rc < 0)
			return ch_err_rc(err, rc, "make directory '%s'", e->path);
	}
	return 0;
}

/* Backwards, so that nothing is done in a directory that has its mode and times already. */
static int finish_dirs(const struct job *job, struct ch_err *err)
{
	for (size_t i = job->tree->n; i-- > 0;) {
		const struct ch_tree_entry *e = &job->tree->entries[i];

		if (!S_ISDIR(e->st.st_mode))
			continue;

		int flags = O_RDONLY | O_DIRECTORY;
		ch_auto(fd) int from = ch_within_open(job->tree->root, e->source, flags);
		ch_auto(fd) int to = ch_within_open(job->dir, e->path, flags);
		int rc = from < 0 ? from : to;

		if (rc >= 0)
			rc = ch_tree_meta(from, to, &e->st, mode_of_copy(job, e), job->how->keep);
		if (rc < 0)
			return ch_err_rc(err, rc, "give directory '%s' its metadata", e->path);
	}
	return 0;
}

/* ---- all else -------------------------------------------------------------------------- */

/* Copy the file open as FROM to NAME of DIR. Returns 0 or a negative errno, -EEXIST if the
 * name is taken. */
static int copy_open_file(struct job *job, const struct ch_tree_entry *e, int from, int dir,
			  const char *name)
{
	int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	ch_auto(fd) int to = openat(dir, name, flags, first_mode(job, e));
	struct stat st;
	int rc;

	if (to < 0 || fstat(from, &st) < 0)
		return -errno;
	rc = ch_tree_data(from, to, &st, &job->ways);
	return rc < 0 ? rc : ch_tree_meta(from, to, &st, mode_of_copy(job, e), job->how->keep);
}

/* Make the copy of E, which is not a regular file. As above. */
static int make_special(struct job *job, const struct ch_tree_entry *e, int dir, const char *name)
{
	int rc = S_ISLNK(e->st.st_mode) ? symlinkat(e->target, dir, name)
					: mkfifoat(dir, name, first_mode(job, e));

	if (rc < 0)
		return -errno;
	return ch_tree_meta_at(dir, name, &e->st, mode_of_copy(job, e), job->how->keep);
}

/* Make the copy of E, with whatever FROM is (-1 but for files); what is there goes. */
static int copy_over(struct job *job, const struct ch_tree_entry *e, int from, struct near *to,
		     struct ch_err *err)
{
	for (bool again = false;; again = true) {
		const char *name;
		int dir = near_open(to, job->dir, e->path, &name), rc = dir;

		if (dir >= 0)
			rc = from < 0 ? make_special(job, e, dir, name)
				      : copy_open_file(job, e, from, dir, name);
		if (rc == -EAGAIN)
			return ch_err_set(err, rc, "'%s' changed while it was copied", e->source);
		if (rc != -EEXIST || again)
			return rc < 0 ? ch_err_rc(err, rc, "write '%s'", e->path) : 0;
		if (ch_rmtree(dir, name, err) < 0)
			return err->code;
	}
}

static bool has_changed(const struct stat *before, const struct stat *now)
{
	return before->st_ino != now->st_ino || before->st_size != now->st_size ||
	       before->st_ctim.tv_sec != now->st_ctim.tv_sec ||
	       before->st_ctim.tv_nsec != now->st_ctim.tv_nsec;
}

static int copy_entry(struct job *job, const struct ch_tree_entry *e, struct near *from,
		      struct near *to, struct ch_err *err)
{
	if (!S_ISREG(e->st.st_mode))
		return copy_over(job, e, -1, to, err);

	const char *name;
	int dir = near_open(from, job->tree->root, e->source, &name);
	/* It might have become a FIFO since it was scanned. */
	ch_auto(fd) int file = dir < 0 ? dir
				       : openat(dir, name,
						O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY |
							O_CLOEXEC);
	struct stat st;

	if (file < 0)
		return ch_err_rc(err, dir < 0 ? dir : -errno, "read '%s'", e->source);
	if (fstat(file, &st) < 0 || !S_ISREG(st.st_mode) ||
	    (job->how->is_exact && has_changed(&e->st, &st)))
		return ch_err_set(err, -EAGAIN, "'%s' changed while it was copied", e->source);
	return copy_over(job, e, file, to, err);
}

static bool is_later_link(const struct job *job, const struct ch_tree_entry *e)
{
	return e->same_as != CH_TREE_NONE && (job->how->keep & CH_TREE_HARDLINKS);
}

static void fail(struct job *job, const struct ch_err *err)
{
	pthread_mutex_lock(&job->lock);
	if (!job->failed)
		*job->err = *err;
	job->failed = true;
	pthread_mutex_unlock(&job->lock);
}

/* A thread: copies what no other one does. */
static void copy_entries(void *data)
{
	struct job *job = data;
	ch_auto(near) struct near from = NEAR_INIT;
	ch_auto(near) struct near to = NEAR_INIT;
	struct ch_err err;

	for (size_t i; !job->failed && (i = job->next++) < job->tree->n;) {
		const struct ch_tree_entry *e = &job->tree->entries[i];

		if (!S_ISDIR(e->st.st_mode) && !is_later_link(job, e) &&
		    copy_entry(job, e, &from, &to, &err) < 0)
			fail(job, &err);
		ch_progress_add(job->progress, 1);
	}
}

/* ---- hard links ------------------------------------------------------------------------ */

/* Make the copy of E, another name of OLD's, as NAME of DIR. */
static int make_link(const struct job *job, const struct ch_tree_entry *old, int dir,
		     const char *name)
{
	const char *old_name;
	ch_auto(fd) int old_dir = ch_within_open_parent(job->dir, old->path, &old_name);

	if (old_dir < 0)
		return old_dir;
	return linkat(old_dir, old_name, dir, name, 0) < 0 ? -errno : 0;
}

static int make_links(struct job *job, struct ch_err *err)
{
	ch_auto(near) struct near from = NEAR_INIT;
	ch_auto(near) struct near to = NEAR_INIT;

	for (size_t i = 0; i < job->tree->n; i++) {
		const struct ch_tree_entry *e = &job->tree->entries[i];
		const char *name;

		if (!is_later_link(job, e))
			continue;

		const struct ch_tree_entry *old = &job->tree->entries[e->same_as];
		int dir = near_open(&to, job->dir, e->path, &name);
		int rc = dir < 0 ? dir : make_link(job, old, dir, name);

		if (rc == -EEXIST) {
			if (ch_rmtree(dir, name, err) < 0)
				return err->code;
			rc = make_link(job, old, dir, name);
		}
		/* Not all file systems have them, or that many. */
		if (rc < 0 && copy_entry(job, e, &from, &to, err) < 0)
			return err->code;
	}
	return 0;
}

/* ---- trees ----------------------------------------------------------------------------- */

int ch_tree_copy(const struct ch_tree *tree, int dir, const struct ch_tree_copy *how,
		 struct ch_err *err)
{
	ch_auto(unlocked) struct ch_unlocked unlocked = { .dir = -1 };
	ch_auto(progress) struct ch_progress *progress = ch_progress_new(
		"copying", CH_PROGRESS_FILES, tree->n);
	struct job job = {
		.progress = progress,
		.tree = tree,
		.dir = dir,
		.how = how,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.err = err,
	};

	/* As the top was, it is in the end, unless it gets the metadata of a source. */
	if (tree->n && *tree->entries[0].path)
		unlocked = ch_unlock(dir);
	if (make_dirs(&job, err) < 0)
		return err->code;
	ch_threads_run(tree->n, ENTRIES_PER_THREAD, copy_entries, &job);
	if (job.failed || make_links(&job, err) < 0)
		return err->code;
	return finish_dirs(&job, err);
}

int ch_tree_copy_all(int from, int to, unsigned keep,
		     void (*left)(void *data, const char *source, mode_t mode), void *data,
		     struct ch_err *err)
{
	const struct ch_tree_scan scan = {
		.root = from,
		.path = "",
		.name = "",
		.left = left,
		.data = data,
	};
	const struct ch_tree_copy how = { .keep = keep };
	ch_auto(tree) struct ch_tree tree = { 0 };

	if (ch_tree_scan(&scan, &tree, err) < 0)
		return err->code;
	return ch_tree_copy(&tree, to, &how, err);
}
