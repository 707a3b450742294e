/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/url.h"

#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "registry/fetch.h"
#include "unit.h"

static void urls_are_taken_apart(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool is_https;
		const char *host;
		unsigned port;
	} cases[] = {
		{ "https://a.b/c", true, "a.b", 443 },
		{ "http://a.b", false, "a.b", 80 },
		{ "HTTPS://a:5000/?q", true, "a", 5000 },
		{ "http://[::1]:8/x", false, "[::1]", 8 },
	};
	static const char *const bad[] = {
		"",
		"a",
		"/a",
		"ftp://a/b",
		"file:///etc/passwd",
		"https://u:p@a/",
		"https://a:b/",
		"https://a b/",
		"https://",
	};
	struct ch_err err;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ch_auto(url) struct ch_url url = { 0 };

		assert_int_equal(ch_url_parse(cases[i].text, &url, &err), 0);
		assert_int_equal(url.is_https, cases[i].is_https);
		assert_string_equal(url.host, cases[i].host);
		assert_int_equal(url.port, cases[i].port);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		ch_auto(url) struct ch_url url = { 0 };

		assert_int_equal(ch_url_parse(bad[i], &url, &err), -EINVAL);
	}
}

static void servers_are_told_apart(void **state)
{
	(void)state;
	static const struct {
		const char *a, *b;
		bool is_same;
	} cases[] = {
		{ "https://a/x", "https://A:443/y?z", true },
		{ "https://a/", "http://a/", false },
		{ "https://a/", "https://a:444/", false },
		{ "https://a/", "https://b/", false },
		{ "https://a/", "https://a.b/", false },
		{ "https://a/", "https://a@b/", false },
		{ "x", "x", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(ch_url_is_same_server(cases[i].a, cases[i].b), cases[i].is_same);
}

static void this_machine_is_known(void **state)
{
	(void)state;
	static const char *const here[] = { "localhost", "LOCALHOST", "127.0.0.1", "127.255.0.3",
					    "[::1]" };
	static const char *const there[] = { "localhost.example.com", "128.0.0.1", "127.0.0.1.x",
					     "a", "" };

	for (size_t i = 0; i < ARRAY_SIZE(here); i++)
		assert_true(ch_url_is_loopback(here[i]));
	for (size_t i = 0; i < ARRAY_SIZE(there); i++)
		assert_false(ch_url_is_loopback(there[i]));
}

static void redirects_are_joined(void **state)
{
	(void)state;
	static const struct {
		const char *base, *location, *wanted; /* NULL: refused */
	} cases[] = {
		{ "https://a/b/c?d", "/x?y", "https://a/x?y" },
		{ "https://a/b/c", "x", "https://a/b/x" },
		{ "https://a/b/c", "../../../x", "https://a/x" },
		{ "https://a/b", "//c/d", "https://c/d" },
		{ "http://a/b", "https://c:1/d", "https://c:1/d" },
		{ "https://a/b", "http://u:p@c/d", NULL },
		{ "https://a/b", "https://c d/", NULL },
		{ "http://a/b", "file:///etc/passwd", NULL },
		{ "https://a/b", "file:///etc/passwd", NULL },
		{ "http://a/b", "gopher://c/_x", NULL },
		{ "https://a/b", "javascript:x", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ch_auto(str) char *url = NULL;
		struct ch_err err;
		int rc = ch_url_join(cases[i].base, cases[i].location, &url, &err);

		assert_int_equal(rc, cases[i].wanted ? 0 : -EINVAL);
		if (cases[i].wanted)
			assert_string_equal(url, cases[i].wanted);
	}
}

static void encryption_is_not_given_up(void **state)
{
	(void)state;
	static const char *const bases[] = { "https://a/b", "HTTPS://c/d" };

	for (size_t i = 0; i < ARRAY_SIZE(bases); i++) {
		char *url = NULL;
		struct ch_err err;

		assert_int_equal(ch_url_join(bases[i], "http://a/x?key=secret", &url, &err),
				 -EPROTO);
		assert_string_equal(err.msg, "'http://a/x', which is not encrypted, is refused");
	}
}

static void queries_are_escaped(void **state)
{
	(void)state;
	ch_auto(buf) struct ch_buf out = CH_BUF_INIT(100);
	ch_auto(str) char *one = NULL;
	ch_auto(str) char *two = NULL;
	struct ch_err err;

	assert_int_equal(ch_url_add("https://a/t", "scope", "x:y/z:pull,push&k=v", &one, &err), 0);
	assert_null(strchr(one, '&'));
	assert_int_equal(ch_url_add(one, "b", "c", &two, &err), 0);
	assert_true(strlen(two) == strlen(one) + 4 && strcmp(two + strlen(one), "&b=c") == 0);
	ch_url_escape("a b&=%~\xc3", &out);
	assert_string_equal(out.data, "a%20b%26%3D%25~%C3");
}

static void files_have_the_name_that_the_url_ends_in(void **state)
{
	(void)state;
	static const struct {
		const char *url, *name; /* NULL: refused */
	} cases[] = {
		{ "http://a/b/c.tar?x=/y#/z", "c.tar" },
		{ "http://a/b%20c", "b c" },
		{ "http://a/b/", "" },
		{ "http://a", "" },
		{ "http://a/x/..%2fpasswd", "passwd" },
		{ "http://a/x/%2e%2e", "" },
		{ "http://a/x%00y", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ch_auto(str) char *name = NULL;
		struct ch_err err;
		int rc = ch_fetch_name(cases[i].url, &name, &err);

		assert_int_equal(rc, cases[i].name ? 0 : -EINVAL);
		if (cases[i].name)
			assert_string_equal(name, cases[i].name);
	}
	assert_true(ch_fetch_is_url("HTTPS://x"));
	assert_false(ch_fetch_is_url("ftp://x") || ch_fetch_is_url("http:/x"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(urls_are_taken_apart),
		cmocka_unit_test(servers_are_told_apart),
		cmocka_unit_test(this_machine_is_known),
		cmocka_unit_test(redirects_are_joined),
		cmocka_unit_test(encryption_is_not_given_up),
		cmocka_unit_test(queries_are_escaped),
		cmocka_unit_test(files_have_the_name_that_the_url_ends_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
