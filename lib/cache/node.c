/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/node.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"

#define CHUNK (256 << 10)

struct ch_arena_chunk {
	struct ch_arena_chunk *next;
	size_t size;
	max_align_t data[];
};

static struct ch_arena_chunk *new_chunk(size_t len)
{
	size_t size = len > CHUNK / 4 ? len : CHUNK;
	struct ch_arena_chunk *chunk = malloc(sizeof(*chunk) + size);

	if (chunk)
		chunk->size = size;
	return chunk;
}

void *ch_arena_get(struct ch_arena *arena, size_t len)
{
	struct ch_arena_chunk *first = arena->chunks;

	len = (len + _Alignof(max_align_t) - 1) / _Alignof(max_align_t) * _Alignof(max_align_t);
	if (!first || len > first->size - arena->used) {
		first = new_chunk(len);
		if (!first)
			return NULL;
		first->next = arena->chunks;
		arena->chunks = first;
		arena->used = 0;
	}

	void *p = (uint8_t *)first->data + arena->used;

	arena->used += len;
	return p;
}

void *ch_arena_copy(struct ch_arena *arena, const void *data, size_t len)
{
	void *p = ch_arena_get(arena, len);

	if (p && len)
		memcpy(p, data, len);
	return p;
}

void ch_gittree_done(struct ch_gittree *tree)
{
	while (tree->arena.chunks) {
		struct ch_arena_chunk *next = tree->arena.chunks->next;

		free(tree->arena.chunks);
		tree->arena.chunks = next;
	}
	*tree = (struct ch_gittree){ 0 };
}

int ch_nodes_add(struct ch_nodes *nodes, const struct ch_node *node, struct ch_err *err)
{
	if (nodes->n == nodes->cap) {
		size_t cap = nodes->cap ? 2 * nodes->cap : 32;
		struct ch_node *more = reallocarray(nodes->list, cap, sizeof(*more));

		if (!more)
			return ch_err_nomem(err);
		nodes->list = more;
		nodes->cap = cap;
	}
	nodes->list[nodes->n++] = *node;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	const struct ch_node *x = a, *y = b;

	return strcmp(x->name, y->name);
}

int ch_nodes_move(struct ch_nodes *nodes, struct ch_gittree *tree, struct ch_node *dir,
		  struct ch_err *err)
{
	if (nodes->n == 0)
		return 0;
	if (nodes->n > CH_NODES_MAX - tree->count)
		return ch_err_set(err, -EFBIG, "more than %u files", CH_NODES_MAX);
	qsort(nodes->list, nodes->n, sizeof(*nodes->list), by_name);
	for (size_t i = 1; i < nodes->n; i++)
		if (strcmp(nodes->list[i - 1].name, nodes->list[i].name) == 0)
			return ch_err_set(err, -EBADMSG, "the same name twice in a directory");
	dir->kids = ch_arena_copy(&tree->arena, nodes->list, nodes->n * sizeof(*nodes->list));
	if (!dir->kids)
		return ch_err_nomem(err);
	dir->n = nodes->n;
	tree->count += nodes->n;
	return 0;
}

struct ch_node *ch_node_find(const struct ch_node *dir, const char *name)
{
	struct ch_node key = { .name = name };

	if (!dir->n)
		return NULL;
	return bsearch(&key, dir->kids, dir->n, sizeof(*dir->kids), by_name);
}

struct ch_node *ch_gittree_find(const struct ch_gittree *tree, const char *path)
{
	const struct ch_node *node = &tree->root;
	char name[NAME_MAX + 1];

	while (node && *path) {
		size_t len = strcspn(path, "/");

		if (len == 0 || len > NAME_MAX)
			return NULL;
		memcpy(name, path, len);
		name[len] = '\0';
		node = ch_node_find(node, name);
		path += len + (path[len] == '/');
	}
	return (struct ch_node *)(uintptr_t)node;
}

void ch_node_stat(struct ch_node *node, const struct stat *st)
{
	node->mode = st->st_mode;
	node->mtime = st->st_mtim.tv_sec;
	node->mtime_nsec = (uint32_t)st->st_mtim.tv_nsec;
	node->stamp = (struct ch_stamp){
		.ino = st->st_ino,
		.size = (uint64_t)st->st_size,
		.ctime = st->st_ctim.tv_sec,
		.ctime_nsec = (uint32_t)st->st_ctim.tv_nsec,
	};
}

bool ch_node_is_same(const struct ch_node *a, const struct ch_node *b)
{
	return a->mode == b->mode && a->mtime == b->mtime && a->mtime_nsec == b->mtime_nsec &&
	       a->stamp.ino == b->stamp.ino && a->stamp.size == b->stamp.size &&
	       a->stamp.ctime == b->stamp.ctime && a->stamp.ctime_nsec == b->stamp.ctime_nsec;
}

int ch_way_down(struct ch_way *way, const char *name, size_t *ret_len, struct ch_err *err)
{
	size_t len = strlen(name);
	size_t at = way->len + (way->len > 0);

	if (at + len > CH_NODE_PATH_MAX || way->depth >= CH_NODE_DEPTH_MAX)
		return ch_err_set(err, -ENAMETOOLONG, "directories are nested too deep");
	*ret_len = way->len;
	if (way->len)
		way->path[way->len] = '/';
	memcpy(way->path + at, name, len + 1);
	way->len = at + len;
	way->depth++;
	return 0;
}

void ch_way_up(struct ch_way *way, size_t len)
{
	way->len = len;
	way->path[len] = '\0';
	way->depth--;
}
