/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/relay.h"

#include <pthread.h>
#include <signal.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "archive/entry.h"
#include "base/analyser.h"
#include "base/err.h"

enum {
	PARTS = 4,
	/* The largest piece that sources give, and its record */
	PART = (1 << 20) + 4096,
};

/* A call */
struct record {
	size_t size;	       /* with what follows */
	bool is_entry;	       /* else contents */
	struct ch_entry entry; /* points to what follows */
	uint64_t off;
	size_t len;
	max_align_t rest[];
};

/* Many calls, so that threads seldom wait for each other. */
struct part {
	char *records; /* owned; made when it is needed */
	size_t fill;
};

/* Parts are numbered in their order; the one with number I is in ring[I % PARTS], and
 *
 *	taken <= given <= taken + PARTS
 *
 * The caller fills the part with number GIVEN, the thread is at the one with number TAKEN. */
struct ch_relay {
	struct ch_sink sink;
	struct ch_sink *to; /* borrowed */
	struct part ring[PARTS];
	bool has_thread;
	pthread_t thread;

	pthread_mutex_t lock;	    /* for what is below */
	pthread_cond_t more, fewer; /* parts: for the thread, and for the caller */
	uint64_t taken, given;
	bool is_ending;
	bool has_failed; /* then ERR says why, and nothing is given on any more */
	struct ch_err err;
};

/* ---- the thread --------------------------------------------------------------------- */

static void replay(struct ch_sink *to, const struct part *part, struct ch_err *err)
{
	int rc = 0;

	for (size_t at = 0; rc == 0 && at < part->fill;) {
		const struct record *r = (const struct record *)(const void *)(part->records + at);

		rc = r->is_entry ? to->add(to, &r->entry, err)
				 : to->data(to, r->off, r->rest, r->len, err);
		at += r->size;
	}
}

/* Give on the next part, with the lock held, which is not while that goes on. */
static void take_part(struct ch_relay *r)
{
	struct part *part = &r->ring[r->taken % PARTS];
	bool has_failed = r->has_failed;
	struct ch_err err = { 0 };

	pthread_mutex_unlock(&r->lock);
	if (!has_failed)
		replay(r->to, part, &err);
	part->fill = 0;
	pthread_mutex_lock(&r->lock);
	if (err.code < 0) {
		r->err = err;
		r->has_failed = true;
	}
	r->taken++;
	pthread_cond_signal(&r->fewer);
}

