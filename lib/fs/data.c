/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/data.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/le.h"
#include "fs/blockmap.h"
#include "fs/blocks.h"
#include "fs/squash.h"
#include "fs/inode.h"

#define FRAGMENT_SIZE 16 /* entry of the fragment table */

struct ch_data {
	const struct ch_squash *image;
	struct ch_blocks *blocks;
	struct ch_blockmap *map;
};

struct ch_reader {
	struct ch_data *data; /* borrowed */
	uint8_t scratch[];    /* one block */
};

int ch_data_new(const struct ch_squash *image, unsigned readers, struct ch_data **ret_data,
		struct ch_err *err)
{
	struct ch_data *d = calloc(1, sizeof(*d));

	if (!d)
		return ch_err_set(err, -ENOMEM, "out of memory");
	d->image = image;
	d->blocks = ch_blocks_new(image, readers);
	d->map = ch_blockmap_new(image);
	if (!d->blocks || !d->map) {
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
	*ret_reader = r;
	return 0;
}

void ch_reader_free(struct ch_reader *reader)
{
	free(reader);
}

/* Copy LEN bytes at OFF of B to BUF. */
static int copy(struct ch_reader *r, struct ch_block b, size_t off, void *buf, size_t len)
{
	const uint8_t *data;
	size_t slot, have;

	if (ch_blocks_get(r->data->blocks, b, r->scratch, &slot, &data, &have) < 0)
		return -EIO;

	int rc = off <= have && len <= have - off ? 0 : -EIO;

	if (rc == 0)
		memcpy(buf, data + off, len);
	ch_blocks_put(r->data->blocks, slot);
	return rc;
}

static int from_fragment(struct ch_reader *r, const struct ch_inode *inode, size_t off, void *buf,
			 size_t len)
{
	const struct ch_squash *image = r->data->image;
	uint8_t e[FRAGMENT_SIZE];

	if (ch_squash_table(image, image->frag_table, image->fragments, inode->fragment, sizeof(e),
			    e) < 0)
		return -EIO;

	struct ch_block b = { .pos = ch_le64(e), .header = ch_le32(e + 8) };

	return copy(r, b, inode->off + off, buf, len);
}

/* Copy from one block of the file; the range does not leave it. */
static int from_block(struct ch_reader *r, const struct ch_inode *inode, uint64_t index, size_t off,
		      void *buf, size_t len)
{
	struct ch_block b;

	if (index >= ch_blockmap_count(r->data->image, inode))
		return from_fragment(r, inode, off, buf, len);
	if (ch_blockmap_find(r->data->map, inode, index, &b) < 0)
		return -EIO;
	if (ch_block_size(b.header) == 0) {
		memset(buf, 0, len);
		return 0;
	}
	return copy(r, b, off, buf, len);
}

long ch_data_read(struct ch_reader *r, const struct ch_inode *inode, uint64_t off, void *buf,
		  size_t size)
{
	size_t block_size = r->data->image->block_size;
	size_t done = 0;

	if (!S_ISREG(inode->mode))
		return -EINVAL;
	if (off >= inode->size)
		return 0;
	if (size > inode->size - off)
		size = (size_t)(inode->size - off);
	while (done < size) {
		size_t in = (size_t)((off + done) % block_size);
		size_t len = block_size - in;

		if (len > size - done)
			len = size - done;
		if (from_block(r, inode, (off + done) / block_size, in, (uint8_t *)buf + done,
			       len) < 0)
			return -EIO;
		done += len;
	}
	return (long)done;
}
