/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "archive/entry.h"
#include "archive/entry_xattrs.h"
#include "archive/walk_inner.h"
#include "base/auto.h"
#include "base/err.h"
#include "hash/hash.h"
#include "sys/names.h"
#include "sys/threads.h"

/* Directories are looked into by several threads, each directory by one of them: what it finds is a
 * hash, and more directories. The state is a hash of all these, in the order of their paths. */

enum { THREADS = 8 };

struct node {
	struct node *next;
	struct node *in; /* counted, until this one is open; NULL: this is the root */
	struct ch_walk_dir dir;
	unsigned users; /* itself until it was looked into, and those in it until they are open */
	mode_t mode;
	unsigned depth;
	uint8_t hash[CH_SHA256_BYTES];
	size_t name; /* where it begins in the path */
	char path[];
};

struct state {
	const struct ch_walk_how *how;
	int root;

	pthread_mutex_t lock; /* of what follows, and the nodes' next and users */
	pthread_cond_t change;
	struct node *todo; /* owned; the last one first: few are open then */
	struct node *done; /* owned */
	size_t n_done;
	unsigned n_active; /* threads that may find more */
	bool failed;
	struct ch_err err; /* the first one */
	struct ch_walked walked;
};

/* ---- one directory ------------------------------------------------------------------------- */

/* A thread, and what it finds in a directory */
struct look {
	struct state *s;
	struct node *node;
	struct node *found; /* owned */
	unsigned n_found;
	struct ch_hash hash;
	struct ch_walked walked;
	char path[CH_WALK_PATH_MAX + 1]; /* of an entry */
};

static struct node *new_node(const char *path)
{
	size_t size = strlen(path) + 1;
	struct node *node = calloc(1, sizeof(*node) + size);

	if (!node)
		return NULL;
	node->dir = CH_WALK_DIR_INIT;
	node->users = 1;
	memcpy(node->path, path, size);
	return node;
}

/* Not the time of change of what is made readable for the moment: it is one of ours. */
static void hash_stat(struct ch_hash *hash, const char *name, const struct stat *st)
{
	bool is_dir = S_ISDIR(st->st_mode), has_ctime = !is_dir && (st->st_mode & S_IRUSR);
	const int64_t facts[] = {
		st->st_mode,
		is_dir ? 0 : (int64_t)st->st_ino,
		is_dir ? 0 : st->st_size,
		st->st_mtim.tv_sec,
		st->st_mtim.tv_nsec,
		has_ctime ? st->st_ctim.tv_sec : 0,
		has_ctime ? st->st_ctim.tv_nsec : 0,
	};

	ch_hash_more(hash, name, strlen(name) + 1);
	ch_hash_more(hash, facts, sizeof(facts));
}

static void hash_xattrs(struct ch_hash *hash, const struct ch_entry_xattrs *x)
{
	for (size_t i = 0; i < x->n; i++) {
		const struct ch_entry_xattr *xattr = &x->list[i];
		const uint64_t len = xattr->len;

		ch_hash_more(hash, xattr->name, strlen(xattr->name) + 1);
		ch_hash_more(hash, &len, sizeof(len));
		ch_hash_more(hash, xattr->value, xattr->len);
	}
}

/* The path of the entry NAME, to look->path. ret_name: where the name begins in it */
static int set_path(struct look *look, const char *name, size_t *ret_name, struct ch_err *err)
{
	const struct node *in = look->node;
	size_t len = strlen(in->path), slash = len > 0, more = strlen(name);

	if (len + slash + more > CH_WALK_PATH_MAX || in->depth == CH_WALK_DEPTH_MAX)
		return ch_err_rc(err, -ENAMETOOLONG, "read directory '/%s'", in->path);
	memcpy(look->path, in->path, len);
	if (slash)
		look->path[len] = '/';
	memcpy(look->path + len + slash, name, more + 1);
	*ret_name = len + slash;
	return 0;
}

/* The directory look->path is to be looked into. */
static int add_found(struct look *look, size_t name, mode_t mode, struct ch_err *err)
{
	struct node *node = new_node(look->path);

	if (!node)
		return ch_err_nomem(err);
	node->in = look->node;
	node->mode = mode;
	node->depth = look->node->depth + 1;
	node->name = name;
	node->next = look->found;
	look->found = node;
	look->n_found++;
	return 0;
}

