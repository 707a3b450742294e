/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/blobs.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/progress.h"
#include "cache/large.h"
#include "cache/object.h"
#include "cache/parallel.h"
#include "cache/press.h"
#include "cache/repo.h"
#include "cache/walk.h"
#include "cache/write.h"
#include "hash/hash.h"

#define SMALL	   (1 << 20) /* read as a whole */
#define BATCH	   64	     /* files of a directory that a thread takes at a time */
#define BATCH_SIZE (4 << 20) /* and about so many bytes */

struct batch {
	const char *path; /* of the directory; in the tree's arena */
	struct ch_node *dir;
	size_t from, to; /* entries */
};

struct store {
	struct ch_cache *cache;
	struct ch_writer *writer;
	struct ch_progress *progress;
	int root;
	struct ch_gittree *tree;
	struct ch_way way;
	struct batch *list;
	size_t n, cap;
	atomic_ullong files, bytes;
};

/* What one thread has. */
struct own {
	struct ch_press press;
	uint8_t room[SMALL + 1];
};

/* ---- what there is to do ---- */

/* Those that are links to others are read under the first's name. */
static bool is_wanted(const struct ch_node *node)
{
	return !node->known && !node->link && !S_ISDIR(node->mode);
}

static int add(struct store *s, const struct batch *batch, struct ch_err *err)
{
	if (s->n == s->cap) {
		size_t cap = s->cap ? 2 * s->cap : 256;
		struct batch *more = reallocarray(s->list, cap, sizeof(*more));

		if (!more)
			return ch_err_nomem(err);
		s->list = more;
		s->cap = cap;
	}
	s->list[s->n++] = *batch;
	return 0;
}

/* Batches of DIR's own entries. */
static int add_entries(struct store *s, struct ch_node *dir, struct ch_err *err)
{
	struct batch batch = { .dir = dir };
	size_t files = 0;
	uint64_t bytes = 0;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < dir->n; i++) {
		if (!is_wanted(&dir->kids[i]))
			continue;
		if (!batch.path)
			batch.path = ch_arena_copy(&s->tree->arena, s->way.path, s->way.len + 1);
		if (!batch.path)
			return ch_err_nomem(err);
		ch_progress_expect(s->progress, 1);
		bytes += dir->kids[i].stamp.size;
		batch.to = i + 1;
		if (++files < BATCH && bytes < BATCH_SIZE)
			continue;
		rc = add(s, &batch, err);
		batch.from = i + 1;
		files = 0;
		bytes = 0;
	}
	return rc == 0 && files ? add(s, &batch, err) : rc;
}

static int collect(struct store *s, struct ch_node *dir, struct ch_err *err)
{
	int rc = add_entries(s, dir, err);

	for (size_t i = 0; rc == 0 && i < dir->n; i++) {
		size_t len;

		if (!S_ISDIR(dir->kids[i].mode))
			continue;
		rc = ch_way_down(&s->way, dir->kids[i].name, &len, err);
		if (rc < 0)
			return rc;
		rc = collect(s, &dir->kids[i], err);
		ch_way_up(&s->way, len);
	}
	return rc;
}

/* ---- one file ---- */

static int changed(struct ch_err *err)
{
	return ch_err_set(err, -EAGAIN, "it changes while it is read");
}

static int store_link(struct store *s, struct own *own, int dir, struct ch_node *node,
		      struct ch_err *err)
{
	ssize_t len = readlinkat(dir, node->name, (char *)own->room, SMALL);

	if (len < 0)
		return ch_err_sys(err, "read");
	return ch_writer_put(s->writer, &own->press, CH_KIND_BLOB, own->room, (size_t)len,
			     &node->oid, err);
}

