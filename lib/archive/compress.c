/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/compress.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "archive/codec.h"
#include "archive/output.h"
#include "base/analyser.h"
#include "base/auto.h"
#include "base/err.h"
#include "sys/threads.h"

enum {
	THREADS_MAX = 16,
	/* So many a thread, and one more: while some are compressed, others are filled and
	 * written. */
	PIECES_EACH = 2,
};

struct piece {
	char *data, *out; /* owned; made when they are needed */
	size_t len, out_len;
	bool is_done;
};

/* Pieces are numbered in their order; the one with number I is in ring[I % n_ring], and
 *
 *	written <= taken <= filled,  filled - written <= n_ring
 *
 * The caller's thread fills and writes, the others compress; and so does the caller where it
 * would have to wait otherwise. */
struct ch_compress {
	struct ch_output input;
	struct ch_output *out;
	const struct ch_codec *codec; /* NULL: none */
	int level;
	void *state; /* owned; of the caller's thread */
	struct ch_hash hash, plain_hash;
	uint64_t size, plain_size;

	struct piece *ring; /* owned */
	size_t n_ring;
	uint64_t written, filled;

	pthread_mutex_t lock; /* for what is below, is_done, and what belongs to it */
	pthread_cond_t work, done;
	uint64_t taken, ready; /* ready: as filled, for the threads */
	bool is_ending;
	int failed; /* negative errno: a thread has no memory */
	pthread_t threads[THREADS_MAX];
	size_t n_threads;
};

CH_MOVES_BEGIN
/* Is there SIZE bytes of memory at *ROOM, now at the latest? */
static bool provide(char **room, size_t size)
{
	if (!*room)
		*room = malloc(size);
	return *room;
}
CH_MOVES_END

static struct piece *piece_at(const struct ch_compress *c, uint64_t number)
{
	return &c->ring[number % c->n_ring];
}

/* ---- threads ------------------------------------------------------------------------------- */

/* Compress the next piece, with the lock held, which is not while it is compressed. */
static void compress_next(struct ch_compress *c, void *state)
{
	struct piece *p = piece_at(c, c->taken++);
	const struct ch_codec *codec = c->codec;

	pthread_mutex_unlock(&c->lock);
	if (provide(&p->out, codec->bound(codec->piece)))
		p->out_len = codec->run(state, p->data, p->len, p->out, codec->bound(codec->piece));
	else
		p->out_len = 0;
	pthread_mutex_lock(&c->lock);
	p->is_done = true;
	if (p->out_len == 0)
		c->failed = -ENOMEM;
	pthread_cond_signal(&c->done);
}

/* Without memory, a thread does nothing, and leaves the work to others. */
static void *work(void *data)
{
	struct ch_compress *c = data;
	void *state = c->codec->make(c->level);

	pthread_mutex_lock(&c->lock);
	while (state && !c->is_ending) {
		if (c->taken < c->ready)
			compress_next(c, state);
		else
			pthread_cond_wait(&c->work, &c->lock);
	}
	pthread_mutex_unlock(&c->lock);
	if (state)
		c->codec->free(state);
	return NULL;
}

/* The caller is one of them. That threads cannot be had is no failure. */
static void start(struct ch_compress *c, size_t n)
{
	while (c->n_threads + 1 < n &&
	       pthread_create(&c->threads[c->n_threads], NULL, work, c) == 0)
		c->n_threads++;
}

/* ---- output -------------------------------------------------------------------------------- */

static int put(struct ch_compress *c, const void *data, size_t len, struct ch_err *err)
{
	ch_hash_more(&c->hash, data, len);
	c->size += len;
	return c->out->write(c->out, data, len, err);
}

/* Wait until the oldest piece is compressed, and write it. */
static int write_oldest(struct ch_compress *c, struct ch_err *err)
{
	struct piece *p = piece_at(c, c->written);

	pthread_mutex_lock(&c->lock);
	while (!p->is_done) {
		if (c->taken < c->ready)
			compress_next(c, c->state);
		else
			pthread_cond_wait(&c->done, &c->lock);
	}

	int failed = c->failed;

	p->is_done = false;
	pthread_mutex_unlock(&c->lock);
	if (failed < 0)
		return ch_err_nomem(err);
	c->written++;
	p->len = 0;
	return put(c, p->out, p->out_len, err);
}

/* ---- input --------------------------------------------------------------------------------- */

/* The piece that is being filled is full, or the last one. */
static int hand_over(struct ch_compress *c, struct ch_err *err)
{
	const struct piece *p = piece_at(c, c->filled);

	ch_hash_more(&c->plain_hash, p->data, p->len);
	c->plain_size += p->len;
	c->filled++;
	pthread_mutex_lock(&c->lock);
	c->ready = c->filled;
	pthread_cond_signal(&c->work);
	pthread_mutex_unlock(&c->lock);
	return c->filled - c->written == c->n_ring ? write_oldest(c, err) : 0;
}