static void *work(void *data)
{
	struct ch_relay *r = data;

	pthread_mutex_lock(&r->lock);
	while (!r->is_ending) {
		if (r->taken < r->given)
			take_part(r);
		else
			pthread_cond_wait(&r->more, &r->lock);
	}
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

/* Signals are for others. */
static void start(struct ch_relay *r)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r->has_thread = pthread_create(&r->thread, NULL, work, r) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* ---- the caller --------------------------------------------------------------------- */

/* The part that is being filled goes to the thread. Wait till not more than WAITING are there. */
static int hand_over(struct ch_relay *r, uint64_t waiting, struct ch_err *err)
{
	int rc = 0;

	pthread_mutex_lock(&r->lock);
	if (r->ring[r->given % PARTS].fill > 0)
		r->given++;
	pthread_cond_signal(&r->more);
	while (r->given - r->taken > waiting)
		pthread_cond_wait(&r->fewer, &r->lock);
	if (r->has_failed) {
		*err = r->err;
		rc = err->code;
	}
	pthread_mutex_unlock(&r->lock);
	return rc;
}

/* A record with LEN bytes behind it */
static size_t record_size(size_t len)
{
	size_t unit = alignof(max_align_t);

	return (sizeof(struct record) + len + unit - 1) / unit * unit;
}

/* Can the thread do a call with LEN bytes? Else the caller does it, when all before is done. */
static bool is_for_thread(const struct ch_relay *r, size_t len)
{
	return r->has_thread && len < PART && record_size(len) <= PART;
}

CH_MOVES_BEGIN
/* Room for a call with LEN bytes, or NULL. */
static struct record *make_room(struct ch_relay *r, size_t len, struct ch_err *err)
{
	struct part *part = &r->ring[r->given % PARTS];
	size_t size = record_size(len);
	struct record *record;

	if (part->fill + size > PART) {
		if (hand_over(r, PARTS - 1, err) < 0)
			return NULL;
		part = &r->ring[r->given % PARTS];
	}
	if (!part->records && !(part->records = malloc(PART))) {
		ch_err_nomem(err);
		return NULL;
	}
	record = (struct record *)(void *)(part->records + part->fill);
	*record = (struct record){ .size = size };
	part->fill += size;
	return record;
}
CH_MOVES_END

/* ---- copies ------------------------------------------------------------------------- */

static size_t text_size(const char *text)
{
	return text ? strlen(text) + 1 : 0;
}

static size_t size_of(const struct ch_entry *e)
{
	size_t size = text_size(e->path) + text_size(e->link) + text_size(e->target) +
		      e->n_xattrs * sizeof(*e->xattrs);

	for (size_t i = 0; i < e->n_xattrs; i++)
		size += text_size(e->xattrs[i].name) + e->xattrs[i].len;
	return size;
}

/* Copy LEN bytes to *AT, which moves behind them. Returns where they are now. */
static void *put(char **at, const void *from, size_t len)
{
	char *to = *at;

	if (len > 0)
		memcpy(to, from, len);
	*at += len;
	return to;
}

static const char *put_text(char **at, const char *text)
{
	return text ? put(at, text, text_size(text)) : NULL;
}

static void copy_entry(struct record *to, const struct ch_entry *from)
{
	char *at = (char *)to->rest;
	struct ch_entry_xattr *xattrs = put(&at, from->xattrs, from->n_xattrs * sizeof(*xattrs));

	to->is_entry = true;
	to->entry = *from;
	to->entry.xattrs = xattrs;
	for (size_t i = 0; i < from->n_xattrs; i++) {
		xattrs[i].name = put_text(&at, xattrs[i].name);
		xattrs[i].value = put(&at, xattrs[i].value, xattrs[i].len);
	}
	to->entry.path = put_text(&at, from->path);
	to->entry.link = put_text(&at, from->link);
	to->entry.target = put_text(&at, from->target);
}

/* ---- the sink ----------------------------------------------------------------------- */

static int add(struct ch_sink *sink, const struct ch_entry *entry, struct ch_err *err)
{
	struct ch_relay *r = (struct ch_relay *)sink;
	size_t len = size_of(entry);
	struct record *record;

	if (!is_for_thread(r, len))
		return hand_over(r, 0, err) < 0 ? err->code : r->to->add(r->to, entry, err);
	record = make_room(r, len, err);
	if (!record)
		return err->code;
	copy_entry(record, entry);
	return 0;
}

static int data(struct ch_sink *sink, uint64_t off, const void *bytes, size_t len,
		struct ch_err *err)
{
	struct ch_relay *r = (struct ch_relay *)sink;
	struct record *record;

	if (!is_for_thread(r, len))
		return hand_over(r, 0, err) < 0 ? err->code
						: r->to->data(r->to, off, bytes, len, err);
	record = make_room(r, len, err);
	if (!record)
		return err->code;
	record->off = off;
	record->len = len;
	memcpy(record->rest, bytes, len);
	return 0;
}

static int end(struct ch_sink *sink, struct ch_err *err)
{
	struct ch_relay *r = (struct ch_relay *)sink;

	return hand_over(r, 0, err) < 0 ? err->code : r->to->end(r->to, err);
}

/* ---- begin and end ------------------------------------------------------------------ */

int ch_relay_new(struct ch_sink *to, struct ch_relay **ret_relay, struct ch_err *err)
{
	struct ch_relay *r = calloc(1, sizeof(*r));

	if (!r)
		return ch_err_nomem(err);
	r->sink = (struct ch_sink){ add, data, end };
	r->to = to;
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->more, NULL);
	pthread_cond_init(&r->fewer, NULL);
	start(r);
	*ret_relay = r;
	return 0;
}

struct ch_sink *ch_relay_sink(struct ch_relay *relay)
{
	return &relay->sink;
}

void ch_relay_free(struct ch_relay *r)
{
	if (!r)
		return;
	pthread_mutex_lock(&r->lock);
	r->is_ending = true;
	pthread_cond_signal(&r->more);
	pthread_mutex_unlock(&r->lock);
	if (r->has_thread)
		pthread_join(r->thread, NULL);
	for (size_t i = 0; i < PARTS; i++)
		free(r->ring[i].records);
	pthread_cond_destroy(&r->fewer);
	pthread_cond_destroy(&r->more);
	pthread_mutex_destroy(&r->lock);
	free(r);
}
