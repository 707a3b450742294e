/* SPDX-License-Identifier: Apache-2.0 */
#include "convert/squash_contents.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <sqfs/block.h>
#include <sqfs/error.h>

#include "base/err.h"
#include "convert/squash_tree.h"

/* A list of blocks is in memory when the inode is written: 256 MiB for all of them. */
#define BLOCKS_MAX (1ULL << 26)

/* Blocks under way: enough that no thread waits while the next are read. */
enum { WAITING_EACH = 8, WAITING_BYTES = 256 << 20 };

static int submit(struct ch_squash_contents *c, struct ch_squash_file *file, const void *data,
		  size_t len, struct ch_err *err)
{
	/* Fragment blocks are never holes: files have a place in them. */
	int rc = sqfs_block_processor_submit_block(c->processor, file,
						   file ? 0 : SQFS_BLK_IGNORE_SPARSE, data, len);

	return rc < 0 ? ch_squash_fault(c->blocks.out, rc, "compress", err) : 0;
}

/* ---- small files ------------------------------------------------------------------- */

static int flush_fragment(struct ch_squash_contents *c, struct ch_err *err)
{
	uint32_t len = c->fragment_fill;

	if (len == 0)
		return 0;
	c->fragment_fill = 0;
	c->fragments++;
	return submit(c, NULL, c->fragment, len, err);
}

/* DATA is a whole small file. */
static int add_small(struct ch_squash_contents *c, const void *data, uint32_t len,
		     struct ch_err *err)
{
	union {
		uint8_t bytes[CH_SHA256_BYTES];
		uint64_t key[CH_SQUASH_KEY];
	} sum;
	uint64_t where;
	int rc;

	if (ch_hash_start(&c->hash, CH_SHA256, err) < 0)
		return err->code;
	ch_hash_more(&c->hash, data, len);
	ch_hash_end(&c->hash, sum.bytes);
	if (c->fragment_fill + len > c->block_size && flush_fragment(c, err) < 0)
		return err->code;
	where = (uint64_t)c->fragments << 32 | c->fragment_fill;
	rc = ch_squash_seen_at(&c->seen, sum.key, where, &where);
	if (rc < 0)
		return ch_err_nomem(err);
	if (rc == 0) {
		memcpy(c->fragment + c->fragment_fill, data, len);
		c->fragment_fill += len;
	}
	c->file->fragment = (uint32_t)(where >> 32);
	c->file->offset = (uint32_t)where;
	return 0;
}

/* ---- files ------------------------------------------------------------------------- */

static bool is_small(const struct ch_squash_contents *c)
{
	return c->file->size < c->block_size;
}

/* How much of the block that begins at POS is file? */
static uint32_t block_len(const struct ch_squash_contents *c, uint64_t pos)
{
	uint64_t left = c->file->size - pos;

	return left < c->block_size ? (uint32_t)left : c->block_size;
}

/* The block that ends where we are, is complete. */
static int add_block(struct ch_squash_contents *c, const void *data, uint32_t len,
		     struct ch_err *err)
{
	if (is_small(c))
		return add_small(c, data, len, err);
	c->file->blocks[(c->at - 1) / c->block_size] = CH_SQUASH_PENDING;
	return submit(c, c->file, data, len, err);
}

static int make_list(struct ch_squash_contents *c, uint64_t n, struct ch_err *err)
{
	c->file->n_blocks = (uint32_t)n;
	c->file->blocks = ch_squash_tree_alloc(c->tree, n * sizeof(*c->file->blocks));
	return c->file->blocks ? 0 : ch_err_nomem(err);
}

int ch_squash_contents_begin(struct ch_squash_contents *c, struct ch_squash_file *file,
			     const char *path, struct ch_err *err)
{
	uint64_t n = file->size / c->block_size + (file->size % c->block_size > 0);

	c->file = file;
	c->at = 0;
	if (is_small(c))
		return 0;
	if (n > c->blocks_left)
		return ch_err_set(err, -EFBIG,
				  "'%s': files of an image can have %llu blocks of %u KiB at most",
				  path, BLOCKS_MAX, c->block_size / 1024);
	c->blocks_left -= n;
	return make_list(c, n, err);
}

