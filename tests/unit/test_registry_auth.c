/* SPDX-License-Identifier: Apache-2.0 */
/* What servers want to know, and where it is stored */
#include "registry/authfile.h"

#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"
#include "registry/base64.h"
#include "registry/challenge.h"
#include "torture.h"
#include "unit.h"

static void same(const char *got, const char *wanted)
{
	if (wanted)
		assert_string_equal(NOT_NULL(got), wanted);
	else
		assert_null(got);
}

/* ---- challenges ------------------------------------------------------------------------------ */

static void challenges_are_understood(void **state)
{
	(void)state;
	static const struct {
		const char *header;
		enum ch_challenge_kind kind;
		const char *realm, *service, *scope, *error;
	} cases[] = {
		{ "", CH_CHALLENGE_NONE, NULL, NULL, NULL, NULL },
		{ "Basic realm=\"test\"", CH_CHALLENGE_BASIC, "test", NULL, NULL, NULL },
		{ "basic", CH_CHALLENGE_BASIC, NULL, NULL, NULL, NULL },
		{ "BEARER realm=\"https://a/t\",service=\"s\",scope=\"repository:a/b:pull,push\"",
		  CH_CHALLENGE_BEARER, "https://a/t", "s", "repository:a/b:pull,push", NULL },
		{ "Bearer  realm = \"r\" , error=invalid_token,", CH_CHALLENGE_BEARER, "r", NULL,
		  NULL, "invalid_token" },
		{ "Bearer realm=\"a\\\"b\\\\c\"", CH_CHALLENGE_BEARER, "a\"b\\c", NULL, NULL,
		  NULL },
		{ "Bearer realm=\"one\",realm=\"two\"", CH_CHALLENGE_BEARER, "one", NULL, NULL,
		  NULL },
		/* Without a realm, nobody knows where to get a token. */
		{ "Bearer service=\"s\"", CH_CHALLENGE_NONE, NULL, NULL, NULL, NULL },
		{ "Basic realm=\"a\", Bearer realm=\"b\"", CH_CHALLENGE_BEARER, "b", NULL, NULL,
		  NULL },
		{ "Bearer realm=\"b\", Basic realm=\"a\"", CH_CHALLENGE_BEARER, "b", NULL, NULL,
		  NULL },
		{ "Negotiate, Basic realm=a", CH_CHALLENGE_BASIC, "a", NULL, NULL, NULL },
		{ "Negotiate YII==, Basic realm=a", CH_CHALLENGE_BASIC, "a", NULL, NULL, NULL },
		{ "NTLM abc/+=,Basic realm=a", CH_CHALLENGE_BASIC, "a", NULL, NULL, NULL },
		{ "Digest realm=\"x, Bearer realm=y\", qop=auth, Basic realm=a", CH_CHALLENGE_BASIC,
		  "a", NULL, NULL, NULL },
		{ ", ,Basic realm=a", CH_CHALLENGE_BASIC, "a", NULL, NULL, NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ch_auto(challenge) struct ch_challenge c = { 0 };
		struct ch_err err;

		if (ch_challenge_parse(cases[i].header, &c, &err) < 0)
			fail_msg("%s: %s", cases[i].header, err.msg);
		assert_int_equal(c.kind, cases[i].kind);
		same(c.realm, cases[i].realm);
		same(c.service, cases[i].service);
		same(c.scope, cases[i].scope);
		same(c.error, cases[i].error);
	}
}

static void bad_challenges_are_refused(void **state)
{
	(void)state;
	static const char *const cases[] = {
		"\"",
		"=",
		"Bearer realm=",
		"Bearer realm=\"a",
		"Bearer realm=\"a\\",
		"Basic/x",
		"Bearer realm=,",
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ch_auto(challenge) struct ch_challenge c = { 0 };
		struct ch_err err;

		assert_int_equal(ch_challenge_parse(cases[i], &c, &err), -EINVAL);
		assert_non_null(strstr(err.msg, "WWW-Authenticate: "));
		assert_int_equal(c.kind, CH_CHALLENGE_NONE);
	}
}

static void of_several_headers_the_best_counts(void **state)
{
	(void)state;
	ch_auto(words) struct ch_words headers = { 0 };
	ch_auto(challenge) struct ch_challenge c = { 0 };
	struct ch_err err;

	ch_words_add(&headers, "Basic realm=\"a\"");
	ch_words_add(&headers, "Bearer realm=");
	ch_words_add(&headers, "Bearer realm=\"b\"");
	assert_int_equal(ch_challenge_choose(&headers, &c, &err), 0);
	assert_int_equal(c.kind, CH_CHALLENGE_BEARER);
	assert_string_equal(c.realm, "b");
}

/* ---- stored credentials ---------------------------------------------------------------------- */

/* "me:pw", "you:pw2:x" */
#define ME  "{\"auth\": \"bWU6cHc=\"}"
#define YOU "{\"auth\": \"eW91OnB3Mjp4\"}"

static const struct {
	const char *text, *host, *repository, *user, *secret, *helper, *server;
} stored[] = {
	{ "{}", "a:5000", "b", NULL, NULL, NULL, NULL },
	{ "{\"auths\": {\"a:5000\": " ME "}}", "a:5000", "b", "me", "pw", NULL, NULL },
	{ "{\"auths\": {\"a:5000\": " ME "}}", "a:5001", "b", NULL, NULL, NULL, NULL },
	{ "{\"auths\": {\"a\": " ME "}}", "a:5000", "b", NULL, NULL, NULL, NULL },
	{ "{\"auths\": {\"a\": " ME "}}", "a:443", "b", "me", "pw", NULL, NULL },
	{ "{\"auths\": {\"a:443\": " ME "}}", "a:443", "b", "me", "pw", NULL, NULL },
	{ "{\"auths\": {\"https://a/v1/\": " ME "}}", "a:443", "b", "me", "pw", NULL, NULL },
	{ "{\"auths\": {\"http://a:5000\": " ME "}}", "a:5000", "b", "me", "pw", NULL, NULL },
	{ "{\"auths\": {\"https://ab/\": " ME "}}", "a:443", "b", NULL, NULL, NULL, NULL },
	/* More of the path is better; parts of names do not count. */
	{ "{\"auths\": {\"a/b\": " YOU ", \"a\": " ME "}}", "a:443", "b/c", "you", "pw2:x", NULL,
	  NULL },
	{ "{\"auths\": {\"a/b\": " YOU ", \"a\": " ME "}}", "a:443", "bc", "me", "pw", NULL, NULL },
	{ "{\"auths\": {\"a/b/c\": " YOU ", \"a/b\": " ME "}}", "a:443", "b/c", "you", "pw2:x",
	  NULL, NULL },
	/* Docker Hub */
	{ "{\"auths\": {\"https://index.docker.io/v1/\": " ME "}}", "registry-1.docker.io:443",
	  "library/x", "me", "pw", NULL, NULL },
	{ "{\"auths\": {\"docker.io\": " ME "}}", "registry-1.docker.io:443", "x/y", "me", "pw",
	  NULL, NULL },
	{ "{\"auths\": {\"docker.io/x\": " YOU ", \"docker.io\": " ME "}}",
	  "registry-1.docker.io:443", "x/y", "you", "pw2:x", NULL, NULL },
	/* Other forms */
	{ "{\"auths\": {\"a\": {\"username\": \"u\", \"password\": \"p\"}}}", "a:443", "b", "u",
	  "p", NULL, NULL },
	{ "{\"auths\": {\"a\": {\"auth\": \"bWU6\", \"identitytoken\": \"t\"}}}", "a:443", "b", "",
	  "t", NULL, NULL },
	/* Helpers */
	{ "{\"credHelpers\": {\"a\": \"h\"}, \"auths\": {\"a\": " ME "}}", "a:443", "b", NULL, NULL,
	  "h", "a" },
	{ "{\"credsStore\": \"s\", \"auths\": {\"a\": {}}}", "a:443", "b", NULL, NULL, "s", "a" },
	{ "{\"credsStore\": \"s\"}", "a:5000", "b", NULL, NULL, "s", "a:5000" },
	{ "{\"credsStore\": \"s\", \"auths\": {\"a\": " ME "}}", "a:443", "b", "me", "pw", NULL,
	  NULL },
	{ "{\"credsStore\": \"s\"}", "registry-1.docker.io:443", "x", NULL, NULL, "s",
	  "https://index.docker.io/v1/" },
};

static void credentials_are_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(stored); i++) {
		ch_auto(authfile_answer) struct ch_authfile_answer a = { 0 };
		struct ch_err err;

		if (ch_authfile_find(stored[i].text, strlen(stored[i].text), stored[i].host,
				     stored[i].repository, &a, &err) < 0)
			fail_msg("%s: %s", stored[i].text, err.msg);
		same(a.credentials.user, stored[i].user);
		same(a.credentials.secret, stored[i].secret);
		same(a.helper, stored[i].helper);
		same(a.server, stored[i].server);
	}
}

