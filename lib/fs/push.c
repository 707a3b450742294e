/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/push.h"

#include <linux/fuse.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#define WAITING_MAX (CH_PUSH_PINS - 1)

struct job {
	bool is_load;
	struct ch_block load;
	struct ch_push_block store; /* if not */
};

struct ch_push {
	struct ch_blocks *blocks;
	int fuse;
	bool is_running;
	pthread_mutex_t lock;
	pthread_cond_t offered;
	unsigned first; /* of a ring */
	unsigned n;
	struct job waiting[WAITING_MAX];
	uint8_t scratch[]; /* one block */
};

struct ch_push *ch_push_new(struct ch_blocks *blocks, size_t block_size, int fuse_fd)
{
	struct ch_push *p = calloc(1, sizeof(*p) + block_size);

	if (!p)
		return NULL;
	p->blocks = blocks;
	p->fuse = fuse_fd;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->offered, NULL);
	return p;
}

void ch_push_free(struct ch_push *p)
{
	if (!p)
		return;
	pthread_cond_destroy(&p->offered);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

static bool add(struct ch_push *p, const struct job *job)
{
	pthread_mutex_lock(&p->lock);

	bool room = p->is_running && p->n < WAITING_MAX;

	if (room) {
		p->waiting[(p->first + p->n++) % WAITING_MAX] = *job;
		pthread_cond_signal(&p->offered);
	}
	pthread_mutex_unlock(&p->lock);
	return room;
}

bool ch_push_offer(struct ch_push *p, const struct ch_push_block *block)
{
	return add(p, &(struct job){ .store = *block });
}

void ch_push_load(struct ch_push *p, struct ch_block block)
{
	(void)add(p, &(struct job){ .is_load = true, .load = block });
}

static struct job next(struct ch_push *p)
{
	pthread_mutex_lock(&p->lock);
	while (p->n == 0)
		pthread_cond_wait(&p->offered, &p->lock);

	struct job job = p->waiting[p->first];

	p->first = (p->first + 1) % WAITING_MAX;
	p->n--;
	pthread_mutex_unlock(&p->lock);
	return job;
}

/* That the kernel has forgotten the file, or has no memory, is no trouble of ours. */
static void store(int fuse, const struct ch_push_block *b, size_t from, size_t to)
{
	struct fuse_notify_store_out what = { .nodeid = b->node,
					      .offset = b->off + from,
					      .size = (uint32_t)(to - from) };
	struct fuse_out_header head = {
		.len = (uint32_t)(sizeof(head) + sizeof(what) + what.size),
		.error = FUSE_NOTIFY_STORE,
	};
	struct iovec v[] = {
		{ &head, sizeof(head) },
		{ &what, sizeof(what) },
		{ .iov_len = what.size },
	};
	const uint8_t *data = b->block.data + from;

	if (what.size == 0)
		return;
	memcpy(&v[2].iov_base, &data, sizeof(data)); /* an iovec is not const; nobody writes */
	(void)!writev(fuse, v, 3);
}

/* A damaged block is found by who reads it. */
static void load(struct ch_push *p, struct ch_block want)
{
	struct ch_pinned block;

	if (ch_blocks_get(p->blocks, want, p->scratch, &block) == 0)
		ch_blocks_put(p->blocks, &block, 0);
}

static void give(struct ch_push *p, const struct ch_push_block *b)
{
	store(p->fuse, b, b->to, b->end); /* more often read on than back */
	store(p->fuse, b, 0, b->from);
	ch_blocks_put(p->blocks, &b->block, b->block.len);
}

void ch_push_run(struct ch_push *p)
{
	pthread_mutex_lock(&p->lock);
	p->is_running = true;
	pthread_mutex_unlock(&p->lock);
	for (;;) {
		struct job job = next(p);

		if (job.is_load)
			load(p, job.load);
		else
			give(p, &job.store);
	}
}
