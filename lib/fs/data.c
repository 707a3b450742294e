/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/data.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/le.h"
#include "fs/blockmap.h"
#include "fs/blocks.h"
#include "fs/squash.h"
#include "fs/inode.h"
#include "fs/node.h"
#include "fs/push.h"

#define FRAGMENT_SIZE 16 /* entry of the fragment table */

#define BLOCK_MIN 4096 /* of SquashFS */
#define PARTS_MAX (CH_DATA_MAX / BLOCK_MIN + 1)
#define NOWHERE	  UINT64_MAX

/* From this block size on, the rest of a block is pushed. The kernel asks for 128 KiB. */
#define PUSH_SIZE (256UL << 10)

struct ch_data {
	const struct ch_squash *image;
	struct ch_blocks *blocks;
	struct ch_blockmap *map;
	struct ch_push *push; /* or NULL */
	void *zeros;	      /* a block of them, mapped */
};

/* Of what is being given out. */
struct part {
	struct ch_pinned block;
	size_t off;	/* in the block */
	size_t len;	/* 0: a hole */
	uint64_t begin; /* of the block in the file */
	bool pushable;
};

struct ch_reader {
	struct ch_data *data; /* borrowed */
	uint64_t node;	      /* of the file */
	uint64_t size;	      /* of the file */
	unsigned n;	      /* parts */
	struct iovec iov[PARTS_MAX];
	struct part parts[PARTS_MAX];
	uint8_t scratch[]; /* one block */
};

static int out_of_memory(struct ch_data *d, struct ch_err *err)
{
	ch_data_free(d);
	return ch_err_nomem(err);
}

int ch_data_new(const struct ch_squash *image, unsigned readers, int fuse_fd,
		struct ch_data **ret_data, struct ch_err *err)
{
	size_t pins = readers * (CH_DATA_MAX / image->block_size + 1);
	bool push = fuse_fd >= 0 && image->block_size >= PUSH_SIZE;
	struct ch_data *d = calloc(1, sizeof(*d));