static void bad_files_are_refused(void **state)
{
	(void)state;
	static const struct {
		const char *text, *msg;
	} cases[] = {
		{ "", "JSON" },
		{ "{\"auths\": {\"a\": {\"auth\": \"bWU=\"}}}", "'auth' is not" },
		{ "{\"auths\": {\"a\": {\"auth\": \"b?U6cHc=\"}}}", "'auth' is not" },
		{ "{\"credsStore\": \"../x\"}", "no name of a credential helper" },
		{ "{\"credHelpers\": {\"a\": \"x y\"}}", "no name of a credential helper" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ch_auto(authfile_answer) struct ch_authfile_answer a = { 0 };
		struct ch_err err;

		assert_int_equal(ch_authfile_find(cases[i].text, strlen(cases[i].text), "a:443",
						  "b", &a, &err),
				 -EINVAL);
		if (!strstr(err.msg, cases[i].msg))
			fail_msg("%s: %s", cases[i].text, err.msg);
	}
}

static void base64_is_what_it_was(void **state)
{
	(void)state;
	static const struct {
		const char *bytes, *text;
	} cases[] = {
		{ "", "" },
		{ "f", "Zg==" },
		{ "fo", "Zm8=" },
		{ "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" },
		{ "\xff\xfe\xfd", "//79" },
	};
	static const char *const bad[] = { "Z", "Zg=a", "Zm9vY", "*" };
	char *bytes;
	size_t len;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ch_auto(str) char *text = NULL;
		ch_auto(str) char *back = NULL;

		assert_int_equal(ch_base64_encode(cases[i].bytes, strlen(cases[i].bytes), &text),
				 0);
		assert_string_equal(text, cases[i].text);
		assert_int_equal(ch_base64_decode(text, &back, &len), 0);
		assert_int_equal(len, strlen(cases[i].bytes));
		assert_string_equal(back, cases[i].bytes);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(ch_base64_decode(bad[i], &bytes, &len), -EINVAL);
}

static int parse_all(void *data)
{
	ch_auto(challenge) struct ch_challenge c = { 0 };
	struct ch_err err;

	return ch_challenge_parse(data, &c, &err);
}

static void survives_each_failing_allocation(void **state)
{
	(void)state;
	char text[] = "Negotiate x, Basic realm=\"a\", Bearer realm=\"b\",service=c";

	assert_true(torture(parse_all, text) > 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(challenges_are_understood),
		cmocka_unit_test(bad_challenges_are_refused),
		cmocka_unit_test(of_several_headers_the_best_counts),
		cmocka_unit_test(credentials_are_found),
		cmocka_unit_test(bad_files_are_refused),
		cmocka_unit_test(base64_is_what_it_was),
		cmocka_unit_test(survives_each_failing_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
