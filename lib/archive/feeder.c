/* SPDX-License-Identifier: Apache-2.0 */
#include "feeder.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"
#include "stream.h"

/* What comes at once is 64 to 256 KiB. */
enum { RING = 16 };

struct block {
	char *data; /* owned; SIZE bytes of room */
	size_t size;
	ssize_t n; /* what ch_stream_next has returned */
};

/* Blocks are numbered in their order; the one with number I is in ring[I % RING], and
 *
 *	taken <= filled <= taken + RING
 *
 * The block that was taken last is the user's until the next one is wanted. */
struct ch_feeder {
	struct ch_stream *stream; /* borrowed */
	struct block ring[RING];

	pthread_mutex_t lock; /* for what is below */
	pthread_cond_t change;
	uint64_t filled, taken;
	bool is_stopped;

	bool is_using; /* the block with number TAKEN; of the user alone */
	pthread_t thread;
};

/* ---- the thread ------------------------------------------------------------------------- */

static bool make_room(struct block *b, size_t size)
{
	if (b->size >= size)
		return true;
	free(b->data);
	b->data = malloc(size);
	b->size = b->data ? size : 0;
	return b->data;
}

static void fill(struct ch_stream *stream, struct block *b)
{
	const void *data = NULL;

	b->n = ch_stream_next(stream, &data);
	if (b->n <= 0)
		return;
	if (make_room(b, (size_t)b->n)) {
		memcpy(b->data, data, (size_t)b->n);
		return;
	}

	struct ch_err err;

	ch_err_nomem(&err);
	b->n = ch_stream_fail(stream, &err);
}

/* Wait for a block that may be filled. */
static struct block *next_free(struct ch_feeder *a)
{
	struct block *b = NULL;

	pthread_mutex_lock(&a->lock);
	while (!a->is_stopped && a->filled - a->taken == RING)
		pthread_cond_wait(&a->change, &a->lock);
	if (!a->is_stopped)
		b = &a->ring[a->filled % RING];
	pthread_mutex_unlock(&a->lock);
	return b;
}

static void *work(void *data)
{
	struct ch_feeder *a = data;
	struct block *b;
	ssize_t n = 1;

	while (n > 0 && (b = next_free(a))) {
		fill(a->stream, b);
		n = b->n;
		pthread_mutex_lock(&a->lock);
		a->filled++;
		pthread_cond_signal(&a->change);
		pthread_mutex_unlock(&a->lock);
	}
	return NULL;
}

/* Signals are for others. */
static bool start_thread(struct ch_feeder *a)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	rc = pthread_create(&a->thread, NULL, work, a);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc == 0;
}

static void done(struct ch_feeder *a)
{
	for (size_t i = 0; i < RING; i++)
		free(a->ring[i].data);
	pthread_cond_destroy(&a->change);
	pthread_mutex_destroy(&a->lock);
	free(a);
}

/* ---- its user --------------------------------------------------------------------------- */

struct ch_feeder *ch_feeder_start(struct ch_stream *stream)
{
	struct ch_feeder *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->stream = stream;
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->change, NULL);
	if (start_thread(a))
		return a;
	done(a);
	return NULL;
}

/* What comes after the end, or after an error, is the same once more. */
static bool is_last(const struct block *b)
{
	return b->n <= 0;
}

ssize_t ch_feeder_next(struct ch_feeder *a, const void **ret_data)
{
	struct block *b;

	pthread_mutex_lock(&a->lock);
	b = &a->ring[a->taken % RING];
	if (a->is_using && !is_last(b)) {
		a->taken++;
		pthread_cond_signal(&a->change);
		b = &a->ring[a->taken % RING];
	}
	while (a->filled == a->taken)
		pthread_cond_wait(&a->change, &a->lock);
	a->is_using = true;
	pthread_mutex_unlock(&a->lock);
	*ret_data = b->data;
	return b->n;
}

void ch_feeder_stop(struct ch_feeder *a)
{
	if (!a)
		return;
	pthread_mutex_lock(&a->lock);
	a->is_stopped = true;
	pthread_cond_signal(&a->change);
	pthread_mutex_unlock(&a->lock);
	atomic_store(&a->stream->unwanted, true);
	pthread_join(a->thread, NULL);
	done(a);
}
