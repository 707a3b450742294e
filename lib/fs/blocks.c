/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/blocks.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "fs/squash.h"
#include "fs/unpack.h"

#define CACHE_SIZE   ((size_t)64 << 20)
#define UNCOMPRESSED (1U << 24)
#define NIL	     UINT32_MAX

enum state { EMPTY, LOADING, READY, FAILED };

struct slot {
	struct ch_block block;
	uint32_t len;
	uint32_t used;	/* bytes given out; some perhaps twice */
	uint32_t chain; /* next slot of the same hash, or NIL */
	uint32_t older; /* neighbours in the order of use, or NIL */
	uint32_t newer;
	uint32_t pins;
	uint8_t state;
};

struct ch_blocks {
	const struct ch_squash *image;
	pthread_mutex_t lock;
	pthread_cond_t loaded;
	size_t n;	 /* slots; also the number of hash chains */
	uint32_t oldest; /* the first to go */
	uint32_t newest;
	uint32_t *heads; /* n */
	struct slot *slots;
	uint8_t *data; /* n blocks, mapped; memory is taken as it is used */
};

static uint32_t number_of(const struct ch_blocks *b, const struct slot *s)
{
	return (uint32_t)(s - b->slots);
}

/* ---- order of use -------------------------------------------------------------- */

static void take_out(struct ch_blocks *b, const struct slot *s)
{
	*(s->older == NIL ? &b->oldest : &b->slots[s->older].newer) = s->newer;
	*(s->newer == NIL ? &b->newest : &b->slots[s->newer].older) = s->older;
}

static void make_newest(struct ch_blocks *b, struct slot *s)
{
	take_out(b, s);
	s->newer = NIL;
	s->older = b->newest;
	*(s->older == NIL ? &b->oldest : &b->slots[s->older].newer) = number_of(b, s);
	b->newest = number_of(b, s);
}

static void make_oldest(struct ch_blocks *b, struct slot *s)
{
	take_out(b, s);
	s->older = NIL;
	s->newer = b->oldest;
	*(s->newer == NIL ? &b->newest : &b->slots[s->newer].older) = number_of(b, s);
	b->oldest = number_of(b, s);
}

/* ---- making -------------------------------------------------------------------- */

struct ch_blocks *ch_blocks_new(const struct ch_squash *image, size_t pins)
{
	struct ch_blocks *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->image = image;
	b->n = CACHE_SIZE / image->block_size;
	if (b->n < 2 * pins)
		b->n = 2 * pins;
	b->heads = calloc(b->n, sizeof(*b->heads));
	b->slots = calloc(b->n, sizeof(*b->slots));
	b->data = mmap(NULL, b->n * image->block_size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (b->data == MAP_FAILED)
		b->data = NULL;
	else /* a hint: fewer page faults */
		(void)madvise(b->data, b->n * image->block_size, MADV_HUGEPAGE);
	pthread_mutex_init(&b->lock, NULL);
	pthread_cond_init(&b->loaded, NULL);
	if (!b->heads || !b->slots || !b->data) {
		ch_blocks_free(b);
		return NULL;
	}
	for (uint32_t i = 0; i < b->n; i++) {
		b->heads[i] = NIL;
		b->slots[i].older = i ? i - 1 : NIL;
		b->slots[i].newer = i + 1 < b->n ? i + 1 : NIL;
	}
	b->oldest = 0;
	b->newest = (uint32_t)b->n - 1;
	return b;
}

void ch_blocks_free(struct ch_blocks *b)
{
	if (!b)
		return;
	if (b->data)
		munmap(b->data, b->n * b->image->block_size);
	pthread_cond_destroy(&b->loaded);
	pthread_mutex_destroy(&b->lock);
	free(b->slots);
	free(b->heads);
	free(b);
}

/* ---- finding and filling ------------------------------------------------------- */

static uint32_t *head_of(struct ch_blocks *b, uint64_t pos)
{
	return &b->heads[((pos * 0x9e3779b97f4a7c15ULL) >> 32) % b->n];
}

static struct slot *find(struct ch_blocks *b, struct ch_block want)
{
	for (uint32_t i = *head_of(b, want.pos); i != NIL; i = b->slots[i].chain) {
		struct slot *s = &b->slots[i];

		if (s->block.pos == want.pos && s->block.header == want.header)
			return s;
	}
	return NULL;
}

static void unchain(struct ch_blocks *b, const struct slot *s)
{
	uint32_t *link = head_of(b, s->block.pos);

	while (*link != number_of(b, s))
		link = &b->slots[*link].chain;
	*link = s->chain;
}

/* A slot that nobody uses; there are twice as many as pins. */
static struct slot *evict(struct ch_blocks *b)
{
	struct slot *s = &b->slots[b->oldest];

