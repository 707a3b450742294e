/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <errno.h>
#include <string.h>

#include "unit.h"

static void a_diagnosis_has_code_place_and_text(void **state)
{
	(void)state;
	struct ch_err err;

	int rc = ch_err_set(&err, -EINVAL, "bind '%s' is not absolute", "a");

	assert_int_equal(rc, -EINVAL);
	assert_int_equal(err.code, -EINVAL);
	assert_int_equal(err.line, __LINE__ - 4);
	assert_string_equal(strrchr(err.file, '/') ? strrchr(err.file, '/') + 1 : err.file,
			    "test_err.c");
	assert_string_equal(err.msg, "bind 'a' is not absolute");
}

static void errno_is_explained(void **state)
{
	(void)state;
	struct ch_err err;

	errno = ENOENT;
	int rc = ch_err_sys(&err, "open '%s'", "/x");

	assert_int_equal(rc, -ENOENT);
	assert_string_equal(err.msg, "open '/x': No such file or directory");
}

static void an_errno_that_was_not_set_is_an_error_all_the_same(void **state)
{
	(void)state;
	struct ch_err err;

	errno = 0;

	assert_int_equal(ch_err_sys(&err, "read"), -EIO);
	assert_string_equal(err.msg, "read: Input/output error");
}

static void a_code_in_hand_is_explained(void **state)
{
	(void)state;
	static const struct {
		int code;
		const char *text;
	} cases[] = {
		{ -EACCES, "mount: Permission denied" },
		{ -9999, "mount: error 9999" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ch_err err;

		errno = EBUSY; /* not looked at */

		assert_int_equal(ch_err_rc(&err, cases[i].code, "mount"), cases[i].code);
		assert_string_equal(err.msg, cases[i].text);
	}
}

static void context_goes_in_front(void **state)
{
	(void)state;
	struct ch_err err;

	ch_err_set(&err, -EPROTO, "bad magic");

	assert_int_equal(ch_err_in(&err, "read '%s'", "x"), -EPROTO);
	assert_int_equal(ch_err_in(&err, "image"), -EPROTO);
	assert_string_equal(err.msg, "image: read 'x': bad magic");
}

static void a_message_is_one_line(void **state)
{
	(void)state;
	struct ch_err err;

	ch_err_set(&err, -EINVAL, "%s", "a\nb\x1b[0m\x7f\t\xc3\xa4");
	assert_string_equal(err.msg, "a?b?[0m??\xc3\xa4");

	ch_err_in(&err, "%s", "\r\n");
	assert_string_equal(err.msg, "??: a?b?[0m??\xc3\xa4");
}

static void a_long_message_is_cut(void **state)
{
	(void)state;
	struct ch_err err;
	char text[2000];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';

	ch_err_set(&err, -EINVAL, "%s", text);
	assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);

	ch_err_in(&err, "%s", "front");
	assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
	assert_memory_equal(err.msg, "front: xxx", 10);

	/* The reason is kept. */
	errno = EIO;
	ch_err_sys(&err, "%s", text);
	assert_int_equal(strlen(err.msg), 400);
	assert_string_equal(err.msg + 400 - 21, "x: Input/output error");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_diagnosis_has_code_place_and_text),
		cmocka_unit_test(errno_is_explained),
		cmocka_unit_test(an_errno_that_was_not_set_is_an_error_all_the_same),
		cmocka_unit_test(a_code_in_hand_is_explained),
		cmocka_unit_test(context_goes_in_front),
		cmocka_unit_test(a_message_is_one_line),
		cmocka_unit_test(a_long_message_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