static int take(struct ch_output *input, const void *data, size_t len, struct ch_err *err)
{
	struct ch_compress *c = (struct ch_compress *)input;
	const char *from = data;

	while (len > 0) {
		struct piece *p = piece_at(c, c->filled);
		size_t room = c->codec->piece - p->len, n = len < room ? len : room;

		if (!provide(&p->data, c->codec->piece))
			return ch_err_nomem(err);
		memcpy(p->data + p->len, from, n);
		p->len += n;
		from += n;
		len -= n;
		if (p->len == c->codec->piece && hand_over(c, err) < 0)
			return err->code;
	}
	return 0;
}

static int take_plain(struct ch_output *input, const void *data, size_t len, struct ch_err *err)
{
	struct ch_compress *c = (struct ch_compress *)input;

	c->plain_size += len;
	return put(c, data, len, err);
}

struct ch_output *ch_compress_input(struct ch_compress *compress)
{
	return &compress->input;
}

/* ---- begin and end ------------------------------------------------------------------------- */

int ch_compress_new(const struct ch_compress_how *how, struct ch_output *out,
		    struct ch_compress **ret_compress, struct ch_err *err)
{
	const struct ch_codec *codec = ch_codec_of(how->kind);
	size_t threads = how->threads ? how->threads : ch_threads_cpus();

	if (codec && (how->level < 0 || how->level > codec->max))
		return ch_err_set(err, -EINVAL, "no such level of compression: %d (1 to %d)",
				  how->level, codec->max);
	if (threads > THREADS_MAX)
		threads = THREADS_MAX;

	ch_auto(compress) struct ch_compress *c = calloc(1, sizeof(*c));

	if (!c)
		return ch_err_nomem(err);
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->work, NULL);
	pthread_cond_init(&c->done, NULL);
	c->input.write = codec ? take : take_plain;
	c->out = out;
	c->codec = codec;
	if (ch_hash_start(&c->hash, CH_SHA256, err) < 0)
		return err->code;
	if (codec) {
		c->level = how->level ? how->level : codec->usual;
		c->n_ring = PIECES_EACH * threads + 1;
		c->ring = calloc(c->n_ring, sizeof(*c->ring));
		c->state = codec->make(c->level);
		if (!c->ring || !c->state)
			return ch_err_nomem(err);
		if (ch_hash_start(&c->plain_hash, CH_SHA256, err) < 0)
			return err->code;
		start(c, threads);
	}
	*ret_compress = ch_take(c);
	return 0;
}

/* What is left is a piece. One there is always: nothing, too, is compressed to something. */
static int finish(struct ch_compress *c, struct ch_err *err)
{
	struct piece *p = piece_at(c, c->filled);

	if (!provide(&p->data, c->codec->piece))
		return ch_err_nomem(err);
	if ((p->len > 0 || c->filled == 0) && hand_over(c, err) < 0)
		return err->code;
	while (c->written < c->filled)
		if (write_oldest(c, err) < 0)
			return err->code;
	return 0;
}

int ch_compress_end(struct ch_compress *compress, struct ch_compressed *ret, struct ch_err *err)
{
	if (compress->codec && finish(compress, err) < 0)
		return err->code;
	ret->size = compress->size;
	ret->plain_size = compress->plain_size;
	ch_hash_end(&compress->hash, ret->digest);
	if (compress->codec)
		ch_hash_end(&compress->plain_hash, ret->plain_digest);
	else
		memcpy(ret->plain_digest, ret->digest, sizeof(ret->digest));
	return 0;
}

void ch_compress_free(struct ch_compress *compress)
{
	struct ch_compress *c = compress;

	if (!c)
		return;
	pthread_mutex_lock(&c->lock);
	c->is_ending = true;
	pthread_cond_broadcast(&c->work);
	pthread_mutex_unlock(&c->lock);
	while (c->n_threads > 0)
		pthread_join(c->threads[--c->n_threads], NULL);
	for (size_t i = 0; c->ring && i < c->n_ring; i++) {
		free(c->ring[i].data);
		free(c->ring[i].out);
	}
	free(c->ring);
	if (c->state)
		c->codec->free(c->state);
	ch_hash_done(&c->hash);
	ch_hash_done(&c->plain_hash);
	pthread_cond_destroy(&c->done);
	pthread_cond_destroy(&c->work);
	pthread_mutex_destroy(&c->lock);
	free(c);
}
