/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "torture.h"
#include "unit.h"

static void control_characters_are_masked(void **state)
{
	(void)state;
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "", "" },
		{ "plain text", "plain text" },
		{ "a\nb\r\tc", "a?b??c" },
		{ "\x01\x1f\x7f\x20\x7e", "??? ~" },
		/* UTF-8 is kept, from the first to the last character ... */
		{ "\xe2\x82\xac \xc2\xa0\xf0\x9f\x90\xa7",
		  "\xe2\x82\xac \xc2\xa0\xf0\x9f\x90\xa7" },
		{ "\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf",
		  "\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf" },
		/* ... and nothing else: cut, overlong, surrogates, too large */
		{ "\xff\x80\xe9t\xe9", "???t?" },
		{ "\xe2\x82", "??" },
		{ "\xc0\x80\xc1\xbf\xe0\x9f\xbf\xf0\x8f\xbf\xbf", "???????????" },
		{ "\xed\xa0\x80\xed\xbf\xbf\xf4\x90\x80\x80", "??????????" },
		/* C1 controls: CSI in UTF-8, and as a byte */
		{ "a\xc2\x9b"
		  "31mb\xc2\x80\xc2\x9f",
		  "a??31mb????" },
		{ "a\x9b"
		  "31m",
		  "a?31m" },
		/* directions, and separators of lines and paragraphs */
		{ "\xe2\x80\xaa\xe2\x80\xae\xe2\x81\xa6\xe2\x81\xa9", "????????????" },
		{ "\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\x8e\xe2\x80\x8f\xd8\x9c", "??????????????" },
		{ "\xe2\x80\x8d\xe2\x80\xa7\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa",
		  "\xe2\x80\x8d\xe2\x80\xa7\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ch_auto(str) char *text = strdup(cases[i].in);

		ch_text_one_line(text);

		assert_string_equal(text, cases[i].out);
	}
}

