/* SPDX-License-Identifier: Apache-2.0 */
/* squash_blocks.h - compressed blocks go to the image, and what their files need to know of them
 *
 * The block processor of libsquashfs brings them in the order in which they were given to it,
 * in the thread that gives it more. A file whose blocks are all there already, in the same
 * order, is cut off again. (The library's own writer finds more, a file in the midst of another;
 * but it compares each file with all blocks.) */
#ifndef CH_CONVERT_SQUASH_BLOCKS_H
#define CH_CONVERT_SQUASH_BLOCKS_H

#include <stdbool.h>
#include <stdint.h>

#include <sqfs/block_writer.h>
#include <sqfs/frag_table.h>

#include "convert/squash_out.h"
#include "convert/squash_seen.h"

struct ch_squash_file;

/* In a file's list of blocks: one that was given to the block processor. No block has this
 * size. */
#define CH_SQUASH_PENDING 0xffffffffU

struct ch_squash_blocks {
	sqfs_block_writer_t base;
	struct ch_squash_out *out;    /* borrowed */
	sqfs_frag_table_t *fragments; /* borrowed; gets the fragment blocks, in their order */
	uint64_t count;
	bool is_given_up;	     /* nothing is written any more */
	struct ch_squash_file *file; /* that blocks came for last; NULL: a fragment block */
	uint32_t next;		     /* block of FILE */
	uint64_t start;		     /* of FILE in the image */
	uint64_t key;		     /* hash of FILE's blocks so far */
	struct ch_squash_seen seen;  /* files */
};

/* The user pointer of a block is its file (struct ch_squash_file), or NULL: a fragment block. */
void ch_squash_blocks_init(struct ch_squash_blocks *blocks, struct ch_squash_out *out,
			   sqfs_frag_table_t *fragments);

/* There are no more blocks. Returns 0 or an SQFS_ERROR. */
int ch_squash_blocks_end(struct ch_squash_blocks *blocks);

void ch_squash_blocks_done(struct ch_squash_blocks *blocks);

#endif
