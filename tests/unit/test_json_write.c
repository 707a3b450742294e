/* SPDX-License-Identifier: Apache-2.0 */
#include "json/write.h"

#include <string.h>

#include "base/auto.h"
#include "unit.h"

static void writes_nested_objects_and_arrays(void **state)
{
	(void)state;
	ch_auto(json_out) struct ch_json_out out = { .buf = CH_BUF_INIT(1000) };

	ch_json_open(&out, NULL, '{');
	ch_json_put_text(&out, "a", "b");
	ch_json_open(&out, "list", '[');
	ch_json_put_number(&out, NULL, -7);
	ch_json_open(&out, NULL, '{');
	ch_json_close(&out, '}');
	ch_json_put_bool(&out, NULL, true);
	ch_json_close(&out, ']');
	ch_json_put_text(&out, "none", NULL);
	ch_json_close(&out, '}');

	assert_false(ch_buf_bad(&out.buf));
	assert_string_equal(out.buf.data,
			    "{\"a\": \"b\", \"list\": [-7, {}, true], \"none\": null}");
}

static const struct {
	const char *text, *json;
} texts[] = {
	{ "", "\"\"" },
	{ "a\"b\\c", "\"a\\\"b\\\\c\"" },
	{ "tab\tdel\x7f", "\"tab\\u0009del\\u007f\"" },
	{ "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"" },
	{ "\xe4", "\"\\ufffd\"" },			 /* Latin 1 */
	{ "\xe2\x82", "\"\\ufffd\\ufffd\"" },		 /* cut off */
	{ "\xc0\xaf", "\"\\ufffd\\ufffd\"" },		 /* "/", too long */
	{ "\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\"" }, /* a surrogate */
	{ "\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\"" },
};

static void escapes_what_json_and_utf8_do_not_allow(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		ch_auto(json_out) struct ch_json_out out = { .buf = CH_BUF_INIT(100) };

		ch_json_put_text(&out, NULL, texts[i].text);

		assert_string_equal(out.buf.data, texts[i].json);
	}
}

static void is_bad_when_it_does_not_fit(void **state)
{
	(void)state;
	ch_auto(json_out) struct ch_json_out out = { .buf = CH_BUF_INIT(8) };

	ch_json_put_text(&out, NULL, "longer than that");

	assert_true(ch_buf_bad(&out.buf));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_nested_objects_and_arrays),
		cmocka_unit_test(escapes_what_json_and_utf8_do_not_allow),
		cmocka_unit_test(is_bad_when_it_does_not_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
