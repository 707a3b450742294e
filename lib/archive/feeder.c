/* SPDX-License-Identifier: Apache-2.0 */
#include "feeder.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "stream.h"

/* What comes at once is mostly 64 to 256 KiB; more is given in pieces. */
enum { RING = 16, ROOM = 256 * 1024 };

/* Blocks are numbered in their order; of the one with number I, sizes[I % RING] is what
 * ch_stream_next has returned, and
 *
 *	taken <= filled <= taken + RING
 *
 * The block that was taken last is the user's until the next one is wanted. */
struct ch_feeder {
	struct ch_stream *stream; /* borrowed */
	char *rooms;		  /* owned; of all blocks */
	ssize_t sizes[RING];

	pthread_mutex_t lock; /* for what is below */
	pthread_cond_t change;
	uint64_t filled, taken;
	bool is_stopped;

	bool is_using; /* the block with number TAKEN; of the user alone */
	pthread_t thread;
};

static char *room_of(const struct ch_feeder *a, uint64_t number)
{
	return a->rooms + number % RING * ROOM;
}

/* ---- the thread ------------------------------------------------------------------------- */

/* Wait until a block may be filled. Returns false if none is wanted any more. */
static bool wait_for_room(struct ch_feeder *a)
{
	bool is_stopped;

	pthread_mutex_lock(&a->lock);
	while (!a->is_stopped && a->filled - a->taken == RING)
		pthread_cond_wait(&a->change, &a->lock);
	is_stopped = a->is_stopped;
	pthread_mutex_unlock(&a->lock);
	return !is_stopped;
}

/* Fill one with N bytes of DATA; or with N, if that is the end or an error. */
static bool fill(struct ch_feeder *a, const char *data, ssize_t n)
{
	if (!wait_for_room(a))
		return false;
	if (n > 0)
		memcpy(room_of(a, a->filled), data, (size_t)n);
	a->sizes[a->filled % RING] = n;
	pthread_mutex_lock(&a->lock);
	a->filled++;
	pthread_cond_signal(&a->change);
	pthread_mutex_unlock(&a->lock);
	return true;
}

static void *work(void *data)
{
	struct ch_feeder *a = data;
	const void *bytes = NULL;
	bool is_wanted = true;
	ssize_t n;

	do {
		n = ch_stream_next(a->stream, &bytes);
		if (n <= 0)
			is_wanted = fill(a, NULL, n);
		for (ssize_t at = 0; at < n && is_wanted; at += ROOM)
			is_wanted = fill(a, (const char *)bytes + at,
					 n - at < ROOM ? n - at : ROOM);
	} while (n > 0 && is_wanted);
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
	free(a->rooms);
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
	a->rooms = malloc((size_t)RING * ROOM);
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->change, NULL);
	if (a->rooms && start_thread(a))
		return a;
	done(a);
	return NULL;
}

ssize_t ch_feeder_next(struct ch_feeder *a, const void **ret_data)
{
	pthread_mutex_lock(&a->lock);
	/* What comes after the end, or after an error, is the same once more. */
	if (a->is_using && a->sizes[a->taken % RING] > 0) {
		a->taken++;
		pthread_cond_signal(&a->change);
	}
	while (a->filled == a->taken)
		pthread_cond_wait(&a->change, &a->lock);
	a->is_using = true;
	pthread_mutex_unlock(&a->lock);
	*ret_data = room_of(a, a->taken);
	return a->sizes[a->taken % RING];
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
