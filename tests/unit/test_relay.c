/* SPDX-License-Identifier: Apache-2.0 */
/* test_relay - what is given to a relay reaches the sink behind it, in time and in order */
#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "unit.h"

#include "archive/entry.h"
#include "archive/relay.h"
#include "base/auto.h"
#include "base/err.h"
#include "torture.h"

#define MIB (1U << 20)

/* What a sink was given, as a number. It is called by another thread, which cannot assert. */
struct witness {
	struct ch_sink sink;
	uint64_t sum;
	unsigned calls, fails_at; /* 0: never */
	uint64_t bytes;
	atomic_uint_fast64_t *given; /* so many bytes were given to the relay; or NULL */
	bool has_ended, is_wrong;
};

static void mix(struct witness *w, const void *data, size_t len)
{
	const unsigned char *bytes = data;

	for (size_t i = 0; i < len; i++)
		w->sum = (w->sum ^ bytes[i]) * 0x100000001b3;
	w->sum = (w->sum ^ len) * 0x100000001b3;
}

static void mix_text(struct witness *w, const char *text)
{
	mix(w, text ? text : "-", text ? strlen(text) + 1 : 1);
}

static int call(struct witness *w, struct ch_err *err)
{
	w->is_wrong |= w->has_ended || (w->fails_at > 0 && w->calls >= w->fails_at);
	w->calls++;
	return w->calls == w->fails_at ? ch_err_set(err, -EDOM, "call %u failed", w->calls) : 0;
}

static int witness_add(struct ch_sink *sink, const struct ch_entry *e, struct ch_err *err)
{
	struct witness *w = (struct witness *)sink;

	mix_text(w, e->path);
	mix_text(w, e->link);
	mix_text(w, e->target);
	mix(w, &e->mode, sizeof(e->mode));
	mix(w, &e->mtime, sizeof(e->mtime));
	mix(w, &e->size, sizeof(e->size));
	for (size_t i = 0; i < e->n_xattrs; i++) {
		mix_text(w, e->xattrs[i].name);
		mix(w, e->xattrs[i].value, e->xattrs[i].len);
	}
	return call(w, err);
}

static int witness_data(struct ch_sink *sink, uint64_t off, const void *data, size_t len,
			struct ch_err *err)
{
	struct witness *w = (struct witness *)sink;

	mix(w, &off, sizeof(off));
	mix(w, data, len);
	w->bytes += len;
	w->is_wrong |= w->given && atomic_load(w->given) - w->bytes > 6 * MIB;
	return call(w, err);
}

static int witness_end(struct ch_sink *sink, struct ch_err *err)
{
	struct witness *w = (struct witness *)sink;
	int rc = call(w, err);

	w->has_ended = true;
	return rc;
}

static struct witness new_witness(void)
{
	return (struct witness){ .sink = { witness_add, witness_data, witness_end } };
}

/* ---- what is given ----------------------------------------------------------------- */

static char noise[3 * MIB];

static int give_file(struct ch_sink *sink, unsigned n, size_t len, struct ch_err *err)
{
	char path[32], link[32];
	const struct ch_entry_xattr xattrs[] = {
		{ "user.some", noise + n, n % 300 },
		{ "user.empty", "", 0 },
		{ "user.large", noise, n % 40 == 7 ? 2 * MIB : 1 },
	};
	const struct ch_entry entry = {
		.path = path,
		.link = n % 7 == 0 ? link : NULL,
		.target = n % 5 == 0 ? "target" : NULL,
		.mode = S_IFREG | (n & 0777),
		.mtime = { .tv_sec = n, .tv_nsec = n },
		.size = len,
		.xattrs = xattrs,
		.n_xattrs = n % 4,
	};

	snprintf(path, sizeof(path), "dir/file%u", n);
	snprintf(link, sizeof(link), "%u", n / 2);
	if (sink->add(sink, &entry, err) < 0)
		return err->code;
	return len > 0 ? sink->data(sink, n, noise + n, len, err) : 0;
}

