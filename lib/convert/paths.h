/* SPDX-License-Identifier: Apache-2.0 */
/* paths.h - a set of paths, as a tree of names
 *
 * Paths are plain (archive/entry.h). Nodes are numbers, which stay; what is known of each is the
 * caller's: an array that goes by them. */
#ifndef CH_CONVERT_PATHS_H
#define CH_CONVERT_PATHS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define CH_PATHS_ROOT 0U
#define CH_PATHS_NONE UINT32_MAX

struct ch_paths_node {
	uint32_t parent;
	uint32_t next; /* with the same hash */
	size_t name;   /* offset in the names */
	size_t len;
};

/* All zero: not even the root is in it, till something is added. */
struct ch_paths {
	struct ch_paths_node *nodes; /* owned */
	size_t n, cap;
	uint32_t *heads; /* owned: hash table */
	size_t n_heads;
	uint64_t seed; /* of its hashes */
	char *names;   /* owned; one after the other */
	size_t names_len, names_cap;
};

/* The node of PATH, which is added, with all above it, if it is not there.
 * Returns CH_PATHS_NONE without memory. */
uint32_t ch_paths_add(struct ch_paths *paths, const char *path, size_t len);

/* The node of NAME in the directory PARENT, added in the same way. */
uint32_t ch_paths_child(struct ch_paths *paths, uint32_t parent, const char *name, size_t len);

/* Append the path of NODE. */
void ch_paths_text(const struct ch_paths *paths, uint32_t node, struct ch_buf *out);

void ch_paths_done(struct ch_paths *paths);

static inline void ch_auto_paths(struct ch_paths *paths)
{
	ch_paths_done(paths);
}

#endif