/* Read up to SIZE + 1 bytes. Returns how many. */
static ssize_t read_whole(int fd, uint8_t *room, size_t size, struct ch_err *err)
{
	size_t done = 0;

	while (done <= size) {
		ssize_t n = read(fd, room + done, size + 1 - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ch_err_sys(err, "read");
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

static int name_file(struct own *own, int fd, uint64_t size, struct ch_oid *ret_oid,
		     struct ch_err *err)
{
	ch_auto(hash) struct ch_hash hash = { 0 };
	uint64_t done = 0;
	int rc = ch_object_begin(&hash, CH_KIND_BLOB, size, err);

	while (rc == 0) {
		ssize_t n = read(fd, own->room, SMALL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ch_err_sys(err, "read");
		if (n == 0)
			break;
		ch_hash_more(&hash, own->room, (size_t)n);
		done += (uint64_t)n;
	}
	if (rc < 0)
		return rc;
	ch_hash_end(&hash, ret_oid->bytes);
	return done == size ? 0 : changed(err);
}

static int store_big(struct store *s, struct own *own, int fd, struct ch_node *node,
		     struct ch_err *err)
{
	uint64_t size = node->stamp.size;
	int rc = name_file(own, fd, size, &node->oid, err);

	if (rc == 0)
		rc = ch_writer_claim(s->writer, &node->oid, err);
	if (rc != 1)
		return rc;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return ch_err_sys(err, "read");
	return ch_writer_add_file(s->writer, &node->oid, fd, size, err);
}

static int store_small(struct store *s, struct own *own, int fd, struct ch_node *node,
		       struct ch_err *err)
{
	ssize_t len = read_whole(fd, own->room, node->stamp.size, err);

	if (len < 0)
		return (int)len;
	if ((uint64_t)len != node->stamp.size)
		return changed(err);
	return ch_writer_put(s->writer, &own->press, CH_KIND_BLOB, own->room, (size_t)len,
			     &node->oid, err);
}

static int store_large(struct store *s, struct own *own, int fd, struct ch_node *node,
		       struct ch_err *err)
{
	struct ch_large large;
	char text[CH_LARGE_TEXT];
	int rc = ch_large_put(s->cache, fd, node->stamp.size, &large, err);

	if (rc < 0)
		return rc;
	return ch_writer_put(s->writer, &own->press, CH_KIND_BLOB, text,
			     ch_large_to_text(&large, text), &node->oid, err);
}

/* Open NODE, also if it is not readable: it is ours. */
static int open_file(int dir, const struct ch_node *node, struct ch_err *err)
{
	const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
	int fd = openat(dir, node->name, flags);

	if (fd >= 0 || errno != EACCES)
		return fd < 0 ? ch_err_sys(err, "open") : fd;

	ch_auto(fd) int at = openat(dir, node->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (at < 0 || fstat(at, &st) < 0)
		return ch_err_sys(err, "open");
	if (!S_ISREG(st.st_mode))
		return changed(err);

	int rc = ch_walk_chmod(at, st.st_mode | S_IRUSR);

	if (rc < 0)
		return ch_err_rc(err, rc, "make readable");
	fd = openat(dir, node->name, flags);
	if (fd < 0)
		ch_err_sys(err, "open");
	rc = ch_walk_chmod(at, st.st_mode);
	if (rc < 0) {
		ch_close(&fd);
		return ch_err_rc(err, rc, "set permissions");
	}
	return fd < 0 ? err->code : fd;
}

static int store_file(struct store *s, struct own *own, int dir, struct ch_node *node,
		      struct ch_err *err)
{
	ch_auto(fd) int fd = open_file(dir, node, err);
	uint64_t limit = s->cache->options.large;
	struct ch_node after = { 0 };
	struct stat st;
	int rc;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return ch_err_sys(err, "look");
	if (!S_ISREG(st.st_mode))
		return changed(err);
	ch_node_stat(node, &st);
	node->large = (limit && node->stamp.size >= limit) || ch_large_is_sparse(&st);
	if (node->large)
		rc = store_large(s, own, fd, node, err);
	else if (node->stamp.size <= SMALL)
		rc = store_small(s, own, fd, node, err);
	else
		rc = store_big(s, own, fd, node, err);
	if (rc < 0)
		return rc;
	if (fstat(fd, &st) < 0)
		return ch_err_sys(err, "look");
	ch_node_stat(&after, &st);
	atomic_fetch_add(&s->bytes, node->stamp.size);
	return ch_node_is_same(node, &after) ? 0 : changed(err);
}

/* ---- many ---- */

static int begin(void *data, void **ret_own, struct ch_err *err)
{
	(void)data;
	*ret_own = calloc(1, sizeof(struct own));
	return *ret_own ? 0 : ch_err_nomem(err);
}

static void end(void *data, void *own_)
{
	struct own *own = own_;

	(void)data;
	ch_press_done(&own->press);
	free(own);
}

static int store_batch(void *data, void *own, size_t i, struct ch_err *err)
{
	struct store *s = data;
	const struct batch *batch = &s->list[i];
	ch_auto(fd) int dir = ch_walk_open(s->root, batch->path);

	if (dir < 0)
		return ch_err_rc(err, dir, "open '/%s'", batch->path);
	for (size_t k = batch->from; k < batch->to; k++) {
		struct ch_node *node = &batch->dir->kids[k];

		if (!is_wanted(node))
			continue;

		int rc = S_ISLNK(node->mode) ? store_link(s, own, dir, node, err)
					     : store_file(s, own, dir, node, err);

		if (rc < 0)
			return ch_err_in(err, "'/%s/%s'", batch->path, node->name);
		node->known = true;
		atomic_fetch_add(&s->files, 1);
		ch_progress_add(s->progress, 1);
	}
	return 0;
}

/* Links to others have what those have. */
static void settle_links(struct ch_gittree *tree, struct ch_node *dir)
{
	for (size_t i = 0; i < dir->n; i++) {
		struct ch_node *node = &dir->kids[i];
		const struct ch_node *to = node->link ? ch_gittree_find(tree, node->link) : NULL;

		if (S_ISDIR(node->mode))
			settle_links(tree, node);
		if (!to)
			continue;
		node->oid = to->oid;
		node->large = to->large;
		node->known = to->known;
		node->stamp = to->stamp;
	}
}

int ch_blobs_store(struct ch_cache *cache, struct ch_writer *writer,
		   const struct ch_cache_image *image, struct ch_gittree *tree,
		   struct ch_cache_report *report, struct ch_err *err)
{
	ch_auto(mem) struct store *s = calloc(1, sizeof(*s));

	if (!s)
		return ch_err_nomem(err);
	s->cache = cache;
	s->writer = writer;
	s->progress = image->progress;
	s->root = image->root;
	s->tree = tree;

	int rc = collect(s, &tree->root, err);

	if (rc == 0)
		rc = ch_parallel(&(struct ch_parallel){ .threads = cache->options.threads,
							.n = s->n,
							.begin = begin,
							.work = store_batch,
							.end = end,
							.data = s },
				 err);
	free(s->list);
	report->files = atomic_load(&s->files);
	report->bytes = atomic_load(&s->bytes);
	if (rc == 0)
		settle_links(tree, &tree->root);
	return rc;
}