/* N files, and the end */
static int give(struct ch_sink *sink, unsigned n, struct ch_err *err)
{
	static const size_t lens[] = { 0, 1, 15, 16, 17, 1000, 70000, MIB, 2 * MIB };

	for (unsigned i = 0; i < n; i++)
		if (give_file(sink, i, lens[i * 31 % ARRAY_SIZE(lens)], err) < 0)
			return err->code;
	return sink->end(sink, err);
}

static void make_noise(void)
{
	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (char)(i * 2654435761U >> 13);
}

/* ---- tests ------------------------------------------------------------------------- */

static void everything_arrives_in_order(void **state)
{
	(void)state;
	struct witness direct = new_witness(), behind = new_witness();
	ch_auto(relay) struct ch_relay *relay = NULL;
	struct ch_err err;

	assert_int_equal(give(&direct.sink, 120, &err), 0);

	assert_int_equal(ch_relay_new(&behind.sink, &relay, &err), 0);
	assert_int_equal(give(ch_relay_sink(relay), 120, &err), 0);

	assert_int_equal(behind.calls, direct.calls);
	assert_true(behind.sum == direct.sum);
	assert_true(behind.has_ended && !behind.is_wrong);
}

static void an_error_comes_back(void **state)
{
	(void)state;
	static const unsigned calls[] = { 1, 2, 30, 150 };

	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		struct witness behind = new_witness();
		ch_auto(relay) struct ch_relay *relay = NULL;
		struct ch_err err;
		char message[32];

		behind.fails_at = calls[i];
		snprintf(message, sizeof(message), "call %u failed", calls[i]);

		assert_int_equal(ch_relay_new(&behind.sink, &relay, &err), 0);
		assert_int_equal(give(ch_relay_sink(relay), 120, &err), -EDOM);

		assert_string_equal(err.msg, message);
		assert_int_equal(behind.calls, calls[i]);
		assert_false(behind.is_wrong);
	}
}

static void the_error_of_the_end_comes_back(void **state)
{
	(void)state;
	struct witness behind = new_witness();
	ch_auto(relay) struct ch_relay *relay = NULL;
	struct ch_err err;

	behind.fails_at = 1;

	assert_int_equal(ch_relay_new(&behind.sink, &relay, &err), 0);
	assert_int_equal(give(ch_relay_sink(relay), 0, &err), -EDOM);
}

static void little_is_under_way(void **state)
{
	(void)state;
	atomic_uint_fast64_t given = 0;
	struct witness behind = new_witness();
	ch_auto(relay) struct ch_relay *relay = NULL;
	struct ch_sink *sink;
	struct ch_err err;

	behind.given = &given;
	assert_int_equal(ch_relay_new(&behind.sink, &relay, &err), 0);
	sink = ch_relay_sink(relay);
	for (unsigned i = 0; i < 2000; i++) {
		atomic_fetch_add(&given, 10000);
		assert_int_equal(sink->data(sink, i, noise, 10000, &err), 0);
	}
	assert_int_equal(sink->end(sink, &err), 0);
	assert_true(behind.bytes == atomic_load(&given));
	assert_false(behind.is_wrong);
}

static void it_can_be_given_up(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 20; n++) {
		struct witness behind = new_witness();
		ch_auto(relay) struct ch_relay *relay = NULL;
		struct ch_err err;

		assert_int_equal(ch_relay_new(&behind.sink, &relay, &err), 0);
		for (unsigned i = 0; i < n; i++)
			assert_int_equal(give_file(ch_relay_sink(relay), i, 400000, &err), 0);
	}
}

static int give_few(void *data)
{
	(void)data;
	struct witness behind = new_witness();
	ch_auto(relay) struct ch_relay *relay = NULL;
	struct ch_err err;

	if (ch_relay_new(&behind.sink, &relay, &err) < 0)
		return err.code;
	return give(ch_relay_sink(relay), 3, &err);
}

static void memory_may_end(void **state)
{
	(void)state;
	assert_true(torture(give_few, NULL) > 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_arrives_in_order),
		cmocka_unit_test(an_error_comes_back),
		cmocka_unit_test(the_error_of_the_end_comes_back),
		cmocka_unit_test(little_is_under_way),
		cmocka_unit_test(it_can_be_given_up),
		cmocka_unit_test(memory_may_end),
	};

	make_noise();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
