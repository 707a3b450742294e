/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/meta.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/le.h"
#include "fs/squash.h"
#include "fs/unpack.h"

/* 4 MiB of blocks, in sets of four; memory is taken as it is used. */
#define SETS 128
#define WAYS 4

#define HEAD_SIZE    2
#define UNCOMPRESSED 0x8000U

/* What a block from the cache costs, and one that has to be unpacked; about 100 ns a unit. */
#define COST_CACHED   1
#define COST_UNPACKED 128

struct way {
	uint64_t key;  /* position of the block + 1; 0: empty */
	uint64_t next; /* position of the block behind it */
	uint32_t len;
};

struct set {
	pthread_mutex_t lock;
	unsigned victim;
	struct way ways[WAYS];
};

struct ch_meta {
	struct set sets[SETS];
	uint8_t (*blocks)[CH_META_SIZE]; /* SETS * WAYS, mapped */
};

/* What a look at one block gives. */
struct piece {
	uint64_t next;
	uint32_t len; /* of the whole block */
};

struct ch_meta *ch_meta_new(void)
{
	struct ch_meta *meta = calloc(1, sizeof(*meta));
	size_t size = (size_t)SETS * WAYS * CH_META_SIZE;

	if (!meta)
		return NULL;
	meta->blocks = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (meta->blocks == MAP_FAILED) {
		free(meta);
		return NULL;
	}
	for (size_t i = 0; i < SETS; i++)
		pthread_mutex_init(&meta->sets[i].lock, NULL);
	return meta;
}

void ch_meta_free(struct ch_meta *meta)
{
	if (!meta)
		return;
	for (size_t i = 0; i < SETS; i++)
		pthread_mutex_destroy(&meta->sets[i].lock);
	munmap(meta->blocks, (size_t)SETS * WAYS * CH_META_SIZE);
	free(meta);
}

static size_t set_of(uint64_t block)
{
	return (size_t)((block * 0x9e3779b97f4a7c15ULL) >> 32) % SETS;
}

/* Read and unpack the block at POS to OUT. How long it is says its header: one read takes all
 * that it may have, and mostly the beginning of the next one, which is wanted soon. */
static int load(const struct ch_squash *image, uint64_t pos, uint8_t *out, struct piece *ret)
{
	uint8_t in[HEAD_SIZE + CH_META_SIZE];
	uint64_t there = pos < image->size ? image->size - pos : 0;
	size_t got = there < sizeof(in) ? (size_t)there : sizeof(in);
	long len;

	if (got < HEAD_SIZE || ch_squash_pread(image, pos, in, got) < 0)
		return -EIO;

	uint32_t size = ch_le16(in) & ~UNCOMPRESSED;

	if (size == 0 || size > got - HEAD_SIZE)
		return -EIO;
	if (ch_le16(in) & UNCOMPRESSED) {
		memcpy(out, in + HEAD_SIZE, size);
		len = (long)size;
	} else {
		len = ch_unpack_block(image->unpacker, in + HEAD_SIZE, size, out, CH_META_SIZE);
	}
	if (len <= 0)
		return -EIO;
	*ret = (struct piece){ .next = pos + HEAD_SIZE + size, .len = (uint32_t)len };
	return 0;
}

/* How many of LEN bytes from OFF on are in a block with P->len bytes? */
static size_t fitting(const struct piece *p, uint32_t off, size_t len)
{
	size_t there = off < p->len ? p->len - off : 0;

	return there < len ? there : len;
}

/* Copy from the cache. Returns 1, or 0 when the block is not there. */
static int from_cache(struct ch_meta *meta, const struct ch_meta_pos *pos, void *buf, size_t len,
		      struct piece *ret)
{
	size_t n = set_of(pos->block);
	struct set *set = &meta->sets[n];
	int found = 0;

	pthread_mutex_lock(&set->lock);
	for (size_t i = 0; i < WAYS && !found; i++) {
		const struct way *way = &set->ways[i];

		if (way->key != pos->block + 1)
			continue;
		found = 1;
		*ret = (struct piece){ .next = way->next, .len = way->len };
		if (buf)
			memcpy(buf, meta->blocks[n * WAYS + i] + (pos->off % CH_META_SIZE),
			       fitting(ret, pos->off, len));
	}
	pthread_mutex_unlock(&set->lock);
	return found;
}

static void to_cache(struct ch_meta *meta, uint64_t block, const uint8_t *data,
		     const struct piece *p)
{
	size_t n = set_of(block);
	struct set *set = &meta->sets[n];

	pthread_mutex_lock(&set->lock);

	size_t i = set->victim++ % WAYS;

	set->ways[i] = (struct way){ .key = block + 1, .next = p->next, .len = p->len };
	memcpy(meta->blocks[n * WAYS + i], data, p->len);
	pthread_mutex_unlock(&set->lock);
}

static __thread uint64_t allowed = UINT64_MAX;

void ch_meta_allow(unsigned blocks)
{
	allowed = (uint64_t)blocks * COST_UNPACKED;
}

static bool pay(uint64_t cost)
{
	if (allowed == UINT64_MAX)
		return true;
	if (allowed < cost)
		return false;
	allowed -= cost;
	return true;
}

/* Copy what one block has of LEN bytes. Two threads may unpack the same block at the same
 * time: harmless, and cheaper than waiting. */
static int read_piece(const struct ch_squash *image, const struct ch_meta_pos *pos, void *buf,
		      size_t len, struct piece *ret)
{
	uint8_t out[CH_META_SIZE];

	if (from_cache(image->meta, pos, buf, len, ret))
		return pay(COST_CACHED) ? 0 : -EIO;
	if (!pay(COST_UNPACKED) || load(image, pos->block, out, ret) < 0)
		return -EIO;
	to_cache(image->meta, pos->block, out, ret);
	if (buf)
		memcpy(buf, out + (pos->off % CH_META_SIZE), fitting(ret, pos->off, len));
	return 0;
}

int ch_meta_read(const struct ch_squash *image, struct ch_meta_pos *pos, void *buf, size_t len)
{
	uint8_t *to = buf;

	while (len) {
		struct piece p;

		if (pos->block >= image->size || pos->off > CH_META_SIZE ||
		    read_piece(image, pos, to, len, &p) < 0 || pos->off > p.len)
			return -EIO;

		size_t n = fitting(&p, pos->off, len);

		len -= n;
		to = to ? to + n : NULL;
		pos->off += (uint32_t)n;
		if (pos->off == p.len) {
			pos->block = p.next;
			pos->off = 0;
		}
	}
	return 0;
}
