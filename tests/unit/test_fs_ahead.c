/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <fcntl.h>

#include "fs/ahead.h"

#define KIB ((uint64_t)1024)
#define END (1024 * KIB * KIB)

/* Instead of the C library's: what was advised. */
static struct {
	int random;
	int calls;
	uint64_t from; /* of the last call */
	uint64_t to;
	uint64_t bytes;
} advised;

int posix_fadvise(int fd, off_t from, off_t len, int advice)
{
	(void)fd;
	if (advice == POSIX_FADV_RANDOM) {
		advised.random++;
		return 0;
	}
	assert_int_equal(advice, POSIX_FADV_WILLNEED);
	advised.calls++;
	advised.from = (uint64_t)from;
	advised.to = (uint64_t)(from + len);
	advised.bytes += (uint64_t)len;
	return 0;
}

static int setup(void **state)
{
	advised = (__typeof__(advised)){ 0 };
	*state = NOT_NULL(ch_ahead_new(3));
	return 0;
}

static int teardown(void **state)
{
	ch_ahead_free(*state);
	return 0;
}

static void the_kernel_is_told_not_to(void **state)
{
	(void)state;
	assert_int_equal(advised.random, 1);
	assert_int_equal(advised.calls, 0);
}

static void scattered_reads_fetch_nothing(void **state)
{
	for (uint64_t i = 0; i < 1000; i++)
		ch_ahead_note(*state, i * 7919 % 1000 * KIB * KIB, 40 * KIB, END);
	assert_int_equal(advised.calls, 0);
}

static void a_few_in_order_fetch_nothing(void **state)
{
	for (uint64_t i = 0; i < 4; i++)
		ch_ahead_note(*state, i * 40 * KIB, 40 * KIB, END);
	assert_int_equal(advised.calls, 0);
}

static void reading_on_fetches_as_much_as_was_read(void **state)
{
	uint64_t pos = 0;

	while (advised.calls == 0 && pos < END) {
		ch_ahead_note(*state, pos, 40 * KIB, END);
		pos += 40 * KIB;
	}
	assert_int_equal(advised.from, pos);
	assert_true(advised.to - advised.from <= pos);
}

static void each_byte_is_fetched_once(void **state)
{
	uint64_t last = 0;

	for (uint64_t pos = 0; pos < 20 * KIB * KIB; pos += 40 * KIB) {
		int before = advised.calls;

		ch_ahead_note(*state, pos, 40 * KIB, END);
		if (advised.calls == before)
			continue;
		assert_true(advised.from >= last);
		assert_true(advised.to - pos <= 1024 * KIB + 40 * KIB);
		last = advised.to;
	}
	assert_true(advised.bytes > 18 * KIB * KIB);
	assert_true(advised.calls < 60);
}

static void two_readers_are_followed(void **state)
{
	for (uint64_t pos = 0; pos < 4 * KIB * KIB; pos += 64 * KIB) {
		ch_ahead_note(*state, pos, 64 * KIB, END);
		ch_ahead_note(*state, END / 2 + pos, 64 * KIB, END);
	}
	assert_true(advised.bytes > 7 * KIB * KIB);
}

static void nothing_is_fetched_behind_the_end(void **state)
{
	const uint64_t end = 600 * KIB;

	for (uint64_t pos = 0; pos < end; pos += 40 * KIB) {
		ch_ahead_note(*state, pos, 40 * KIB, end);
		assert_true(advised.to <= end);
	}
	assert_true(advised.calls > 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_kernel_is_told_not_to),
		TEST(scattered_reads_fetch_nothing),
		TEST(a_few_in_order_fetch_nothing),
		TEST(reading_on_fetches_as_much_as_was_read),
		TEST(each_byte_is_fetched_once),
		TEST(two_readers_are_followed),
		TEST(nothing_is_fetched_behind_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