static int look_at(struct look *look, const char *name, struct ch_err *err)
{
	const struct ch_walk_how *how = look->s->how;
	struct stat st;
	size_t at = 0;

	if (ch_walk_check(how, err) < 0 || set_path(look, name, &at, err) < 0)
		return err->code;
	if (how->is_left && how->is_left(how->data, look->path))
		return 0;
	if (fstatat(look->node->dir.fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return ch_err_sys(err, "look at '/%s'", look->path);
	if (ch_walk_leaves(st.st_mode, &look->walked))
		return 0;
	hash_stat(&look->hash, name, &st);
	look->walked.entries++;
	look->walked.bytes += S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
	return S_ISDIR(st.st_mode) ? add_found(look, at, st.st_mode, err) : 0;
}

static int open_node(struct look *look, struct ch_err *err)
{
	struct node *node = look->node;
	int dir = node->in ? node->in->dir.fd : look->s->root;
	const char *name = node->in ? node->path + node->name : ".";
	int rc = ch_walk_dir_open(dir, name, node->mode, &node->dir);

	return rc < 0 ? ch_err_rc(err, rc, "open directory '/%s'", node->path) : 0;
}

static int look_into(struct look *look, struct ch_err *err)
{
	ch_auto(entry_xattrs) struct ch_entry_xattrs x = { 0 };
	ch_auto(names) struct ch_names names = { 0 };
	struct node *node = look->node;
	int rc;

	if (open_node(look, err) < 0 ||
	    ch_walk_xattrs(look->s->how, node->dir.fd, node->path, &x, err) < 0 ||
	    ch_hash_start(&look->hash, CH_SHA256, err) < 0)
		return err->code;
	hash_xattrs(&look->hash, &x);
	rc = ch_names_read(node->dir.fd, &names);
	if (rc < 0)
		return ch_err_rc(err, rc, "read directory '/%s'", node->path);
	for (size_t i = 0; i < names.n; i++)
		if (look_at(look, names.list[i], err) < 0)
			return err->code;
	ch_hash_end(&look->hash, node->hash);
	return 0;
}

/* ---- all of them --------------------------------------------------------------------------- */

static void push(struct node **list, struct node *node)
{
	node->next = *list;
	*list = node;
}

static struct node *pop(struct node **list)
{
	struct node *node = *list;

	if (node)
		*list = node->next;
	return node;
}

static void release(struct node *node)
{
	if (node && --node->users == 0)
		ch_walk_dir_close(&node->dir);
}

/* It was looked into; RC: with what result, as ERR says */
static void finish(struct look *look, int rc, const struct ch_err *err)
{
	struct state *s = look->s;
	struct node *node = look->node, *found;

	if (rc < 0 && !s->failed) {
		s->failed = true;
		s->err = *err;
	}
	s->walked.entries += look->walked.entries;
	s->walked.bytes += look->walked.bytes;
	s->walked.devices += look->walked.devices;
	s->walked.sockets += look->walked.sockets;
	node->users += look->n_found;
	while ((found = pop(&look->found)))
		push(&s->todo, found);
	release(node->in);
	release(node);
	push(&s->done, node);
	s->n_done++;
}

/* Returns false if nothing is left to do. */
static bool take_next(struct look *look)
{
	struct state *s = look->s;

	while (!s->todo && s->n_active > 0 && !s->failed)
		pthread_cond_wait(&s->change, &s->lock);
	if (s->failed)
		return false;
	look->node = pop(&s->todo);
	look->n_found = 0;
	look->walked = (struct ch_walked){ 0 };
	return look->node;
}

static void work(void *data)
{
	struct state *s = data;
	struct look look = { .s = s };

	pthread_mutex_lock(&s->lock);
	while (take_next(&look)) {
		struct ch_err err;
		int rc;

		s->n_active++;
		pthread_mutex_unlock(&s->lock);
		rc = look_into(&look, &err);
		pthread_mutex_lock(&s->lock);
		finish(&look, rc, &err);
		s->n_active--;
		pthread_cond_broadcast(&s->change);
	}
	pthread_mutex_unlock(&s->lock);
	ch_hash_done(&look.hash);
}

static void free_nodes(struct node *list)
{
	struct node *node;

	while ((node = pop(&list))) {
		ch_walk_dir_close(&node->dir);
		free(node);
	}
}

static void ch_auto_state(struct state *s)
{
	free_nodes(s->todo);
	free_nodes(s->done);
	pthread_cond_destroy(&s->change);
	pthread_mutex_destroy(&s->lock);
}

static int by_path(const void *a, const void *b)
{
	const struct node *const *one = a, *const *two = b;

	return strcmp((*one)->path, (*two)->path);
}

static int hash_all(const struct state *s, struct ch_hash *hash, struct ch_err *err)
{
	ch_auto(mem) struct node **nodes = calloc(s->n_done, sizeof(*nodes));
	size_t n = 0;

	if (!nodes)
		return ch_err_nomem(err);
	for (struct node *node = s->done; node; node = node->next)
		nodes[n++] = node;
	qsort(nodes, n, sizeof(*nodes), by_path);
	for (size_t i = 0; i < n; i++) {
		ch_hash_more(hash, nodes[i]->path, strlen(nodes[i]->path) + 1);
		ch_hash_more(hash, nodes[i]->hash, sizeof(nodes[i]->hash));
	}
	return 0;
}

int ch_walk_state(int root, const struct ch_walk_how *how, uint8_t *ret_state,
		  struct ch_walked *ret_walked, struct ch_err *err)
{
	ch_auto(hash) struct ch_hash hash = { 0 };
	ch_auto(state) struct state s = { .how = how, .root = root, .walked.entries = 1 };
	struct stat st;

	pthread_mutex_init(&s.lock, NULL);
	pthread_cond_init(&s.change, NULL);
	if (fstat(root, &st) < 0)
		return ch_err_sys(err, "look at '/'");
	s.todo = new_node("");
	if (!s.todo)
		return ch_err_nomem(err);
	s.todo->mode = st.st_mode;
	ch_threads_run(THREADS, 1, work, &s);
	if (s.failed) {
		*err = s.err;
		return err->code;
	}
	if (ch_hash_start(&hash, CH_SHA256, err) < 0)
		return err->code;
	hash_stat(&hash, "", &st);
	if (hash_all(&s, &hash, err) < 0)
		return err->code;
	ch_hash_end(&hash, ret_state);
	*ret_walked = s.walked;
	return 0;
}
