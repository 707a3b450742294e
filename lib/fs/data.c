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

#define FRAGMENT_SIZE 16 /* entry of the fragment table */

#define BLOCK_MIN 4096 /* of SquashFS */
#define PARTS_MAX (CH_DATA_MAX / BLOCK_MIN + 1)

struct ch_data {
	const struct ch_squash *image;
	struct ch_blocks *blocks;
	struct ch_blockmap *map;
	void *zeros; /* a block of them, mapped */
};

struct ch_reader {
	struct ch_data *data; /* borrowed */
	unsigned n;	      /* parts of what is being given out */
	struct iovec parts[PARTS_MAX];
	size_t slots[PARTS_MAX]; /* of the parts, or NONE */
	uint8_t scratch[];	 /* one block */
};

#define NONE SIZE_MAX

int ch_data_new(const struct ch_squash *image, unsigned readers, struct ch_data **ret_data,
		struct ch_err *err)
{
	struct ch_data *d = calloc(1, sizeof(*d));

	if (!d)
		return ch_err_set(err, -ENOMEM, "out of memory");
	d->image = image;
	d->blocks = ch_blocks_new(image, readers * (CH_DATA_MAX / image->block_size + 1));
	d->map = ch_blockmap_new(image);
	d->zeros = mmap(NULL, image->block_size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (d->zeros == MAP_FAILED)
		d->zeros = NULL;
	if (!d->blocks || !d->map || !d->zeros) {
		ch_data_free(d);
		return ch_err_set(err, -ENOMEM, "out of memory");
	}
	*ret_data = d;
	return 0;
}

void ch_data_free(struct ch_data *d)
{
	if (!d)
		return;
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
		return ch_err_set(err, -ENOMEM, "out of memory");
	r->data = data;
	r->n = 0;
	*ret_reader = r;
	return 0;
}

void ch_reader_free(struct ch_reader *reader)
{
	free(reader);
}

/* LEN bytes at DATA are the next part. */
static void add(struct ch_reader *r, size_t slot, const void *data, size_t len)
{
	struct iovec *part = &r->parts[r->n];

	memcpy(&part->iov_base, &data, sizeof(data)); /* an iovec is not const; nobody writes */
	part->iov_len = len;
	r->slots[r->n++] = slot;
}

/* LEN bytes at OFF of B are the next part. */
static int add_from(struct ch_reader *r, struct ch_block b, size_t off, size_t len)
{
	const uint8_t *data;
	size_t slot, have;

	if (ch_blocks_get(r->data->blocks, b, r->scratch, &slot, &data, &have) < 0)
		return -EIO;
	if (off > have || len > have - off) {
		ch_blocks_put(r->data->blocks, slot, 0);
		return -EIO;
	}
	add(r, slot, data + off, len);
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

	return add_from(r, b, inode->off + off, len);
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
		add(r, NONE, r->data->zeros, len);
		return 0;
	}
	return add_from(r, b, off, len);
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
	if (get(r, inode, off, size) < 0) {
		ch_data_done(r);
		return -EIO;
	}
	*ret_parts = r->parts;
	*ret_n = r->n;
	return (long)size;
}

void ch_data_done(struct ch_reader *r)
{
	while (r->n) {
		r->n--;
		if (r->slots[r->n] != NONE)
			ch_blocks_put(r->data->blocks, r->slots[r->n], r->parts[r->n].iov_len);
	}
}
