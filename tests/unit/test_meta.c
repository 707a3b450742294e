/* SPDX-License-Identifier: Apache-2.0 */
#include "rt/meta.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "unit.h"

/* All items of KIND in brackets. TEXT is copied, so that the sanitizer watches its end. */
static char *items(const char *text, size_t len, const char *kind)
{
	ch_auto(buf) struct ch_buf buf = CH_BUF_INIT(1000);
	ch_auto(str) char *copy = NOT_NULL(malloc(len ? len : 1));
	const char *item;
	size_t pos = 0;
	char *out;

	memcpy(copy, text, len);
	while ((item = ch_meta_next(copy, len, kind, &pos)))
		ch_buf_addf(&buf, "[%s]", item);
	assert_int_equal(ch_buf_take(&buf, &out), 0);
	return out;
}

static void items_of_one_kind_are_found(void **state)
{
	(void)state;
#define TEXT(text) text, sizeof(text)
	static const struct {
		const char *text;
		size_t len;
		const char *kind, *items;
	} cases[] = {
		{ "", 0, "env", "" },
		{ TEXT(""), "env", "" },
		{ TEXT("env A=1"), "env", "[A=1]" },
		{ TEXT("env A=1\0entry /bin/sh\0cmd -c\0env B=2\0cmd x y"), "env", "[A=1][B=2]" },
		{ TEXT("env A=1\0entry /bin/sh\0cmd -c\0env B=2\0cmd x y"), "cmd", "[-c][x y]" },
		{ TEXT("env A=1\0entry /bin/sh\0cmd -c\0env B=2\0cmd x y"), "entry", "[/bin/sh]" },
		{ TEXT("env A=1\0entry /bin/sh"), "other", "" },
		{ TEXT("env "), "env", "[]" },
		{ TEXT("env  x "), "env", "[ x ]" },
		{ TEXT("env"), "env", "" },
		{ TEXT("en"), "env", "" },
		{ TEXT("envy A=1\0 env B=1\0ENV C=1"), "env", "" },
		{ TEXT("\0\0env A=1\0\0"), "env", "[A=1]" },
		{ TEXT("cmd a\nb\xff"), "cmd", "[a\nb\xff]" },
		{ "env A=1", 7, "env", "" }, /* the NUL is missing */
		{ "env A=1\0env B=2", 15, "env", "[A=1]" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ch_auto(str) char *found = items(cases[i].text, cases[i].len, cases[i].kind);

		assert_string_equal(found, cases[i].items);
	}
}

static void errors_are_for_those_who_ask(void **state)
{
	struct ch_err err, told = { .msg = "no such luck" };
	char text[sizeof(err)];
	size_t len = ch_meta_put_error(&told, text, sizeof(text));

	(void)state;
	assert_int_equal(len, sizeof("error no such luck"));
	assert_int_equal(ch_meta_check(text, len, "cmd-error", &err), 0);
	assert_int_equal(ch_meta_check(text, len, "error", &err), -EINVAL);
	assert_string_equal(err.msg, "no such luck");
	assert_int_equal(ch_meta_check(NULL, 0, "error", &err), 0);

	/* It fits, however long it is. */
	memset(told.msg, 'x', sizeof(told.msg) - 1);
	len = ch_meta_put_error(&told, text, sizeof(text));
	assert_int_equal(len, sizeof("error ") - 1 + sizeof(told.msg));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(errors_are_for_those_who_ask),
		cmocka_unit_test(items_of_one_kind_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
