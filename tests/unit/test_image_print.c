/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"
#include "oci/image.h"
#include "oci/image_print.h"
#include "oci/meta.h"
#include "unit.h"

#define D8	"01234567"
#define DIGITS	D8 D8 D8 D8 D8 D8 D8 D8
#define HISTORY "{\"created\":\"1970-01-01T00:00:00Z\",\"created_by\":\"ch-image\"}"

static const char diff_ids[][CH_OCI_DIGEST_SIZE] = { "sha256:" DIGITS, "sha256:" DIGITS };

/* Take out the blanks behind commas and colons: no text here has such. */
static void squeeze(char *text)
{
	char *to = text;

	for (const char *p = text; *p; p++)
		if (*p != ' ' || p == text || !strchr(",:", p[-1]))
			*to++ = *p;
	*to = '\0';
}

/* What becomes of the metadata META, without blanks; the caller's. */
static char *print(const char *json, size_t layers)
{
	ch_auto(oci_meta) struct ch_oci_meta meta = { 0 };
	struct ch_err err = { 0 };
	char *text = NULL;

	assert_int_equal(ch_oci_meta_parse(json, strlen(json), &meta, &err), 0);
	if (ch_oci_image_print(&meta, diff_ids, layers, &text, &err) < 0)
		fail_msg("%s", err.msg);
	squeeze(NOT_NULL(text));
	return text;
}

static void an_image_without_metadata_has_the_architecture_of_the_machine(void **state)
{
	ch_auto(str) char *text = print("{}", 1);
	ch_auto(oci_image) struct ch_oci_image image = { 0 };
	struct ch_err err;

	(void)state;
	assert_int_equal(ch_oci_image_parse(text, strlen(text), &image, &err), 0);
	assert_string_equal(image.os, "linux");
	assert_non_null(image.arch);
	assert_int_equal(image.n, 1);
	assert_string_equal(image.diff_ids[0], diff_ids[0]);
	assert_non_null(strstr(text, "\"config\":{}"));
}

static void all_metadata_is_in_the_configuration(void **state)
{
	ch_auto(str) char *text = print(
		"{\"arch\":\"arm64/v8\",\"cwd\":\"/w\",\"user\":\"me\",\"stopsignal\":\"HUP\","
		"\"env\":{\"A\":\"1\",\"B\":\"x=y\"},\"labels\":{\"l\":\"\"},\"shell\":[\"/"
		"s\",\"-e\"],"
		"\"volumes\":[\"/v\"],\"ports\":[\"80/tcp\"],\"onbuild\":[\"RUN "
		"x\"],\"arg\":{\"Z\":\"0\"},"
		"\"entrypoint\":[\"e\",\"f\"],\"cmd\":\"run me\"}",
		2);

	(void)state;
	assert_string_equal(
		text,
		"{\"architecture\":\"arm64\",\"config\":{\"Cmd\":[\"/s\",\"-e\",\"run me\"],"
		"\"Entrypoint\":[\"e\",\"f\"],\"Env\":[\"A=1\",\"B=x=y\"],"
		"\"ExposedPorts\":{\"80/tcp\":{}},\"Labels\":{\"l\":\"\"},\"OnBuild\":[\"RUN x\"],"
		"\"Shell\":[\"/s\",\"-e\"],\"StopSignal\":\"HUP\",\"User\":\"me\",\"Volumes\":{\"/"
		"v\":{}},"
		"\"WorkingDir\":\"/w\"},\"created\":\"1970-01-01T00:00:00Z\",\"history\":[" HISTORY
		"," HISTORY "],\"os\":\"linux\",\"rootfs\":{\"diff_ids\":[\"sha256:" DIGITS
		"\",\"sha256:" DIGITS "\"],\"type\":\"layers\"},\"variant\":\"v8\"}");
}

static void commands_for_a_shell_begin_with_the_usual_one(void **state)
{
	ch_auto(str) char *text = print("{\"entrypoint\":\"a b\",\"cmd\":[]}", 1);

	(void)state;
	assert_non_null(strstr(text, "{\"Cmd\":[],\"Entrypoint\":[\"/bin/sh\",\"-c\",\"a b\"]}"));
}

static void health_is_told_in_nanoseconds(void **state)
{
	static const struct {
		const char *meta, *wanted;
	} rows[] = {
		{ "\"health\":[\"c\",\"d\"]", "{\"Test\":[\"CMD\",\"c\",\"d\"]}" },
		{ "\"health\":[\"NONE\"]", "{\"Test\":[\"NONE\"]}" },
		{ "\"health\":\"c d\",\"healthopts\":{\"retries\":\"3\",\"interval\":\"1m30.5s\"}",
		  "{\"Interval\":90500000000,\"Retries\":3,\"Test\":[\"CMD-SHELL\",\"c d\"]}" },
		{ "\"health\":\"c\",\"healthopts\":{\"timeout\":\"7\",\"start-period\":\"250ms\"}",
		  "{\"StartPeriod\":250000000,\"Test\":[\"CMD-SHELL\",\"c\"]}" },
		{ "\"health\":\"c\",\"healthopts\":{\"timeout\":\"1e9h\",\"interval\":\"-1s\"}",
		  "{\"Test\":[\"CMD-SHELL\",\"c\"]}" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char meta[256], wanted[256];

		snprintf(meta, sizeof(meta), "{%s}", rows[i].meta);
		snprintf(wanted, sizeof(wanted), "\"Healthcheck\":%s", rows[i].wanted);

		ch_auto(str) char *text = print(meta, 1);

		assert_non_null(strstr(text, wanted));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_image_without_metadata_has_the_architecture_of_the_machine),
		cmocka_unit_test(all_metadata_is_in_the_configuration),
		cmocka_unit_test(commands_for_a_shell_begin_with_the_usual_one),
		cmocka_unit_test(health_is_told_in_nanoseconds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
