/* SPDX-License-Identifier: Apache-2.0 */
/* blockmap.h - where the blocks of a file are
 *
 * An inode lists only the sizes of its blocks: the position of one is the sum of all sizes
 * before it. For large files, sums along the way are remembered, for a few files at once. */
#ifndef CH_FS_BLOCKMAP_H
#define CH_FS_BLOCKMAP_H

#include <stdint.h>

#include "fs/blocks.h"

struct ch_blockmap;
struct ch_inode;

struct ch_blockmap *ch_blockmap_new(const struct ch_squash *image); /* NULL: no memory */
void ch_blockmap_free(struct ch_blockmap *map);

/* How many entries has INODE's list? A tail in a fragment has none. */
uint64_t ch_blockmap_count(const struct ch_squash *image, const struct ch_inode *inode);

/* Block INDEX, which must be less than the count. Thread-safe. Returns 0 or -EIO. */
int ch_blockmap_find(struct ch_blockmap *map, const struct ch_inode *inode, uint64_t index,
		     struct ch_block *ret_block);

#endif