/* Nothing is stored from where we are to OFF. */
static int skip(struct ch_squash_contents *c, uint64_t off, struct ch_err *err)
{
	while (c->at < off) {
		uint64_t begin = c->at - c->at % c->block_size;
		uint32_t len = block_len(c, begin), have = (uint32_t)(c->at - begin);
		uint64_t end = begin + len < off ? begin + len : off;

		if (have == 0 && !is_small(c) && end == begin + len) {
			c->at = off == c->file->size ? off : off - off % c->block_size;
			continue; /* whole blocks */
		}
		memset(c->block + have, 0, end - c->at);
		c->at = end;
		if (c->at == begin + len && add_block(c, c->block, len, err) < 0)
			return err->code;
	}
	return 0;
}

int ch_squash_contents_add(struct ch_squash_contents *c, uint64_t off, const void *data, size_t len,
			   struct ch_err *err)
{
	const uint8_t *from = data;

	if (!c->file || off < c->at || len > c->file->size || off > c->file->size - len)
		return ch_err_set(err, -EINVAL, "contents at a wrong place");
	if (len > 0 && skip(c, off, err) < 0)
		return err->code;
	while (len > 0) {
		uint64_t begin = c->at - c->at % c->block_size;
		uint32_t whole = block_len(c, begin), have = (uint32_t)(c->at - begin);
		uint32_t n = len < whole - have ? (uint32_t)len : whole - have;

		if (n < whole)
			memcpy(c->block + have, from, n);
		c->at += n;
		if (c->at == begin + whole &&
		    add_block(c, n < whole ? c->block : from, whole, err) < 0)
			return err->code;
		from += n;
		len -= n;
	}
	return 0;
}

int ch_squash_contents_end(struct ch_squash_contents *c, struct ch_err *err)
{
	int rc = 0;

	if (!c->file)
		return 0;
	if (c->at == 0 && is_small(c) && c->file->size > 0)
		rc = make_list(c, 1, err); /* nothing but a hole */
	else
		rc = skip(c, c->file->size, err);
	c->file = NULL;
	return rc;
}

/* ---- begin and end ----------------------------------------------------------------- */

int ch_squash_contents_finish(struct ch_squash_contents *c, struct ch_err *err)
{
	int rc;

	if (flush_fragment(c, err) < 0)
		return err->code;
	rc = sqfs_block_processor_finish(c->processor);
	if (rc == 0)
		rc = ch_squash_blocks_end(&c->blocks);
	return rc < 0 ? ch_squash_fault(c->blocks.out, rc, "compress", err) : 0;
}

/* Start the threads, which take no signals. */
static int start(struct ch_squash_contents *c, sqfs_compressor_t *compressor, unsigned threads)
{
	sqfs_block_processor_desc_t how = {
		.size = sizeof(how),
		.max_block_size = c->block_size,
		.cmp = compressor,
		.wr = &c->blocks.base,
	};
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	do {
		uint32_t most = WAITING_BYTES / c->block_size, each = 2 * threads;

		how.num_workers = threads;
		how.max_backlog = threads * WAITING_EACH < most ? threads * WAITING_EACH : most;
		if (how.max_backlog < each)
			how.max_backlog = each;
		rc = sqfs_block_processor_create_ex(&how, &c->processor);
		threads /= 2;
	} while (rc == SQFS_ERROR_INTERNAL && threads > 0);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc;
}

int ch_squash_contents_init(struct ch_squash_contents *contents, struct ch_squash_tree *tree,
			    struct ch_squash_out *out, sqfs_frag_table_t *fragments,
			    sqfs_compressor_t *compressor, uint32_t block_size, unsigned threads,
			    struct ch_err *err)
{
	int rc;

	*contents = (struct ch_squash_contents){
		.tree = tree,
		.block_size = block_size,
		.blocks_left = BLOCKS_MAX,
		.block = malloc(block_size),
		.fragment = malloc(block_size),
	};
	ch_squash_blocks_init(&contents->blocks, out, fragments);
	rc = contents->block && contents->fragment ? start(contents, compressor, threads)
						   : SQFS_ERROR_ALLOC;
	if (rc < 0) {
		ch_squash_contents_done(contents);
		return ch_squash_fault(out, rc, "start threads", err);
	}
	return 0;
}

void ch_squash_contents_done(struct ch_squash_contents *contents)
{
	/* It forgets to free what is still under way. */
	contents->blocks.is_given_up = true;
	if (contents->processor)
		sqfs_block_processor_sync(contents->processor);
	sqfs_destroy(contents->processor);
	ch_squash_blocks_done(&contents->blocks);
	ch_squash_seen_done(&contents->seen);
	ch_hash_done(&contents->hash);
	free(contents->block);
	free(contents->fragment);
	*contents = (struct ch_squash_contents){ 0 };
}
