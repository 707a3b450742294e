/* SPDX-License-Identifier: Apache-2.0 */
/* test_gunzip - gzip is undone, however it comes, or goes by; what is damaged is told */
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/types.h>

#include "unit.h"

#include "archive/codec.h"
#include "archive/gunzip.h"
#include "base/err.h"
#include "torture.h"

enum { PLAIN = 300 * 1024, ROOM = 3 * PLAIN };

static char plain[PLAIN];
static size_t plain_len;
static char packed[ROOM];
static size_t packed_len;

/* Where the input comes from, and where the output goes */
struct trial {
	size_t at, piece; /* so much at a time */
	int fails;	  /* negative errno, instead of the end */
	bool is_over;
	char out[ROOM];
	size_t len;
	struct ch_err err;
};

static ssize_t more(void *data, void *buf, size_t size, struct ch_err *err)
{
	struct trial *t = data;
	size_t n = packed_len - t->at;

	assert_false(t->is_over);
	n = n < size ? n : size;
	n = n < t->piece ? n : t->piece;
	memcpy(buf, packed + t->at, n);
	t->at += n;
	t->is_over = n == 0;
	return t->is_over && t->fails ? ch_err_set(err, t->fails, "the input fails") : (ssize_t)n;
}

/* Returns 0 or what ch_gunzip_next did. */
static int undo(struct trial *t)
{
	struct ch_gunzip g = { .more = more, .data = t };
	const void *data;
	ssize_t n = ch_gunzip_init(&g, &t->err);

	t->at = t->len = 0;
	t->is_over = false;
	if (n == 0)
		while ((n = ch_gunzip_next(&g, &data, &t->err)) > 0) {
			assert_true(t->len + (size_t)n <= ROOM);
			memcpy(t->out + t->len, data, (size_t)n);
			t->len += (size_t)n;
		}
	ch_gunzip_done(&g);
	return (int)n;
}

/* Is it there N times? Without ISA-L all goes by as it is. */
static void assert_plain(const struct trial *t, size_t n)
{
#ifdef HAVE_ISAL
	assert_int_equal(t->len, n * plain_len);
	for (size_t i = 0; i < n; i++)
		assert_memory_equal(t->out + i * plain_len, plain, plain_len);
#else
	(void)n;
	assert_int_equal(t->len, packed_len);
	assert_memory_equal(t->out, packed, packed_len);
#endif
}

/* LEN bytes of contents, as N members */
static void pack(size_t len, size_t n)
{
	const struct ch_codec *codec = ch_codec_of(CH_COMPRESS_GZIP);
	void *state = NOT_NULL(codec->make(6));

	plain_len = len;
	packed_len = 0;
	for (size_t i = 0; i < n; i++)
		packed_len += codec->run(state, plain, len, packed + packed_len, ROOM - packed_len);
	codec->free(state);
}

/* A header with all that it may have, up to a sum of itself */
static const char header[] = "\x1f\x8b\10\x1f\0\0\0\0\0\xff"
			     "\5\0extra"
			     "name\0"
			     "comment\0"
			     "\xe9\x54";

/* As pack, with that instead of the one of 10 bytes */
static void pack_with_header(size_t len, size_t n)
{
	enum { SIMPLE = 10, HEADER = sizeof(header) - 1 };
	size_t one;

	pack(len, 1);
	one = packed_len - SIMPLE + HEADER;
	memmove(packed + HEADER, packed + SIMPLE, packed_len - SIMPLE);
	memcpy(packed, header, HEADER);
	for (size_t i = 1; i < n; i++)
		memcpy(packed + i * one, packed, one);
	packed_len = n * one;
}

static void make_plain(void)
{
	for (size_t i = 0; i < PLAIN; i++)
		plain[i] = (char)(i % 1000 < 500 ? i * 2654435761U >> 17 : i / 1000);
}

/* ---- tests ------------------------------------------------------------------------- */

static void members_may_come_in_any_pieces(void **state)
{
	(void)state;
	static const size_t pieces[] = { 1, 2, 3, 7, 9, 18, 4096, ROOM }, lens[] = { 0, 1, 5000 };
	static struct trial t;

	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++)
		for (size_t k = 0; k < ARRAY_SIZE(lens); k++)
			for (size_t n = 1; n < 4; n++) {
				pack(lens[k], n);
				t.piece = pieces[i];
				assert_int_equal(undo(&t), 0);
				assert_plain(&t, n);
			}
}

