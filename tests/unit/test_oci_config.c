/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"
#include "oci/config.h"

/* The items of TEXT, joined by '|'. */
static char *join(const char *text, size_t len)
{
	char *out = calloc(1, len + 1);

	assert_non_null(out);
	for (size_t i = 0; i < len; i++)
		out[i] = text[i];
	for (size_t i = 0; i + 1 < len; i++)
		if (!out[i])
			out[i] = '|';
	return out;
}

static const struct {
	const char *json, *items;
} cases[] = {
	{ "{}", "" },
	{ "[]", "" },
	{ "{\"config\":null}", "" },
	{ "{\"config\":{\"Env\":[\"A=1\",\"B=\"]}}", "env A=1|env B=" },
	{ "{\"config\":{\"Entrypoint\":[\"/e\",\"x y\"],\"Cmd\":[\"c\"]}}",
	  "entry /e|entry x y|cmd c" },
	/* What is not as the specification says is left out. */
	{ "{\"config\":{\"Env\":[1,null,\"A=1\",{}],\"Entrypoint\":\"/e\",\"Cmd\":{}}}",
	  "env A=1" },
	{ "{\"config\":{\"Env\":{\"A\":\"1\"}}}", "" },
};

static void takes_what_the_specification_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ch_auto(str) char *text = NULL;
		struct ch_err err;
		size_t len;
		int rc = ch_oci_config_meta(cases[i].json, strlen(cases[i].json), 4096, &text, &len,
					    &err);

		assert_int_equal(rc, 0);

		ch_auto(str) char *items = join(text, len);

		assert_string_equal(items, cases[i].items);
	}
}

static void refuses_what_is_no_json(void **state)
{
	static const char *const bad[] = { "", "x", "{", "{\"a\":1,\"a\":2}",
					   "{\"a\":\"\\u0000\"}" };
	struct ch_err err;
	size_t len;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char *text = NULL;

		assert_int_equal(
			ch_oci_config_meta(bad[i], strlen(bad[i]), 4096, &text, &len, &err),
			-EINVAL);
		assert_non_null(strstr(err.msg, "JSON, line 1"));
		assert_null(text);
	}
}

static void refuses_what_is_too_long(void **state)
{
	const char *json = "{\"config\":{\"Cmd\":[\"0123456789\"]}}";
	char *text = NULL;
	struct ch_err err;
	size_t len;

	(void)state;
	assert_int_equal(ch_oci_config_meta(json, strlen(json), 10, &text, &len, &err), -EFBIG);
	assert_string_equal(err.msg, "environment and commands are longer than 10 bytes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_what_the_specification_says),
		cmocka_unit_test(refuses_what_is_no_json),
		cmocka_unit_test(refuses_what_is_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