	while (s->pins)
		s = &b->slots[s->newer];
	if (s->state == READY)
		unchain(b, s);
	return s;
}

static long fill(const struct ch_squash *image, struct ch_block b, void *scratch, uint8_t *to)
{
	uint32_t size = ch_block_size(b.header);

	if (size == 0 || size > image->block_size)
		return -EIO;
	if (b.header & UNCOMPRESSED)
		return ch_squash_pread(image, b.pos, to, size) < 0 ? -EIO : (long)size;
	if (ch_squash_pread(image, b.pos, scratch, size) < 0)
		return -EIO;
	return ch_unpack_block(image->unpacker, scratch, size, to, image->block_size);
}

static uint8_t *data_of(struct ch_blocks *b, const struct slot *s)
{
	return b->data + (size_t)number_of(b, s) * b->image->block_size;
}

/* Fill a new slot for WANT. Called and left with the lock held; not held in between. */
static struct slot *load(struct ch_blocks *b, struct ch_block want, void *scratch)
{
	struct slot *s = evict(b);
	uint32_t *head = head_of(b, want.pos);

	make_newest(b, s);
	s->block = want;
	s->chain = *head;
	s->state = LOADING;
	s->used = 0;
	s->pins = 1;
	*head = number_of(b, s);
	pthread_mutex_unlock(&b->lock);

	long len = fill(b->image, want, scratch, data_of(b, s));

	pthread_mutex_lock(&b->lock);
	s->state = len < 0 ? FAILED : READY;
	s->len = len < 0 ? 0 : (uint32_t)len;
	if (len < 0) { /* so that the next one tries again */
		unchain(b, s);
		make_oldest(b, s);
	}
	pthread_cond_broadcast(&b->loaded);
	return s;
}

int ch_blocks_get(struct ch_blocks *blocks, struct ch_block want, void *scratch,
		  struct ch_pinned *ret_block)
{
	int rc = 0;

	pthread_mutex_lock(&blocks->lock);

	struct slot *s = find(blocks, want);
	bool fresh = !s;

	if (s) {
		s->pins++;
		make_newest(blocks, s);
		while (s->state == LOADING)
			pthread_cond_wait(&blocks->loaded, &blocks->lock);
	} else {
		s = load(blocks, want, scratch);
	}
	if (s->state == READY) {
		*ret_block = (struct ch_pinned){
			.data = data_of(blocks, s),
			.len = s->len,
			.slot = number_of(blocks, s),
			.fresh = fresh,
		};
	} else {
		s->pins--;
		rc = -EIO;
	}
	pthread_mutex_unlock(&blocks->lock);
	return rc;
}

void ch_blocks_put(struct ch_blocks *blocks, const struct ch_pinned *block, size_t used)
{
	pthread_mutex_lock(&blocks->lock);

	struct slot *s = &blocks->slots[block->slot];

	s->pins--;
	s->used += (uint32_t)used;
	if (s->used >= s->len)
		make_oldest(blocks, s);
	pthread_mutex_unlock(&blocks->lock);
}
