/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/auto.h"
#include "torture.h"
#include "unit.h"

static void an_empty_buffer_gives_an_empty_string(void **state)
{
	(void)state;
	ch_auto(buf) struct ch_buf buf = CH_BUF_INIT(10);
	ch_auto(str) char *text = NULL;

	assert_int_equal(ch_buf_take(&buf, &text), 0);

	assert_string_equal(text, "");
}

static void additions_are_joined(void **state)
{
	(void)state;
	ch_auto(buf) struct ch_buf buf = CH_BUF_INIT(100);
	ch_auto(str) char *text = NULL;

	ch_buf_adds(&buf, "lower=");
	ch_buf_addf(&buf, "%s:%d", "/a", 7);
	ch_buf_add(&buf, ",xyz", 2);

	assert_int_equal(buf.len, 12);
	assert_int_equal(ch_buf_take(&buf, &text), 0);
	assert_string_equal(text, "lower=/a:7,x");
}

static void a_taken_buffer_is_empty_and_usable(void **state)
{
	(void)state;
	ch_auto(buf) struct ch_buf buf = CH_BUF_INIT(3);
	ch_auto(str) char *first = NULL;
	ch_auto(str) char *second = NULL;

	ch_buf_adds(&buf, "one");
	assert_int_equal(ch_buf_take(&buf, &first), 0);
	ch_buf_adds(&buf, "two");
	assert_int_equal(ch_buf_take(&buf, &second), 0);

	assert_string_equal(first, "one");
	assert_string_equal(second, "two");
}

static void bytes_may_be_zero(void **state)
{
	(void)state;
	ch_auto(buf) struct ch_buf buf = CH_BUF_INIT(10);

	ch_buf_add(&buf, "a\0b", 3);

	assert_int_equal(buf.len, 3);
	assert_memory_equal(buf.data, "a\0b", 4);
}

static void the_maximum_is_reached_but_not_passed(void **state)
{
	(void)state;
	static const struct {
		size_t max;
		const char *a, *b;
		int code;
	} cases[] = {
		{ 0, "", "", 0 },
		{ 0, "x", "", -ENOMEM },
		{ 4, "ab", "cd", 0 },
		{ 4, "abcd", "", 0 },
		{ 4, "abc", "de", -ENOMEM },
		{ 4, "abcde", "", -ENOMEM },
		{ 4, "abcde", "", -ENOMEM },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ch_auto(buf) struct ch_buf buf = CH_BUF_INIT(cases[i].max);
		ch_auto(str) char *text = NULL;

		ch_buf_adds(&buf, cases[i].a);
		ch_buf_addf(&buf, "%s", cases[i].b);

		assert_int_equal(ch_buf_take(&buf, &text), cases[i].code);
		assert_int_equal(text == NULL, cases[i].code != 0);
	}
}

static void a_failure_sticks(void **state)
{
	(void)state;
	ch_auto(buf) struct ch_buf buf = CH_BUF_INIT(4);
	ch_auto(str) char *text = NULL;

	ch_buf_adds(&buf, "too long");
	ch_buf_adds(&buf, "x");

	assert_true(ch_buf_bad(&buf));
	assert_int_equal(ch_buf_take(&buf, &text), -ENOMEM);
	assert_null(text);
}

static void a_huge_length_does_not_wrap(void **state)
{
	(void)state;
	ch_auto(buf) struct ch_buf buf = CH_BUF_INIT(100);

	ch_buf_adds(&buf, "some");
	ch_buf_add(&buf, "", SIZE_MAX - 2);

	assert_true(ch_buf_bad(&buf));
}

static void it_grows(void **state)
{
	(void)state;
	ch_auto(buf) struct ch_buf buf = CH_BUF_INIT(100000);

	for (int i = 0; i < 10000; i++)
		ch_buf_addf(&buf, "%04d,", i);

	assert_false(ch_buf_bad(&buf));
	assert_int_equal(buf.len, 50000);
	assert_string_equal(buf.data + 49990, "9998,9999,");
}

static void a_file_is_read_as_far_as_there_is_room(void **state)
{
	(void)state;
	static const struct {
		size_t len, max;
		bool is_bad;
	} cases[] = { { 0, 10, false }, { 40000, 40000, false }, { 40001, 40000, true } };
	static char data[40001];

	memset(data, 'x', sizeof(data));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ch_auto(buf) struct ch_buf buf = CH_BUF_INIT(cases[i].max);
		int fd = memfd_create("file", MFD_CLOEXEC);

		assert_int_equal(pwrite(fd, data, cases[i].len, 0), cases[i].len);
		assert_int_equal(ch_buf_read(&buf, fd), 0);
		close(fd);
		assert_int_equal(ch_buf_bad(&buf), cases[i].is_bad);
		if (!cases[i].is_bad)
			assert_int_equal(buf.len, cases[i].len);
	}
}

/* Who writes without end is not waited for. */
static void nothing_is_read_when_there_is_no_room(void **state)
{
	(void)state;
	ch_auto(buf) struct ch_buf buf = CH_BUF_INIT(3);
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "four", 4), 4);
	assert_int_equal(ch_buf_read(&buf, ends[0]), 0); /* not an end: the pipe is open */
	assert_true(ch_buf_bad(&buf));
	close(ends[0]);
	close(ends[1]);
	assert_int_equal(ch_buf_read(&buf, -1), 0);

	ch_buf_done(&buf);
	buf = CH_BUF_INIT(3);
	assert_int_equal(ch_buf_read(&buf, -1), -EBADF);
}

static int build(void *data)
{
	(void)data;
	ch_auto(buf) struct ch_buf buf = CH_BUF_INIT(1000);
	ch_auto(str) char *text = NULL;

	ch_buf_adds(&buf, "start");
	for (int i = 0; i < 50; i++)
		ch_buf_addf(&buf, " %d", i);
	return ch_buf_take(&buf, &text);
}

static void survives_lack_of_memory(void **state)
{
	(void)state;

	assert_in_range(torture(build, NULL), 2, 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_buffer_gives_an_empty_string),
		cmocka_unit_test(additions_are_joined),
		cmocka_unit_test(a_taken_buffer_is_empty_and_usable),
		cmocka_unit_test(bytes_may_be_zero),
		cmocka_unit_test(the_maximum_is_reached_but_not_passed),
		cmocka_unit_test(a_failure_sticks),
		cmocka_unit_test(a_huge_length_does_not_wrap),
		cmocka_unit_test(it_grows),
		cmocka_unit_test(a_file_is_read_as_far_as_there_is_room),
		cmocka_unit_test(nothing_is_read_when_there_is_no_room),
		cmocka_unit_test(survives_lack_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
