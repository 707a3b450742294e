/* SPDX-License-Identifier: Apache-2.0 */
/* dirmeta.h - what Git cannot keep of a directory: one blob in its tree
 *
 * It says of the directory itself, and of each of its entries: mode, time of modification,
 * extended attributes, hard links; and which entries there are that Git has no kind for.
 * Directories that are the same share it. The format is in doc/BUILD-CACHE.md. */
#ifndef CH_CACHE_DIRMETA_H
#define CH_CACHE_DIRMETA_H

#include <stddef.h>
#include <stdint.h>

#include "cache/node.h"

struct ch_buf;
struct ch_err;
struct ch_pieces;

/* Of one file. Linux itself allows 64 KiB of names, and of each value. */
#define CH_XATTRS_MAX (1U << 20)

/* Begin the blob of DIR, and add its entries: first those in its tree, in the tree's order, then
 * the others. */
void ch_dirmeta_begin(struct ch_buf *to, const struct ch_node *dir);
void ch_dirmeta_add(struct ch_buf *to, const struct ch_node *node);

/* Read it: DIR gets what is said of itself. -EBADMSG. */
int ch_dirmeta_start(struct ch_pieces *from, struct ch_node *dir, struct ch_arena *arena,
		     struct ch_err *err);

/* The next entry. NODE's name stays as it is, except for a FIFO, which is the only one to bring
 * its own. */
int ch_dirmeta_next(struct ch_pieces *from, struct ch_node *node, struct ch_arena *arena,
		    struct ch_err *err);

/* Extended attributes are a block of them, sorted by name: its length (1 byte) and itself, the
 * value's length (4 bytes) and itself. Take the next one off FROM. Returns 1, 0 at the end, or
 * -EBADMSG; NAME gets a NUL. */
struct ch_xattr {
	char name[256];
	const uint8_t *value;
	uint32_t len;
};
int ch_xattr_next(struct ch_pieces *from, struct ch_xattr *ret_xattr);
void ch_xattr_add(struct ch_buf *to, const char *name, const void *value, uint32_t len);

#endif
