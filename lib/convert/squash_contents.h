/* SPDX-License-Identifier: Apache-2.0 */
/* squash_contents.h - contents of files become blocks and fragments
 *
 * A file is cut into blocks, which the block processor of libsquashfs compresses in several
 * threads. Files that are smaller than a block are put together to fragment blocks, in the order
 * they come. That is done here, not by the library's own functions for it: these pass each small
 * file through the threads on its own, so that hardly anything is left to be done at the same
 * time where files are small. Small files that are the same are stored once: told by SHA-256, so
 * there is no need to look at the other one again. The ends of larger files are blocks of their
 * own, which are quicker to read. */
#ifndef CH_CONVERT_SQUASH_CONTENTS_H
#define CH_CONVERT_SQUASH_CONTENTS_H

#include <stddef.h>
#include <stdint.h>

#include <sqfs/block_processor.h>
#include <sqfs/compressor.h>

#include "convert/squash_blocks.h"
#include "convert/squash_seen.h"
#include "hash/hash.h"

struct ch_err;
struct ch_squash_file;
struct ch_squash_tree;

struct ch_squash_contents {
	sqfs_block_processor_t *processor; /* owned */
	struct ch_squash_blocks blocks;
	struct ch_squash_tree *tree; /* borrowed: has the lists of blocks */
	uint32_t block_size;
	uint64_t blocks_left; /* that the files of an image may have */

	struct ch_squash_file *file; /* that data is for; or NULL */
	uint64_t at;		     /* so much of it is there */
	uint8_t *block;		     /* owned: what is not yet a whole block */

	uint8_t *fragment; /* owned: small files */
	uint32_t fragment_fill;
	uint32_t fragments; /* that were given to the processor */
	struct ch_squash_seen seen;
	struct ch_hash hash;
};

/* threads: that compress; at least 1, but fewer are no failure
 * compressor: borrowed for this call */
int ch_squash_contents_init(struct ch_squash_contents *contents, struct ch_squash_tree *tree,
			    struct ch_squash_out *out, sqfs_frag_table_t *fragments,
			    sqfs_compressor_t *compressor, uint32_t block_size, unsigned threads,
			    struct ch_err *err);
void ch_squash_contents_done(struct ch_squash_contents *contents);

/* FILE's contents come now; PATH is for messages. */
int ch_squash_contents_begin(struct ch_squash_contents *contents, struct ch_squash_file *file,
			     const char *path, struct ch_err *err);

/* As in entry.h. */
int ch_squash_contents_add(struct ch_squash_contents *contents, uint64_t off, const void *data,
			   size_t len, struct ch_err *err);

/* What is left of the file are holes. */
int ch_squash_contents_end(struct ch_squash_contents *contents, struct ch_err *err);

/* There are no more files: wait till all are written. */
int ch_squash_contents_finish(struct ch_squash_contents *contents, struct ch_err *err);

#endif
