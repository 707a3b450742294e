/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/proxy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"
#include "registry/url.h"
#include "unit.h"

static const char *const variables[] = {
	"http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY",
};

/* Set those of "NAME=VALUE NAME=VALUE...", and no others. */
static void set_environment(const char *text)
{
	for (size_t i = 0; i < ARRAY_SIZE(variables); i++)
		unsetenv(variables[i]);
	while (*text) {
		char name[64], value[256];
		int n = 0;

		assert_int_equal(sscanf(text, " %63[^=]=%255s%n", name, value, &n), 2);
		setenv(name, value, 1);
		text += n;
	}
}

static int find(const char *environment, const char *text, struct ch_proxy *ret, struct ch_err *err)
{
	ch_auto(url) struct ch_url url = { 0 };

	set_environment(environment);
	assert_int_equal(ch_url_parse(text, &url, err), 0);
	return ch_proxy_find(&url, ret, err);
}

static void each_protocol_has_its_variables(void **state)
{
	(void)state;
	static const struct {
		const char *environment, *url, *variable, *name;
	} cases[] = {
		{ "", "https://a/", NULL, "" },
		{ "http_proxy=p:1", "http://a/", "http_proxy", "p:1" },
		{ "HTTP_PROXY=p:1", "http://a/", NULL, "" },
		{ "http_proxy=p:1 HTTPS_PROXY=q:2", "https://a/", "HTTPS_PROXY", "q:2" },
		{ "https_proxy=p:1 HTTPS_PROXY=q:2", "https://a/", "https_proxy", "p:1" },
		{ "https_proxy=p:1", "http://a/", NULL, "" },
		{ "all_proxy=p:1 ALL_PROXY=q:2", "http://a/", "all_proxy", "p:1" },
		{ "ALL_PROXY=q:2", "https://a/", "ALL_PROXY", "q:2" },
		{ "ALL_PROXY=q:2 http_proxy=p:1", "http://a/", "http_proxy", "p:1" },
		{ "https_proxy=p", "https://a/", "https_proxy", "p:1080" },
		{ "https_proxy=https://p", "https://a/", "https_proxy", "p:443" },
		{ "https_proxy=socks5h://[::1]:9", "https://a/", "https_proxy", "[::1]:9" },
		{ "https_proxy=http://u:secret@p:1/", "https://a/", "https_proxy", "p:1" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ch_proxy proxy = { 0 };
		struct ch_err err;

		assert_int_equal(find(cases[i].environment, cases[i].url, &proxy, &err), 0);
		assert_string_equal(proxy.name, cases[i].name);
		if (cases[i].variable)
			assert_string_equal(proxy.variable, cases[i].variable);
		else
			assert_null(proxy.variable);
		assert_int_equal(proxy.has_user, strstr(cases[i].environment, "secret") != NULL);
	}
}

static void this_machine_needs_none(void **state)
{
	(void)state;
	static const char *const urls[] = { "http://localhost:1/", "http://127.1.2.3/",
					    "http://[::1]/" };

	for (size_t i = 0; i < ARRAY_SIZE(urls); i++) {
		struct ch_proxy proxy = { 0 };
		struct ch_err err;

		assert_int_equal(find("http_proxy=p:1 ALL_PROXY=p:1", urls[i], &proxy, &err), 0);
		assert_null(proxy.variable);
	}
}

static void what_is_no_proxy_is_not_shown(void **state)
{
	(void)state;
	static const char *const values[] = { "https_proxy=ftp://u:secret@p:1",
					      "https_proxy=http://u:secret@p:99999",
					      "https_proxy=http://u:secret@",
					      "https_proxy=secret://p" };

	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		struct ch_proxy proxy = { 0 };
		struct ch_err err;

		assert_int_equal(find(values[i], "https://a/", &proxy, &err), -EINVAL);
		assert_null(strstr(err.msg, "secret"));
		assert_non_null(strstr(err.msg, "$https_proxy names no proxy"));
	}
}

static void errors_name_it(void **state)
{
	(void)state;
	static const struct {
		const char *environment;
		int status, code;
		const char *text;
	} cases[] = {
		{ "https_proxy=p:1", 407, -EPERM, "proxy 'p:1' wants a user and password" },
		{ "https_proxy=u:secret@p:1", 407, -EPERM, "proxy 'p:1' does not accept the user" },
		{ "https_proxy=u:secret@p:1", 401, -EPERM, "proxy 'p:1' does not accept the user" },
		{ "https_proxy=u:secret@p:1", 403, -EPERM, "proxy 'p:1' of $https_proxy does not" },
		{ "https_proxy=u:secret@p:1", 502, -EHOSTUNREACH, "it answers 502" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ch_proxy proxy = { 0 };
		struct ch_err err;

		assert_int_equal(find(cases[i].environment, "https://a/", &proxy, &err), 0);
		assert_int_equal(ch_proxy_err(&proxy, cases[i].status, &err), cases[i].code);
		assert_non_null(strstr(err.msg, cases[i].text));
		assert_null(strstr(err.msg, "secret"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_protocol_has_its_variables),
		cmocka_unit_test(this_machine_needs_none),
		cmocka_unit_test(what_is_no_proxy_is_not_shown),
		cmocka_unit_test(errors_name_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