static void headers_may_come_in_any_pieces(void **state)
{
	(void)state;
	static struct trial t;

	pack_with_header(100, 3);
	for (t.piece = 1; t.piece <= packed_len; t.piece++) {
		assert_int_equal(undo(&t), 0);
		assert_plain(&t, 3);
	}
}

static void members_may_be_large(void **state)
{
	(void)state;
	static struct trial t = { .piece = 100000 };

	pack(PLAIN, 2);
	assert_int_equal(undo(&t), 0);
	assert_plain(&t, 2);
}

static void what_is_no_gzip_goes_by(void **state)
{
	(void)state;
	static const char *const inputs[] = { "", "\x1f", "\x1f\x8b", "\x1f\x8b\7xxxxxxxx",
					      "text" };
	static struct trial t;

	for (size_t i = 0; i < ARRAY_SIZE(inputs); i++)
		for (t.piece = 1; t.piece < 8; t.piece++) {
			packed_len = strlen(inputs[i]);
			memcpy(packed, inputs[i], packed_len);
			assert_int_equal(undo(&t), 0);
			assert_int_equal(t.len, packed_len);
			assert_memory_equal(t.out, packed, packed_len);
		}
}

static void errors_of_the_input_are_told(void **state)
{
	(void)state;
	static struct trial t = { .piece = 1000, .fails = -EDOM };

	pack(PLAIN, 1);
	assert_int_equal(undo(&t), -EDOM);
	assert_string_equal(t.err.msg, "the input fails");
}

#ifdef HAVE_ISAL
static void what_follows_is_left_out(void **state)
{
	(void)state;
	static struct trial t = { .piece = 10 };

	pack(3000, 2);
	memset(packed + packed_len, 0, 512);
	packed_len += 512;
	assert_int_equal(undo(&t), 0);
	assert_plain(&t, 2);
}

static void what_ends_too_early_is_damaged(void **state)
{
	(void)state;
	static struct trial t = { .piece = 100 };
	size_t whole;

	pack(3000, 2);
	whole = packed_len;
	for (packed_len = 3; packed_len < whole; packed_len++) {
		/* The first one alone is whole, and so it is with what is no second one. */
		if (packed_len >= whole / 2 && packed_len < whole / 2 + 3)
			continue;
		assert_int_equal(undo(&t), -EINVAL);
		assert_string_equal(t.err.msg, "read: truncated gzip input");
	}
}

/* But for the header, where most of it says nothing. */
static void each_byte_counts(void **state)
{
	(void)state;
	static struct trial t = { .piece = 100 };

	pack(3000, 1);
	for (size_t i = 10; i < packed_len; i++) {
		packed[i] ^= 1;
		assert_int_equal(undo(&t), -EINVAL);
		packed[i] ^= 1;
	}
}

/* A header with a sum of itself: so does each of its own. */
static void each_byte_of_a_header_counts(void **state)
{
	(void)state;
	static struct trial t;

	pack_with_header(100, 1);
	for (size_t i = 4; i < sizeof(header) - 1; i++)
		for (t.piece = 1; t.piece < 50; t.piece++) {
			packed[i] ^= 1;
			assert_int_equal(undo(&t), -EINVAL);
			packed[i] ^= 1;
		}
}
#endif

static int undo_some(void *data)
{
	(void)data;
	static struct trial t = { .piece = 1000 };

	return undo(&t);
}

static void memory_may_end(void **state)
{
	(void)state;
	pack(3000, 2);
	assert_true(torture(undo_some, NULL) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_may_come_in_any_pieces),
		cmocka_unit_test(headers_may_come_in_any_pieces),
		cmocka_unit_test(members_may_be_large),
		cmocka_unit_test(what_is_no_gzip_goes_by),
		cmocka_unit_test(errors_of_the_input_are_told),
#ifdef HAVE_ISAL
		cmocka_unit_test(what_follows_is_left_out),
		cmocka_unit_test(what_ends_too_early_is_damaged),
		cmocka_unit_test(each_byte_counts),
		cmocka_unit_test(each_byte_of_a_header_counts),
#endif
		cmocka_unit_test(memory_may_end),
	};

	make_plain();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