static void a_text_is_not_cut_within_a_character(void **state)
{
	(void)state;
	static const struct {
		const char *in;
		size_t max;
		const char *out;
	} cases[] = {
		{ "", 0, "" },
		{ "abc", 0, "" },
		{ "abc", 2, "ab" },
		{ "abc", 3, "abc" },
		{ "abc", 4, "abc" },
		{ "a\xe2\x82\xac", 4, "a\xe2\x82\xac" },
		{ "a\xe2\x82\xac", 3, "a" },
		{ "a\xe2\x82\xac", 2, "a" },
		{ "a\xe2\x82\xac", 1, "a" },
		{ "\x80\x80\x80", 2, "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ch_auto(str) char *text = strdup(cases[i].in);

		ch_text_cut(text, cases[i].max);

		assert_string_equal(text, cases[i].out);
	}
}

/* All items of LIST, each in brackets. */
static int split(const char *list, char sep, char **ret_items, struct ch_err *err)
{
	ch_auto(buf) struct ch_buf buf = CH_BUF_INIT(1000);

	while (list) {
		ch_auto(str) char *item = NULL;
		int rc = ch_text_next(&list, sep, &item, err);

		if (rc < 0)
			return rc;
		ch_buf_addf(&buf, "[%s]", item);
	}
	return ch_buf_take(&buf, ret_items);
}

static void lists_are_split_and_unescaped(void **state)
{
	(void)state;
	static const struct {
		const char *list, *items;
	} cases[] = {
		{ "", "[]" },
		{ "a", "[a]" },
		{ "a,b", "[a][b]" },
		{ ",", "[][]" },
		{ "a,,b,", "[a][][b][]" },
		{ "a\\,b", "[a,b]" },
		{ "a\\\\,b", "[a\\,b]" },
		{ "a\\\\b,c", "[a\\\\b][c]" },
		{ "a\\:b,c\\n", "[a\\:b][c\\n]" },
		{ "a\\", "[a\\]" },
		{ "\\", "[\\]" },
		{ "\\,", "[,]" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ch_auto(str) char *items = NULL;
		struct ch_err err;

		assert_int_equal(split(cases[i].list, ',', &items, &err), 0);

		assert_string_equal(items, cases[i].items);
	}
}

static void the_rest_of_a_list_stays_as_it_was(void **state)
{
	(void)state;
	const char *list = "a\\,b:c\\:d,e:f";
	ch_auto(str) char *item = NULL;
	struct ch_err err;

	assert_int_equal(ch_text_next(&list, ':', &item, &err), 0);

	assert_string_equal(item, "a\\,b");
	assert_string_equal(list, "c\\:d,e:f");
}

static void numbers_within_limits_are_read(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		long long min, max, number;
	} cases[] = {
		{ "0", 0, 0, 0 },
		{ "42", 0, 100, 42 },
		{ "-7", -10, 10, -7 },
		{ "007", 0, 7, 7 },
		{ "9223372036854775807", 0, LLONG_MAX, LLONG_MAX },
		{ "-9223372036854775808", LLONG_MIN, 0, LLONG_MIN },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		long long number = -1;
		struct ch_err err;

		assert_int_equal(ch_text_number(cases[i].text, "x", cases[i].min, cases[i].max,
						&number, &err),
				 0);
		assert_int_equal(number, cases[i].number);
	}
}

static void other_numbers_are_refused(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int code;
	} cases[] = {
		{ "", -EINVAL },
		{ "x", -EINVAL },
		{ "1x", -EINVAL },
		{ " 1", -EINVAL },
		{ "1 ", -EINVAL },
		{ "+1", -EINVAL },
		{ "\t1", -EINVAL },
		{ "\n1", -EINVAL },
		{ "0x1", -EINVAL },
		{ "-", -EINVAL },
		{ "1.5", -EINVAL },
		{ "--1", -EINVAL },
		{ "0", -ERANGE },
		{ "11", -ERANGE },
		{ "-5", -ERANGE },
		{ "9223372036854775808", -ERANGE },
		{ "-99999999999999999999", -ERANGE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		long long number = 77;
		struct ch_err err;

		assert_int_equal(ch_text_number(cases[i].text, "x", 1, 10, &number, &err),
				 cases[i].code);
		assert_int_equal(number, 77);
	}
}

static void messages_name_the_number_and_its_limits(void **state)
{
	(void)state;
	long long number;
	struct ch_err err;

	ch_text_number("ten", "threads", 1, 64, &number, &err);
	assert_string_equal(err.msg, "threads 'ten' is not a number");

	ch_text_number("65", "threads", 1, 64, &number, &err);
	assert_string_equal(err.msg, "threads '65' is not between 1 and 64");
}

static void numbers_of_32_bits_are_whole_or_left_alone(void **state)
{
	(void)state;
	uint32_t number = 77;
	struct ch_err err;

	assert_int_equal(ch_text_u32("4294967296", "x", 0, UINT32_MAX, &number, &err), -ERANGE);
	assert_int_equal(ch_text_u32("-1", "x", 0, UINT32_MAX, &number, &err), -ERANGE);
	assert_int_equal(number, 77);
	assert_int_equal(ch_text_u32("4294967295", "x", 0, UINT32_MAX, &number, &err), 0);
	assert_int_equal(number, UINT32_MAX);
}

static void yes_and_no_are_all_there_is(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int code;
		bool yes;
	} cases[] = {
		{ "yes", 0, true },	{ "no", 0, false },	  { "", -EINVAL, true },
		{ "y", -EINVAL, true }, { "YES", -EINVAL, true }, { "no ", -EINVAL, true },
		{ "1", -EINVAL, true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		bool yes = true;
		struct ch_err err;

		assert_int_equal(ch_text_yesno(cases[i].text, "home", &yes, &err), cases[i].code);
		assert_int_equal(yes, cases[i].yes);
		if (cases[i].code)
			assert_int_equal(err.code, cases[i].code);
	}
}

static int split_some(void *data)
{
	(void)data;
	ch_auto(str) char *items = NULL;
	struct ch_err err;

	return split("a,b\\,c,d", ',', &items, &err);
}

static void survives_lack_of_memory(void **state)
{
	(void)state;

	assert_in_range(torture(split_some, NULL), 4, 10);
}

static void words_are_quoted_for_a_log(void **state)
{
	static const struct {
		const char *words[4], *line;
		size_t size;
	} cases[] = {
		{ { NULL }, "", 100 },
		{ { "a" }, "'a'", 100 },
		{ { "ch-run", "", "a  b" }, "'ch-run' '' 'a  b'", 100 },
		{ { "a\nb\t\x1b[31m\x7f" }, "'a\\012b\\011\\033[31m\\177'", 100 },
		{ { "it's", "\\n", "\"" }, "'it\\047s' '\\134n' '\"'", 100 },
		{ { "\xc3\xa4" }, "'\xc3\xa4'", 100 },
		{ { "12345" }, "'12345'", 11 },
		{ { "12345" }, "'12345...", 10 },
		{ { "12345" }, "'12...", 7 },
		{ { "12345", "6" }, "'12345'...", 11 },
		{ { "1\n" }, "'1...", 8 },
		{ { "a" }, "...", 4 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *words[4], line[100];

		for (size_t k = 0; k < 4; k++)
			words[k] = cases[i].words[k] ? strdup(cases[i].words[k]) : NULL;
		ch_text_quote_words(words, line, cases[i].size);
		assert_string_equal(line, cases[i].line);
		for (size_t k = 0; k < 4; k++)
			free(words[k]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_quoted_for_a_log),
		cmocka_unit_test(control_characters_are_masked),
		cmocka_unit_test(a_text_is_not_cut_within_a_character),
		cmocka_unit_test(lists_are_split_and_unescaped),
		cmocka_unit_test(the_rest_of_a_list_stays_as_it_was),
		cmocka_unit_test(numbers_within_limits_are_read),
		cmocka_unit_test(other_numbers_are_refused),
		cmocka_unit_test(messages_name_the_number_and_its_limits),
		cmocka_unit_test(numbers_of_32_bits_are_whole_or_left_alone),
		cmocka_unit_test(yes_and_no_are_all_there_is),
		cmocka_unit_test(survives_lack_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
