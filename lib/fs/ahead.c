/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/ahead.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#define STREAMS 8 /* readers that are followed at the same time */

/* What is cached is left out. */
#define NEAR (16ULL << 10)

/* Less in order than that is often the end of it. */
#define WINDOW_MIN (128ULL << 10)
#define WINDOW_MAX (1ULL << 20)

struct stream {
	uint64_t next;	  /* where reading is expected to go on */
	uint64_t run;	  /* bytes that were read in order */
	uint64_t fetched; /* up to here */
	uint64_t used;	  /* time */
};

struct ch_ahead {
	int fd;
	pthread_mutex_t lock;
	uint64_t time; /* counts calls */
	struct stream streams[STREAMS];
};

struct ch_ahead *ch_ahead_new(int fd)
{
	struct ch_ahead *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->fd = fd;
	pthread_mutex_init(&a->lock, NULL);
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
	return a;
}

void ch_ahead_free(struct ch_ahead *a)
{
	if (!a)
		return;
	pthread_mutex_destroy(&a->lock);
	free(a);
}

static bool is_near(const struct stream *s, uint64_t pos)
{
	return s->used && pos + NEAR >= s->next && pos <= s->next + NEAR;
}

/* The stream that POS belongs to; if none, a new one in place of the one not used for longest. */
static struct stream *stream_of(struct ch_ahead *a, uint64_t pos)
{
	struct stream *oldest = a->streams;

	for (struct stream *s = a->streams; s < a->streams + STREAMS; s++) {
		if (is_near(s, pos))
			return s;
		if (s->used < oldest->used)
			oldest = s;
	}
	*oldest = (struct stream){ .next = pos };
	return oldest;
}

/* How far to fetch from FETCHED on; 0: not now. */
static uint64_t plan(struct stream *s, uint64_t end)
{
	uint64_t window = s->run < WINDOW_MAX ? s->run : WINDOW_MAX;
	uint64_t to = s->next + window;

	if (s->fetched < s->next)
		s->fetched = s->next;
	if (to > end)
		to = end;
	return window >= WINDOW_MIN && s->fetched + window / 2 < to ? to : 0;
}

void ch_ahead_note(struct ch_ahead *a, uint64_t pos, uint64_t len, uint64_t end)
{
	uint64_t from, to;

	pthread_mutex_lock(&a->lock);

	struct stream *s = stream_of(a, pos);
	bool is_first = s->used == 0;

	s->used = ++a->time;
	if (pos + len > s->next) {
		s->run += is_first ? 0 : len;
		s->next = pos + len;
	}
	to = plan(s, end);
	from = s->fetched;
	if (to)
		s->fetched = to;
	pthread_mutex_unlock(&a->lock);
	if (to)
		(void)posix_fadvise(a->fd, (off_t)from, (off_t)(to - from), POSIX_FADV_WILLNEED);
}
