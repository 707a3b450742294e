/* SPDX-License-Identifier: Apache-2.0 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/progress.h"
#include "build/copy.h"
#include "build/copy_plan.h"
#include "build/download.h"
#include "build/statcache.h"
#include "hash/hash.h"
#include "sys/threads.h"

enum {
	PIECE = 128 * 1024,
	FILES_PER_THREAD = 16, /* fewer are not worth one */
};

/* A file whose hash is wanted */
struct file {
	const struct ch_tree *tree;
	const struct ch_tree_entry *entry;
	size_t index;	 /* of its hash */
	struct stat st;	 /* when it was read */
	int64_t before;	 /* the time then */
	bool is_settled; /* it did not change meanwhile */
	uint8_t hash[CH_SHA256_BYTES];
};

struct job {
	struct ch_progress *progress;
	struct file *files; /* owned: those to be read */
	size_t n;
	atomic_size_t next;
	atomic_bool failed;
	pthread_mutex_t lock; /* of err */
	struct ch_err *err;
};

static int read_file(struct file *file, struct ch_hash *hash, void *piece,
		     struct ch_progress *progress, struct ch_err *err)
{
	const char *path = file->entry->source;
	int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
	ch_auto(fd) int fd = ch_within_open(file->tree->root, path, flags);
	struct stat after;
	ssize_t got;

	if (fd < 0)
		return ch_err_rc(err, fd, "read '%s'", path);
	if (ch_hash_start(hash, CH_SHA256, err) < 0)
		return err->code;
	file->before = ch_statcache_now();
	if (fstat(fd, &file->st) < 0)
		return ch_err_sys(err, "read '%s'", path);
	while ((got = read(fd, piece, PIECE)) > 0) {
		ch_hash_more(hash, piece, (size_t)got);
		ch_progress_add(progress, (uint64_t)got);
	}
	if (got < 0 || fstat(fd, &after) < 0)
		return ch_err_sys(err, "read '%s'", path);
	ch_hash_end(hash, file->hash);
	file->is_settled = after.st_size == file->st.st_size &&
			   after.st_ctim.tv_sec == file->st.st_ctim.tv_sec &&
			   after.st_ctim.tv_nsec == file->st.st_ctim.tv_nsec;
	return 0;
}

/* A thread: reads what no other one does. */
static void read_files(void *data)
{
	struct job *job = data;
	ch_auto(hash) struct ch_hash hash = { 0 };
	ch_auto(mem) void *piece = malloc(PIECE);
	struct ch_err err;

	for (size_t i; !job->failed && (i = job->next++) < job->n;) {
		int rc = piece ? read_file(&job->files[i], &hash, piece, job->progress, &err)
			       : ch_err_nomem(&err);

		if (rc == 0)
			continue;
		pthread_mutex_lock(&job->lock);
		if (!job->failed)
			*job->err = err;
		job->failed = true;
		pthread_mutex_unlock(&job->lock);
	}
}

/* ---- which files are to be read -------------------------------------------------------- */

/* The hashes of all entries of a plan, one after the other; only those of files count. */
typedef uint8_t content_hash[CH_SHA256_BYTES];

/* Take the hashes of the files of TREE from CACHE, and what it lacks into JOB. FIRST: the index
 * of the tree's first entry. */
static void look_up(const struct ch_tree *tree, size_t first, struct ch_statcache *cache,
		    content_hash *hashes, struct job *job)
{
	for (size_t i = 0; i < tree->n; i++) {
		const struct ch_tree_entry *e = &tree->entries[i];

		if (S_ISREG(e->st.st_mode) && e->same_as == CH_TREE_NONE &&
		    !(cache && ch_statcache_find(cache, &e->st, hashes[first + i])))
			job->files[job->n++] = (struct file){
				.tree = tree,
				.entry = e,
				.index = first + i,
			};
	}
}

