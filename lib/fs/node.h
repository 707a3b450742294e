/* SPDX-License-Identifier: Apache-2.0 */
/* node.h - FUSE node ids from inode references, and back
 *
 * The id is a function of the image alone, so that a restarted server knows every id its
 * predecessor gave out, also for images without export table. 1 is the root for the
 * kernel; other inodes are their reference + 2, so that reference 0 works. */
#ifndef CH_FS_NODE_H
#define CH_FS_NODE_H

#include <stdbool.h>
#include <stdint.h>

#define CH_NODE_ROOT 1

static inline uint64_t ch_node_id(uint64_t root, uint64_t ref)
{
	return ref == root ? CH_NODE_ROOT : ref + 2;
}

/* Returns false for what no image has. */
static inline bool ch_node_ref(uint64_t root, uint64_t id, uint64_t *ret_ref)
{
	if (id == 0 || (id > CH_NODE_ROOT && (id - 2) >> 48))
		return false;
	*ret_ref = id == CH_NODE_ROOT ? root : id - 2;
	return true;
}

#endif
