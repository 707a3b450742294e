/* SPDX-License-Identifier: Apache-2.0 */
/* push.h - what is done beside answering, where blocks are larger than what the kernel asks for
 *
 * The kernel asks for 128 KiB at most, unless programs read more at once. With blocks larger
 * than that, a block would be unpacked again for each part, if the cache has lost it in
 * between. So what is left goes into the page cache by FUSE_NOTIFY_STORE, which pays for large
 * blocks only (doc/IMAGE-SERVER.md).
 *
 * And the kernel's readahead does not get into the next block before the end of this one: a
 * reader in sequence would wait for the whole of it. So that is unpacked ahead.
 *
 * This needs a thread of its own: storing waits for pages that are being read, and whoever
 * waits must not be the one to answer. */
#ifndef CH_FS_PUSH_H
#define CH_FS_PUSH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fs/blocks.h"

struct ch_push;

/* Pinned blocks that wait here at most, with the one being stored. */
#define CH_PUSH_PINS 5

/* A block of a file, of which the part [FROM, TO) is with the kernel already. What is behind
 * END is not the file's: storing it would make the file longer. TO <= END <= the block. */
struct ch_push_block {
	uint64_t node;
	uint64_t off; /* in the file */
	struct ch_pinned block;
	size_t from;
	size_t to;
	size_t end;
};

/* Borrows BLOCKS, of BLOCK_SIZE, and the descriptor. NULL: no memory. */
struct ch_push *ch_push_new(struct ch_blocks *blocks, size_t block_size, int fuse_fd);
void ch_push_free(struct ch_push *push);

/* Do the work: what a thread is to be made for. Without it, every offer is refused. */
void ch_push_run(struct ch_push *push) __attribute__((noreturn));

/* Returns true if the block will be stored, and unpinned then. Never waits. */
bool ch_push_offer(struct ch_push *push, const struct ch_push_block *block);

/* BLOCK will be wanted soon: it will be in the cache, unless there is too much to do. Never
 * waits. */
void ch_push_load(struct ch_push *push, struct ch_block block);

#endif
