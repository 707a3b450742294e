/* SPDX-License-Identifier: Apache-2.0 */
/* node.h - a tree of files in memory: of an image, a commit, or a stat file
 *
 * Whatever they come from, trees have the same shape, with the entries of each directory
 * sorted by name, so that two of them are compared by going along both. */
#ifndef CH_CACHE_NODE_H
#define CH_CACHE_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "cache/oid.h"

struct ch_err;
struct stat;

/* What we refuse beyond: of images, and of repositories that somebody else made. */
#define CH_NODE_DEPTH_MAX 512
#define CH_NODE_PATH_MAX  4095
#define CH_NODES_MAX	  (4U << 20)

/* How a file was when its content was known. */
struct ch_stamp {
	uint64_t ino;
	uint64_t size;
	int64_t ctime;
	uint32_t ctime_nsec;
};

struct ch_node {
	const char *name; /* "" of the root; in the arena, as all below */
	struct ch_node *kids;
	size_t n;
	uint32_t mode; /* as in struct stat */
	uint32_t mtime_nsec;
	int64_t mtime;
	struct ch_stamp stamp; /* zero in trees of commits */
	bool known;	       /* oid and xattrs are those of the file as STAMP has it */
	bool large;	       /* the content is beside the repository, and oid tells where */
	bool dirty;	       /* check-out: it has been made anew, or something in it */
	struct ch_oid oid;     /* blob of a file or link; tree of a directory, if read */
	const uint8_t *xattrs; /* see dirmeta.h; NULL for none */
	uint32_t xattrs_len;
	const char *link; /* hard link: path of the first one in the tree, from its root; NULL */
};

/* Memory that lives as long as a tree. For one thread at a time. */
struct ch_arena {
	struct ch_arena_chunk *chunks;
	size_t used;
};

/* Returns NULL if there is no memory. Aligned for all of the above. */
void *ch_arena_get(struct ch_arena *arena, size_t len);
void *ch_arena_copy(struct ch_arena *arena, const void *data, size_t len);

struct ch_gittree {
	struct ch_arena arena;
	struct ch_node root;
	size_t count; /* nodes */
};

void ch_gittree_done(struct ch_gittree *tree);

static inline void ch_auto_gittree(struct ch_gittree *tree)
{
	ch_gittree_done(tree);
}

/* A growing list of nodes, before they are moved to the arena. */
struct ch_nodes {
	struct ch_node *list; /* owned */
	size_t n, cap;
};

int ch_nodes_add(struct ch_nodes *nodes, const struct ch_node *node, struct ch_err *err);

/* Sort the list, and make it the entries of DIR. -EBADMSG: two have the same name. */
int ch_nodes_move(struct ch_nodes *nodes, struct ch_gittree *tree, struct ch_node *dir,
		  struct ch_err *err);

static inline void ch_auto_nodes(struct ch_nodes *nodes)
{
	free(nodes->list);
}

/* The entry NAME of DIR, or NULL. */
struct ch_node *ch_node_find(const struct ch_node *dir, const char *name);

/* What is at PATH, "" for the root, or NULL. */
struct ch_node *ch_gittree_find(const struct ch_gittree *tree, const char *path);

/* Mode, times and stamp of NODE are those of ST. */
void ch_node_stat(struct ch_node *node, const struct stat *st);

/* Is a file as it was, for all that stat(2) says? */
bool ch_node_is_same(const struct ch_node *a, const struct ch_node *b);

/* A path from a tree's root that grows and shrinks. */
struct ch_way {
	char path[CH_NODE_PATH_MAX + 1];
	size_t len;
	unsigned depth;
};

/* Go down to NAME: *RET_LEN is for ch_way_up. -ENAMETOOLONG: too long, or too deep. */
int ch_way_down(struct ch_way *way, const char *name, size_t *ret_len, struct ch_err *err);
void ch_way_up(struct ch_way *way, size_t len);

#endif
