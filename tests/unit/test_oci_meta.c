/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/meta.h"

#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "oci/image_meta.h"
#include "torture.h"
#include "unit.h"

static const char everything[] =
	"{\"arch\": \"amd64\", \"arg\": {\"A\": \"1\"}, \"cmd\": \"echo $A\", "
	"\"cwd\": \"/w\", \"entrypoint\": [\"/bin/x\", \"-y\"], "
	"\"env\": {\"PATH\": \"/bin\", \"E\": \"\"}, \"health\": [\"true\"], "
	"\"healthopts\": {\"retries\": \"3\"}, \"labels\": {\"a.b\": \"c=d\"}, "
	"\"onbuild\": [\"RUN x\"], \"ports\": [\"80/tcp\"], "
	"\"shell\": [\"/bin/sh\", \"-c\"], \"stopsignal\": \"SIGINT\", "
	"\"user\": \"me\", \"volumes\": [\"/v\"]}\n";

static void what_is_written_is_what_was_read(void **state)
{
	(void)state;
	ch_auto(oci_meta) struct ch_oci_meta meta = { 0 };
	ch_auto(str) char *text = NULL;
	ch_auto(str) char *lines = NULL;
	struct ch_err err;

	assert_int_equal(ch_oci_meta_parse(everything, strlen(everything), &meta, &err), 0);
	assert_true(meta.cmd.is_shell && !meta.entrypoint.is_shell && meta.health.is_given);
	assert_string_equal(ch_words_get(&meta.env, "E"), "");
	assert_int_equal(ch_oci_meta_print(&meta, &text, &err), 0);
	assert_string_equal(text, everything);

	ch_words_set(&meta.env, "TWO", "a\nb");
	assert_int_equal(ch_oci_meta_environment(&meta, &lines, &err), 0);
	assert_string_equal(lines, "PATH=/bin\nE=\n");
}

static void other_types_are_not_there(void **state)
{
	(void)state;
	static const char text[] = "{\"arch\":1,\"env\":[\"A=1\"],\"cmd\":{},\"shell\":\"x\","
				   "\"labels\":{\"=\":\"v\",\"n\":2},\"ports\":[1,\"2\"]}";
	ch_auto(oci_meta) struct ch_oci_meta meta = { 0 };
	ch_auto(str) char *out = NULL;
	struct ch_err err;

	assert_int_equal(ch_oci_meta_parse(text, strlen(text), &meta, &err), 0);
	assert_int_equal(ch_oci_meta_print(&meta, &out, &err), 0);
	assert_string_equal(out, "{\"ports\": [\"2\"]}\n");
	assert_int_equal(ch_oci_meta_parse("{", 1, &meta, &err), -EINVAL);
}

/* N of them, by the names n0, n1, ...: as members of an object, or as items of a list */
static void put_pairs(struct ch_buf *buf, const char *format, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		ch_buf_adds(buf, i == 0 ? "" : ",");
		ch_buf_addf(buf, "\"n%zu%s", i, format);
	}
}

/* Looking for one of many more would take long. */
static void pairs_are_limited(void **state)
{
	(void)state;
#define IMAGE "{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]},\"config\":"
	static const struct {
		const char *begin, *pair, *end;
		int (*parse)(const char *text, size_t len, struct ch_oci_meta *ret,
			     struct ch_err *err);
	} cases[] = {
		{ "{\"labels\":{", "\":\"\"", "}}", ch_oci_meta_parse },
		{ "{\"env\":{", "\":\"\"", "}}", ch_oci_meta_parse },
		{ IMAGE "{\"Labels\":{", "\":\"\"", "}}}", ch_oci_image_meta },
		{ IMAGE "{\"Env\":[", "=\"", "]}}", ch_oci_image_meta },
		{ "{\"Labels\":{", "\":\"\"", "}}", ch_oci_settings_meta },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (size_t more = 0; more < 2; more++) {
			ch_auto(buf) struct ch_buf text = CH_BUF_INIT(SIZE_MAX);
			ch_auto(oci_meta) struct ch_oci_meta meta = { 0 };
			ch_auto(str) char *out = NULL;
			struct ch_err err;

			ch_buf_adds(&text, cases[i].begin);
			put_pairs(&text, cases[i].pair, CH_OCI_PAIRS_MAX + more);
			ch_buf_adds(&text, cases[i].end);
			assert_int_equal(cases[i].parse(text.data, text.len, &meta, &err),
					 more ? -E2BIG : 0);
			if (more)
				continue;
			assert_int_equal(ch_oci_meta_print(&meta, &out, &err), 0);
			ch_words_set(&meta.labels, "one", "more");
			ch_words_set(&meta.env, "one", "more");
			assert_int_equal(ch_oci_meta_print(&meta, &out, &err), -E2BIG);
		}
}

static void an_empty_command_is_one(void **state)
{
	(void)state;
	ch_auto(oci_meta) struct ch_oci_meta meta = { 0 };
	ch_auto(str) char *out = NULL;
	struct ch_err err;

	ch_oci_form_set(&meta.entrypoint, false, &(struct ch_words){ 0 });
	assert_int_equal(ch_oci_meta_print(&meta, &out, &err), 0);
	assert_string_equal(out, "{\"entrypoint\": []}\n");
}

static int read_and_write(void *data)
{
	(void)data;
	ch_auto(oci_meta) struct ch_oci_meta meta = { 0 };
	ch_auto(str) char *out = NULL;
	struct ch_err err;
	int rc = ch_oci_meta_parse(everything, strlen(everything), &meta, &err);

	if (rc == 0)
		ch_words_set(&meta.env, "E", "new");
	return rc == 0 ? ch_oci_meta_print(&meta, &out, &err) : rc;
}

static void without_memory(void **state)
{
	(void)state;
	assert_true(torture(read_and_write, NULL) > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_what_was_read),
		cmocka_unit_test(other_types_are_not_there),
		cmocka_unit_test(pairs_are_limited),
		cmocka_unit_test(an_empty_command_is_one),
		cmocka_unit_test(without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
