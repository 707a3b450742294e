/* SPDX-License-Identifier: Apache-2.0 */
/* squash_order.h - the order in which inodes and directories are written
 *
 * A directory comes behind those in it. The inodes of what is in one directory are neighbours,
 * in the order of their names, and so are their numbers. */
#ifndef CH_CONVERT_SQUASH_ORDER_H
#define CH_CONVERT_SQUASH_ORDER_H

#include <stddef.h>
#include <stdint.h>

struct ch_squash_inode;
struct ch_squash_name;
struct ch_squash_tree;

struct ch_squash_listing {
	struct ch_squash_inode *dir;
	struct ch_squash_name **names; /* in the order of their bytes */
	size_t n;
};

struct ch_squash_order {
	struct ch_squash_listing *listings; /* owned; the root's is the last one */
	size_t n, room;
	struct ch_squash_name **names; /* owned: those of all listings */
	uint32_t inodes;
};

/* Find the order, and fill in the inodes' numbers and counts of links.
 * Errors: -ENOMEM, -EFBIG more inodes than there are numbers. */
int ch_squash_order_make(struct ch_squash_tree *tree, struct ch_squash_order *ret_order);

void ch_squash_order_done(struct ch_squash_order *order);

static inline void ch_auto_squash_order(struct ch_squash_order *order)
{
	ch_squash_order_done(order);
}

#endif
