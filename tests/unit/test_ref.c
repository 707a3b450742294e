/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/ref.h"

#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"
#include "torture.h"
#include "unit.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void same(const char *got, const char *wanted)
{
	if (wanted)
		assert_string_equal(NOT_NULL(got), wanted);
	else
		assert_null(got);
}

static void good_references_are_taken_apart(void **state)
{
	(void)state;
	static const struct {
		const char *text, *file, *host;
		uint16_t port;
		const char *path, *name, *tag, *digest;
	} cases[] = {
		{ "alpine", "alpine", NULL, 0, NULL, "alpine", NULL, NULL },
		{ "alpine:3.17", "alpine+3.17", NULL, 0, NULL, "alpine", "3.17", NULL },
		{ "a:B_c.d-E", "a+B_c.d-E", NULL, 0, NULL, "a", "B_c.d-E", NULL },
		{ "foo_stage0", "foo_stage0", NULL, 0, NULL, "foo_stage0", NULL, NULL },
		{ "a__b--c..d", "a__b--c..d", NULL, 0, NULL, "a__b--c..d", NULL, NULL },
		{ "fedora/httpd", "fedora%httpd", NULL, 0, "fedora", "httpd", NULL, NULL },
		{ "a/b/c:d", "a%b%c+d", NULL, 0, "a/b", "c", "d", NULL },
		{ "docker.io/x", "docker.io%x", "docker.io", 0, NULL, "x", NULL, NULL },
		{ "a.b/c/d", "a.b%c%d", "a.b", 0, "c", "d", NULL, NULL },
		{ "Example.COM/d", "Example.COM%d", "Example.COM", 0, NULL, "d", NULL, NULL },
		{ "localhost/d", "localhost%d", "localhost", 0, NULL, "d", NULL, NULL },
		{ "localhosts/d", "localhosts%d", NULL, 0, "localhosts", "d", NULL, NULL },
		{ "host:5000/d", "host+5000%d", "host", 5000, NULL, "d", NULL, NULL },
		{ "example.com:8080/foo/bar/hello-world:version1.0",
		  "example.com+8080%foo%bar%hello-world+version1.0", "example.com", 8080, "foo/bar",
		  "hello-world", "version1.0", NULL },
		{ "a@sha256:f6c68e2ad82a", "a@sha256+f6c68e2ad82a", NULL, 0, NULL, "a", NULL,
		  "sha256:f6c68e2ad82a" },
		{ "a:b@sha256:" HEX64, "a+b@sha256+" HEX64, NULL, 0, NULL, "a", "b",
		  "sha256:" HEX64 },
		/* A dot in the name alone makes no host. */
		{ "a.b", "a.b", NULL, 0, NULL, "a.b", NULL, NULL },
		{ "a.b:80", "a.b+80", NULL, 0, NULL, "a.b", "80", NULL },
		/* As in names of files */
		{ "a%b+c", "a%b+c", NULL, 0, "a", "b", "c", NULL },
		{ "h+80%b+c", "h+80%b+c", "h", 80, NULL, "b", "c", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ch_auto(ref) struct ch_ref ref = { 0 };
		char text[CH_REF_MAX + 1];
		struct ch_err err;

		assert_int_equal(ch_ref_parse(cases[i].text, &ref, &err), 0);
		memcpy(text, cases[i].text, strlen(cases[i].text) + 1);
		ch_ref_unescape(text);
		same(ref.text, text);
		same(ref.file, cases[i].file);
		same(ref.host, cases[i].host);
		assert_int_equal(ref.port, cases[i].port);
		same(ref.path, cases[i].path);
		same(ref.name, cases[i].name);
		same(ref.tag, cases[i].tag);
		same(ref.digest, cases[i].digest);
	}
}

static void bad_references_are_refused_with_a_reason(void **state)
{
	(void)state;
	static const struct {
		const char *text, *msg;
	} cases[] = {
		{ "", "at the end: a name" },
		{ ".", "at character 1, '.': a name or a host" },
		{ "..", "at character 1" },
		{ ".a", "at character 1" },
		{ "./a", "at character 1" },
		{ "/a", "at character 1, '/': a name" },
		{ "%a", "at character 1" },
		{ "a/", "at the end: a name" },
		{ "a//b", "at character 3, '/'" },
		{ "a/../b", "at character 3, '.'" },
		{ "a/./b", "at character 3, '.'" },
		{ "a/..", "at character 3" },
		{ "A", "at character 1, 'A': a name (lower-case" },
		{ "a/B", "at character 3, 'B'" },
		{ "a b", "at character 2, ' ': the end" },
		{ "a:", "at the end: a tag" },
		{ "a:b:c", "at character 4, ':': the end" },
		{ "a:b/c", "the number of a port" },
		{ "h:/c", "the number of a port" },
		{ "h:0/c", "port" },
		{ "h:65536/c", "port" },
		{ "h:80a/c", "at character 5, 'a': '/'" },
		{ ":80/c", "at character 1, ':': a host" },
		{ "a@", "at the end: 'sha256:'" },
		{ "a@sha512:00", "at character 3, 's': 'sha256:'" },
		{ "a@sha256:", "at the end: a hash" },
		{ "a@sha256:AB", "a hash" },
		{ "a@sha256:" HEX64 "0", "the end" },
		{ "a@sha256:00:b", "the end" },
		{ "a*", "at character 2, '*'" },
		{ "a\n", "at character 2, '?'" },
		{ "\xc3\xa4", "at character 1, '\xc3\xa4'" },
		{ "\xff", "at character 1, '?'" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ch_auto(ref) struct ch_ref ref = { 0 };
		struct ch_err err;

		assert_int_equal(ch_ref_parse(cases[i].text, &ref, &err), -EINVAL);
		if (!strstr(err.msg, cases[i].msg))
			fail_msg("'%s': %s", cases[i].text, err.msg);
		assert_null(ref.text);
	}
}

static void too_long_ones_are_refused(void **state)
{
	(void)state;
	ch_auto(ref) struct ch_ref ref = { 0 };
	char text[CH_REF_MAX + 2];
	struct ch_err err;

	memset(text, 'a', sizeof(text));
	text[CH_REF_MAX + 1] = '\0';
	assert_int_equal(ch_ref_parse(text, &ref, &err), -ENAMETOOLONG);
	text[CH_REF_MAX] = '\0';
	assert_int_equal(ch_ref_parse(text, &ref, &err), 0);
}

static int parse_all(void *data)
{
	ch_auto(ref) struct ch_ref ref = { 0 };
	struct ch_err err;

	return ch_ref_parse(data, &ref, &err);
}

static void survives_each_failing_allocation(void **state)
{
	(void)state;
	char text[] = "h:80/a/b:c@sha256:00";

	assert_true(torture(parse_all, text) > 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_references_are_taken_apart),
		cmocka_unit_test(bad_references_are_refused_with_a_reason),
		cmocka_unit_test(too_long_ones_are_refused),
		cmocka_unit_test(survives_each_failing_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
