/* SPDX-License-Identifier: Apache-2.0 */
#include "convert/squash_blocks.h"

#include <string.h>

#include <sqfs/block.h>
#include <sqfs/error.h>

#include "convert/squash_tree.h"

enum { PART = 64 * 1024 };

/* Are the LEN bytes at A the same as those at B? */
static int compare(struct ch_squash_out *out, uint64_t a, uint64_t b, uint64_t len, bool *ret_same)
{
	sqfs_file_t *file = &out->base;
	uint8_t one[PART], two[PART];

	*ret_same = true;
	for (uint64_t done = 0; done < len && *ret_same; done += PART) {
		size_t n = len - done < PART ? (size_t)(len - done) : PART;
		int rc = file->read_at(file, a + done, one, n);

		if (rc == 0)
			rc = file->read_at(file, b + done, two, n);
		if (rc < 0)
			return rc;
		*ret_same = memcmp(one, two, n) == 0;
	}
	return 0;
}

/* All blocks of a file have come. Only one file is known of those with the same hash: if there
 * are more, which needs intent, some are written twice. */
static int settle(struct ch_squash_blocks *b)
{
	struct ch_squash_file *file = b->file;
	uint64_t len = b->out->size - b->start, before;
	uint64_t key[CH_SQUASH_KEY] = { b->key, len };
	bool same = false;
	int rc;

	b->file = NULL;
	if (!file || len == 0)
		return 0;
	file->start = b->start;
	rc = ch_squash_seen_at(&b->seen, key, b->start, &before);
	if (rc < 0)
		return SQFS_ERROR_ALLOC;
	if (rc == 0)
		return 0;
	rc = compare(b->out, before, b->start, len, &same);
	if (rc == 0 && same) {
		file->start = before;
		b->out->base.truncate(&b->out->base, b->start);
	}
	return rc;
}

static uint64_t mix(uint64_t key, uint32_t size, uint32_t checksum)
{
	key = (key ^ ((uint64_t)size << 32 | checksum)) * 0x9e3779b97f4a7c15;
	return key ^ key >> 32;
}

static int write_data_block(sqfs_block_writer_t *base, void *user, sqfs_u32 size, sqfs_u32 checksum,
			    sqfs_u32 flags, const sqfs_u8 *data, sqfs_u64 *location)
{
	struct ch_squash_blocks *b = (struct ch_squash_blocks *)base;
	uint32_t word = size | (flags & SQFS_BLK_IS_COMPRESSED ? 0 : 1U << 24);
	int rc;

	*location = 0;
	if (b->is_given_up)
		return 0;
	rc = user != b->file ? settle(b) : 0;
	if (rc < 0)
		return rc;
	if (user && user != b->file) {
		b->file = user;
		b->next = 0;
		b->start = b->out->size;
		b->key = 0;
	}
	*location = b->out->size;
	if (!user) {
		rc = sqfs_frag_table_append(b->fragments, b->out->size, word, NULL);
	} else {
		if (flags & SQFS_BLK_IS_SPARSE)
			size = word = 0;
		while (b->file->blocks[b->next] != CH_SQUASH_PENDING)
			b->next++;
		b->file->blocks[b->next++] = word;
		b->key = mix(b->key, word, checksum);
	}
	if (rc < 0 || size == 0)
		return rc;
	b->count++;
	return ch_squash_out_add(b->out, data, size);
}

static sqfs_u64 get_block_count(const sqfs_block_writer_t *base)
{
	return ((const struct ch_squash_blocks *)base)->count;
}

static void destroy(sqfs_object_t *base)
{
	(void)base;
}

void ch_squash_blocks_init(struct ch_squash_blocks *blocks, struct ch_squash_out *out,
			   sqfs_frag_table_t *fragments)
{
	*blocks = (struct ch_squash_blocks){
		.base = { .base = { .destroy = destroy },
			  .write_data_block = write_data_block,
			  .get_block_count = get_block_count },
		.out = out,
		.fragments = fragments,
	};
}

int ch_squash_blocks_end(struct ch_squash_blocks *blocks)
{
	return settle(blocks);
}

void ch_squash_blocks_done(struct ch_squash_blocks *blocks)
{
	ch_squash_seen_done(&blocks->seen);
}