	if (!d)
		return out_of_memory(d, err);
	d->image = image;
	d->blocks = ch_blocks_new(image, pins + (push ? CH_PUSH_PINS : 0));
	d->map = ch_blockmap_new(image);
	d->zeros = mmap(NULL, image->block_size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (d->zeros == MAP_FAILED)
		d->zeros = NULL;
	if (!d->blocks || !d->map || !d->zeros)
		return out_of_memory(d, err);
	if (push && !(d->push = ch_push_new(d->blocks, image->block_size, fuse_fd)))
		return out_of_memory(d, err);
	*ret_data = d;
	return 0;
}

struct ch_push *ch_data_push(struct ch_data *d)
{
	return d->push;
}

void ch_data_free(struct ch_data *d)
{
	if (!d)
		return;
	ch_push_free(d->push);
	if (d->zeros)
		munmap(d->zeros, d->image->block_size);
	ch_blockmap_free(d->map);
	ch_blocks_free(d->blocks);
	free(d);
}

int ch_reader_new(struct ch_data *data, struct ch_reader **ret_reader, struct ch_err *err)
{
	struct ch_reader *r = malloc(sizeof(*r) + data->image->block_size);

	if (!r)
		return ch_err_nomem(err);
	r->data = data;
	r->n = 0;
	*ret_reader = r;
	return 0;
}

void ch_reader_free(struct ch_reader *reader)
{
	free(reader);
}

static void add(struct ch_reader *r, const void *data, size_t len, const struct part *part)
{
	memcpy(&r->iov[r->n].iov_base, &data, sizeof(data)); /* not const; nobody writes */
	r->iov[r->n].iov_len = len;
	r->parts[r->n++] = *part;
}

/* LEN bytes at OFF of B are the next part. BEGIN: of the block in the file, or NOWHERE */
static int add_from(struct ch_reader *r, struct ch_block b, size_t off, size_t len, uint64_t begin)
{
	struct part part = { .off = off, .len = len, .begin = begin };

	if (ch_blocks_get(r->data->blocks, b, r->scratch, &part.block) < 0)
		return -EIO;
	if (off > part.block.len || len > part.block.len - off) {
		ch_blocks_put(r->data->blocks, &part.block, 0);
		return -EIO;
	}
	/* What is read from its beginning is mostly read to its end anyway. */
	part.pushable = r->data->push && begin != NOWHERE && part.block.fresh && off > 0;
	add(r, part.block.data + off, len, &part);
	return 0;
}

static int from_fragment(struct ch_reader *r, const struct ch_inode *inode, size_t off, size_t len)
{
	const struct ch_squash *image = r->data->image;
	uint8_t e[FRAGMENT_SIZE];

	if (ch_squash_table(image, image->frag_table, image->fragments, inode->fragment, sizeof(e),
			    e) < 0)
		return -EIO;

	struct ch_block b = { .pos = ch_le64(e), .header = ch_le32(e + 8) };

	return add_from(r, b, inode->off + off, len, NOWHERE);
}

/* Who begins block INDEX will most likely read the next one, if this one was not the first. */
static void load_next(struct ch_reader *r, const struct ch_inode *inode, uint64_t index)
{
	struct ch_block b;

	if (r->data->push && index > 0 && index + 1 < ch_blockmap_count(r->data->image, inode) &&
	    ch_blockmap_find(r->data->map, inode, index + 1, &b) == 0 && ch_block_size(b.header))
		ch_push_load(r->data->push, b);
}

/* A part from one block of the file; the range does not leave it. */
static int from_block(struct ch_reader *r, const struct ch_inode *inode, uint64_t index, size_t off,
		      size_t len)
{
	struct ch_block b;

	if (index >= ch_blockmap_count(r->data->image, inode))
		return from_fragment(r, inode, off, len);
	if (ch_blockmap_find(r->data->map, inode, index, &b) < 0)
		return -EIO;
	if (ch_block_size(b.header) == 0) {
		add(r, r->data->zeros, len, &(struct part){ .len = 0 });
		return 0;
	}
	if (off == 0)
		load_next(r, inode, index);
	return add_from(r, b, off, len, index * r->data->image->block_size);
}

static int get(struct ch_reader *r, const struct ch_inode *inode, uint64_t off, size_t size)
{
	size_t block_size = r->data->image->block_size;

	while (size) {
		size_t in = (size_t)(off % block_size);
		size_t len = block_size - in < size ? block_size - in : size;

		if (from_block(r, inode, off / block_size, in, len) < 0)
			return -EIO;
		off += len;
		size -= len;
	}
	return 0;
}

/* Is the block to be kept until the rest of it is with the kernel? */
static bool push(struct ch_reader *r, const struct part *part)
{
	if (!part->pushable)
		return false;

	/* A damaged image may have more in a block than in the file. */
	uint64_t end = r->size - part->begin;
	const struct ch_push_block b = {
		.node = r->node,
		.off = part->begin,
		.block = part->block,
		.from = part->off,
		.to = part->off + part->len,
		.end = end < part->block.len ? (size_t)end : part->block.len,
	};

	return ch_push_offer(r->data->push, &b);
}

/* IS_GIVEN: the kernel has got the parts. */
static void release(struct ch_reader *r, bool is_given)
{
	while (r->n) {
		const struct part *part = &r->parts[--r->n];

		if (part->len && !(is_given && push(r, part)))
			ch_blocks_put(r->data->blocks, &part->block, is_given ? part->len : 0);
	}
}

long ch_data_get(struct ch_reader *r, const struct ch_inode *inode, uint64_t off, size_t size,
		 const struct iovec **ret_parts, unsigned *ret_n)
{
	if (!S_ISREG(inode->mode))
		return -EINVAL;
	if (size > CH_DATA_MAX)
		size = CH_DATA_MAX;
	if (off >= inode->size)
		size = 0;
	else if (size > inode->size - off)
		size = (size_t)(inode->size - off);
	r->node = ch_node_id(r->data->image->root, inode->ref);
	r->size = inode->size;
	if (get(r, inode, off, size) < 0) {
		release(r, false);
		return -EIO;
	}
	*ret_parts = r->iov;
	*ret_n = r->n;
	return (long)size;
}

void ch_data_done(struct ch_reader *r)
{
	release(r, true);
}