/* What was read is known from now on. */
static int keep(const struct job *job, struct ch_statcache *cache, content_hash *hashes,
		struct ch_err *err)
{
	for (size_t i = 0; i < job->n; i++) {
		const struct file *file = &job->files[i];

		memcpy(hashes[file->index], file->hash, sizeof(file->hash));
		if (cache && file->is_settled &&
		    ch_statcache_note(cache, &file->st, file->before, file->hash, err) < 0)
			return err->code;
	}
	if (cache)
		ch_statcache_sort(cache);
	return 0;
}

static int hash_files(const struct ch_copy_plan *plan, size_t total, struct ch_statcache *cache,
		      content_hash *hashes, struct ch_err *err)
{
	ch_auto(mem) struct file *files = calloc(total ? total : 1, sizeof(*files));
	ch_auto(progress) struct ch_progress *progress = ch_progress_new("reading",
									 CH_PROGRESS_BYTES, 0);
	struct job job = {
		.progress = progress,
		.files = files,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.err = err,
	};

	if (!files)
		return ch_err_nomem(err);
	for (size_t i = 0, first = 0; i < plan->n; first += plan->items[i++].tree.n)
		look_up(&plan->items[i].tree, first, cache, hashes, &job);
	for (size_t i = 0; i < job.n; i++)
		ch_progress_expect(progress, (uint64_t)files[i].entry->st.st_size);
	ch_threads_run(job.n, FILES_PER_THREAD, read_files, &job);
	return job.failed ? err->code : keep(&job, cache, hashes, err);
}

/* ---- the hash of all --------------------------------------------------------------------- */

static void add_text(struct ch_hash *hash, const char *text)
{
	ch_hash_more(hash, text, strlen(text) + 1);
}

static void add_number(struct ch_hash *hash, uint64_t number)
{
	uint64_t le = htole64(number);

	ch_hash_more(hash, &le, sizeof(le));
}

static void add_tree(struct ch_hash *hash, const struct ch_tree *tree, const content_hash *hashes)
{
	add_number(hash, tree->n);
	for (size_t i = 0; i < tree->n; i++) {
		const struct ch_tree_entry *e = &tree->entries[i];

		add_text(hash, e->path);
		/* Links have no mode of their own. */
		add_number(hash, S_ISLNK(e->st.st_mode) ? S_IFLNK : e->st.st_mode);
		if (S_ISLNK(e->st.st_mode))
			add_text(hash, e->target);
		if (S_ISREG(e->st.st_mode))
			ch_hash_more(hash, hashes[e->same_as == CH_TREE_NONE ? i : e->same_as],
				     sizeof(*hashes));
	}
}

static void add_item(struct ch_hash *hash, const struct ch_copy_item *item,
		     const content_hash *hashes)
{
	add_number(hash, item->kind);
	add_text(hash, item->into);
	if (item->source && item->source->download) {
		add_text(hash, item->source->download->digest);
		return;
	}
	if (item->kind != CH_COPY_TEXT) {
		add_tree(hash, &item->tree, hashes);
		return;
	}
	add_text(hash, item->source->path);
	add_number(hash, item->source->len);
	ch_hash_more(hash, item->source->text, item->source->len);
}

int ch_copy_hash(const struct ch_copy_plan *plan, struct ch_statcache *cache, uint8_t *ret_hash,
		 struct ch_err *err)
{
	ch_auto(hash) struct ch_hash hash = { 0 };
	size_t total = 0;

	for (size_t i = 0; i < plan->n; i++)
		total += plan->items[i].tree.n;

	ch_auto(mem) content_hash *hashes = calloc(total ? total : 1, sizeof(*hashes));

	if (!hashes)
		return ch_err_nomem(err);
	if (hash_files(plan, total, cache, hashes, err) < 0 ||
	    ch_hash_start(&hash, CH_SHA256, err) < 0)
		return err->code;
	for (size_t i = 0, first = 0; i < plan->n; first += plan->items[i++].tree.n)
		add_item(&hash, &plan->items[i], (const content_hash *)hashes + first);
	ch_hash_end(&hash, ret_hash);
	return 0;
}
