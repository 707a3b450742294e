/* SPDX-License-Identifier: Apache-2.0 */
/* blocks.h - cache of unpacked data blocks and fragments
 *
 * One cache for all threads, of bounded size. A block that is wanted by several is
 * unpacked once; the others wait for it. Blocks in use are pinned: no lock is held while
 * one is filled or read.
 *
 * The kernel keeps what it has read, so a block that has been given out completely is the
 * first to go: what is read once from beginning to end goes through a few blocks of memory,
 * which stay in the processor's cache. Of the others, the one not used for longest goes. */
#ifndef CH_FS_BLOCKS_H
#define CH_FS_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ch_blocks;
struct ch_squash;

/* A block as the image describes it. */
struct ch_block {
	uint64_t pos;
	uint32_t header; /* size in the image, and whether it is compressed */
};

/* Size of a block in the image; 0 means a hole. */
static inline uint32_t ch_block_size(uint32_t header)
{
	return header & ~(1U << 24);
}

/* pins: how many blocks may be pinned at the same time. NULL: no memory. */
struct ch_blocks *ch_blocks_new(const struct ch_squash *image, size_t pins);
void ch_blocks_free(struct ch_blocks *blocks);

/* An unpacked block that stays where it is until ch_blocks_put(). */
struct ch_pinned {
	const uint8_t *data;
	size_t len;
	size_t slot;
	bool fresh; /* was unpacked for this */
};

/* Get block WANT unpacked, and pin it.
 *
 * scratch: a buffer of the image's block size, for the packed data
 * Returns 0 or -EIO. */
int ch_blocks_get(struct ch_blocks *blocks, struct ch_block want, void *scratch,
		  struct ch_pinned *ret_block);

/* Unpin it; USED bytes of it were given to the kernel. */
void ch_blocks_put(struct ch_blocks *blocks, const struct ch_pinned *block, size_t used);

#endif
