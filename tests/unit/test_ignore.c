/* SPDX-License-Identifier: Apache-2.0 */
#include "dockerfile/ignore.h"

#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "dockerfile/glob.h"
#include "torture.h"
#include "unit.h"

static const struct {
	const char *pattern, *name;
	bool matches;
} names[] = {
	{ "a", "a", true },
	{ "a", "b", false },
	{ "a", "ab", false },
	{ "", "", true },
	{ "*", "a", true },
	{ "*", "", true },
	{ "*.c", "x.c", true },
	{ "*.c", "x.ch", false },
	{ "a*b*c", "axxbyyc", true },
	{ "a*b*c", "axxbyy", false },
	{ "a**b", "axb", true },
	{ "?", "a", true },
	{ "?", "", false },
	{ "?", "ab", false },
	{ "?", "\xc3\xa9", true },
	{ "?", "\xff", true },
	{ "??", "\xc3\xa9", false },
	{ "\xc3\xa9*", "\xc3\xa9t\xc3\xa9", true },
	/* a leading dot is matched by a dot only */
	{ "*", ".a", false },
	{ "?a", ".a", false },
	{ "[.]a", ".a", false },
	{ "[!b]a", ".a", false },
	{ ".*", ".a", true },
	{ ".a", ".a", true },
	{ ".?", ".a", true },
	{ "*a", "b.a", true },
	{ "*.", "a.", true },
	/* classes */
	{ "[ab]", "a", true },
	{ "[ab]", "c", false },
	{ "[a-c]x", "bx", true },
	{ "[a-c]", "d", false },
	{ "[c-a]", "b", false },
	{ "[!a-c]", "d", true },
	{ "[!a-c]", "b", false },
	{ "[^a]", "^", true },
	{ "[^a]", "a", true },
	{ "[^a]", "b", false },
	{ "[]]", "]", true },
	{ "[]a]", "a", true },
	{ "[!]]", "a", true },
	{ "[!]]", "]", false },
	{ "[a-]", "-", true },
	{ "[-a]", "-", true },
	{ "[\xc3\xa9-\xc3\xab]", "\xc3\xaa", true },
	{ "[[]", "[", true },
	{ "[*]", "*", true },
	{ "[*]", "a", false },
	{ "[?]", "?", true },
	/* without end they are themselves */
	{ "[", "[", true },
	{ "[a", "[a", true },
	{ "[]", "[]", true },
	{ "[!]", "[!]", true },
	{ "a[", "a[", true },
	/* no escapes */
	{ "\\*", "\\a", true },
	{ "\\", "\\", true },
	{ "[\\]", "\\", true },
};

static void components_are_matched_as_by_python(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		ch_auto(glob) struct ch_glob glob = { 0 };
		struct ch_err err;

		assert_int_equal(ch_glob_compile(names[i].pattern, CH_GLOB_NAME, &glob, &err), 0);

		if (ch_glob_matches(&glob, names[i].name) != names[i].matches)
			print_error("'%s' '%s'\n", names[i].pattern, names[i].name);
		assert_int_equal(ch_glob_matches(&glob, names[i].name), names[i].matches);
	}
}

static const struct {
	const char *pattern, *path;
	bool matches;
} paths[] = {
	{ "a", "a", true },
	{ "a/b", "a/b", true },
	{ "a", "a/b", false },
	{ "*", "a", true },
	{ "*", ".a", true },
	{ "*", "a/b", false },
	{ "*/b", "a/b", true },
	{ "*/*", "a/b", true },
	{ "*/*", "a", false },
	{ "a?c", "abc", true },
	{ "a?c", "a/c", false },
	{ "a[^b]c", "a/c", false },
	{ "a[^b]c", "axc", true },
	{ "a[^b]c", "abc", false },
	{ "[a-c]x", "bx", true },
	{ "[!a]", "!", true },
	{ "[!a]", "b", false },
	{ "\\*", "*", true },
	{ "\\*", "a", false },
	{ "\\a", "a", true },
	{ "[\\]]", "]", true },
	{ "[\\a-\\c]", "b", true },
	{ "**", "a", true },
	{ "**", "a/b/c", true },
	{ "**/a", "a", true },
	{ "**/a", "x/a", true },
	{ "**/a", "x/y/a", true },
	{ "**/a", "xa", false },
	{ "**/a", "x/ya", false },
	{ "**a", "a", true },
	{ "**a", "x/a", true },
	{ "**a", "xa", false },
	{ "a/**", "a/b", true },
	{ "a/**", "a/b/c", true },
	{ "a/**", "a", false },
	{ "a/**", "ab", false },
	{ "a/**/b", "a/b", true },
	{ "a/**/b", "a/x/b", true },
	{ "a/**/b", "a/x/y/b", true },
	{ "a/**/b", "a/xb", false },
	{ "**/*.o", "x/y.o", true },
	{ "**/*.o", "y.o", true },
	{ "**/*.o", "y.o/x", false },
	{ "**/a/**", "x/a/y", true },
	{ "**/a/**", "x/a", false },
	{ "**/**/a", "a", true },
	{ "**/**/a", "x/y/z/a", true },
	{ "**/a/**/b", "a/a/x/b", true },
	{ "a**", "abc/d", true },
	{ "***", "a/b", true },
	{ "a.b", "axb", false },
	{ "a+b", "a+b", true },
	{ "(a)$", "(a)$", true },
};

static void paths_are_matched_as_by_docker(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		ch_auto(glob) struct ch_glob glob = { 0 };
		struct ch_err err;

		assert_int_equal(ch_glob_compile(paths[i].pattern, CH_GLOB_PATH, &glob, &err), 0);

		if (ch_glob_matches(&glob, paths[i].path) != paths[i].matches)
			print_error("'%s' '%s'\n", paths[i].pattern, paths[i].path);
		assert_int_equal(ch_glob_matches(&glob, paths[i].path), paths[i].matches);
	}
}

static void wrong_patterns_are_refused(void **state)
{
	(void)state;
	static const struct {
		const char *pattern;
		enum ch_glob_dialect dialect;
		const char *msg;
	} cases[] = {
		{ "a[b", CH_GLOB_PATH, "pattern 'a[b': '[' without ']'" },
		{ "[", CH_GLOB_PATH, "pattern '[': '[' without ']'" },
		{ "[a-", CH_GLOB_PATH, "pattern '[a-': '[' without ']'" },
		{ "[a\\", CH_GLOB_PATH, "pattern '[a\\': '[' without ']'" },
		{ "[]", CH_GLOB_PATH, "pattern '[]': nothing between '[' and ']'" },
		{ "[^]", CH_GLOB_PATH, "pattern '[^]': nothing between '[' and ']'" },
		{ "a\\", CH_GLOB_PATH, "pattern 'a\\': nothing behind a backslash" },
		{ "a\\", CH_GLOB_TEXT, "pattern 'a\\': nothing behind a backslash" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ch_glob glob = { 0 };
		struct ch_err err;

		assert_int_equal(ch_glob_compile(cases[i].pattern, cases[i].dialect, &glob, &err),
				 -EINVAL);
		assert_string_equal(err.msg, cases[i].msg);
		assert_null(glob.items);
	}
}

static void long_patterns_are_refused(void **state)
{
	(void)state;
	ch_auto(glob) struct ch_glob glob = { 0 };
	struct ch_glob none = { 0 };
	char pattern[CH_GLOB_MAX + 2];
	struct ch_err err;

	memset(pattern, '?', sizeof(pattern) - 1);
	pattern[CH_GLOB_MAX + 1] = '\0';

	assert_int_equal(ch_glob_compile(pattern, CH_GLOB_NAME, &none, &err), -EINVAL);
	pattern[CH_GLOB_MAX] = '\0';
	assert_int_equal(ch_glob_compile(pattern, CH_GLOB_NAME, &glob, &err), 0);
	memset(pattern, 'a', CH_GLOB_MAX);
	assert_true(ch_glob_matches(&glob, pattern));
	assert_false(ch_glob_matches(&glob, pattern + 1));
}

static void matching_takes_no_exponential_time(void **state)
{
	(void)state;
	ch_auto(buf) struct ch_buf pattern = CH_BUF_INIT(4096), text = CH_BUF_INIT(4096);
	ch_auto(glob) struct ch_glob path = { 0 }, name = { 0 };
	struct ch_err err;

	for (int i = 0; i < 200; i++) {
		ch_buf_adds(&pattern, "**/a*");
		ch_buf_adds(&text, "aaa/aaaaaa/");
	}
	ch_buf_adds(&pattern, "b");

	assert_int_equal(ch_glob_compile(pattern.data, CH_GLOB_PATH, &path, &err), 0);
	assert_int_equal(ch_glob_compile(pattern.data, CH_GLOB_NAME, &name, &err), 0);
	assert_false(ch_glob_matches(&path, text.data));
	assert_false(ch_glob_matches(&name, text.data));
}

static void wildcards_are_recognised(void **state)
{
	(void)state;
	assert_true(ch_glob_is_magic("a*"));
	assert_true(ch_glob_is_magic("?"));
	assert_true(ch_glob_is_magic("[a]"));
	assert_false(ch_glob_is_magic("a.b]{c}\\"));
	assert_false(ch_glob_is_magic(""));
}

/* Lines of a .dockerignore, and paths: "+" what is left out, "-" what is not */
static const struct {
	const char *rules;
	const char *paths[8];
} ignored[] = {
	{ "", { "-a" } },
	{ "a", { "+a", "-b", "+a/b", "+a/b/c", "-b/a", "-ab", "-a.b" } },
	{ "a/b", { "-a", "+a/b", "+a/b/c", "-x/a/b" } },
	{ "/a", { "+a", "-b/a" } },
	{ "a/", { "+a", "+a/b" } },
	{ "./a", { "+a" } },
	{ "a//b", { "+a/b" } },
	{ "a/../b", { "+b", "-a" } },
	{ "../a", { "+a" } },
	{ "  a  ", { "+a" } },
	{ "a\t\r\n", { "+a" } },
	{ "a b", { "+a b", "-a" } },
	{ "*", { "+a", "+a/b", "+.a" } },
	{ "*.o", { "+a.o", "-b/a.o", "+a.o/b" } },
	{ "*/a", { "+x/a", "-a", "+x/a/b" } },
	{ "*/*/a", { "+x/y/a", "-x/a" } },
	{ "a?", { "+ab", "-a" } },
	{ "**/*.o", { "+a.o", "+b/a.o", "+b/c/a.o", "-a.oo" } },
	{ "**", { "+a", "+a/b" } },
	{ "a/**", { "-a", "+a/b", "+a/b/c" } },
	/* comments and empty lines */
	{ "#a", { "-a", "-#a" } },
	{ " #a", { "+#a" } },
	{ "a # b", { "-a", "+a # b" } },
	{ "\\#a", { "+#a" } },
	{ "\n\na\n\n", { "+a" } },
	{ "\xef\xbb\xbf#a\nb", { "-a", "+b" } },
	{ "\xef\xbb\xbf"
	  "b",
	  { "+b" } },
	{ ".", { "-a" } },
	{ "/", { "-a" } },
	/* exceptions: the last one that matches decides */
	{ "*\n!a", { "+b", "-a", "-a/b" } },
	{ "!a\n*", { "+a" } },
	{ "*.md\n!README*.md", { "+a.md", "-README.md", "-README-x.md" } },
	{ "*.md\n!README*.md\nREADME-secret.md", { "-README.md", "+README-secret.md" } },
	{ "*.md\nREADME-secret.md\n!README*.md", { "-README-secret.md" } },
	{ "a\n!a/b", { "+a", "+a/c", "-a/b", "-a/b/c" } },
	{ "a\n!a/b\na/b/c", { "-a/b", "+a/b/c", "+a/b/c/d", "-a/b/d" } },
	{ "**\n!**/*.c", { "+a.h", "-a.c", "-x/y/a.c" } },
	{ "*\n! a", { "-a", "+b" } },
	{ "*\n!/a", { "-a" } },
	{ "!a", { "-a", "-b" } },
	{ "a\n!b", { "+a", "-b" } },
	{ "\\!a", { "+!a", "-a" } },
};

static void the_last_rule_that_matches_decides(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++) {
		ch_auto(ignore) struct ch_ignore ignore = { 0 };
		struct ch_err err;

		assert_int_equal(
			ch_ignore_parse(&ignore, ignored[i].rules, strlen(ignored[i].rules), &err),
			0);
		for (const char *const *path = ignored[i].paths; *path; path++) {
			if (ch_ignore_has(&ignore, *path + 1) != (**path == '+'))
				print_error("'%s': %s\n", ignored[i].rules, *path);
			assert_int_equal(ch_ignore_has(&ignore, *path + 1), **path == '+');
		}
	}
}

static void directories_are_skipped_only_if_nothing_comes_back(void **state)
{
	(void)state;
	static const struct {
		const char *rules, *dir;
		bool has_all;
	} cases[] = {
		{ "a", "a", true },	    { "a", "a/b", true },
		{ "a", "b", false },	    { "a/*", "a", false },
		{ "a\n!b", "a", true },	    { "a\n!a/b", "a", false },
		{ "a\n!a/b", "a/c", true }, { "a\n!a/b/c", "a/b", false },
		{ "*\n!*.c", "a", true },   { "*\n!**/*.c", "a", false },
		{ "*\n!*/x", "a", false },  { "*\n!*/x", "a/b", true },
		{ "*\n!a", "a", false },    { "*\n!a\na/b", "a/b", true },
		{ "!a/x\n*", "b", true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ch_auto(ignore) struct ch_ignore ignore = { 0 };
		struct ch_err err;

		assert_int_equal(
			ch_ignore_parse(&ignore, cases[i].rules, strlen(cases[i].rules), &err), 0);

		if (ch_ignore_has_all(&ignore, cases[i].dir) != cases[i].has_all)
			print_error("'%s' '%s'\n", cases[i].rules, cases[i].dir);
		assert_int_equal(ch_ignore_has_all(&ignore, cases[i].dir), cases[i].has_all);
	}
}

static void patterns_can_be_added_one_by_one(void **state)
{
	(void)state;
	ch_auto(ignore) struct ch_ignore ignore = { 0 };
	struct ch_err err;

	assert_int_equal(ch_ignore_add(&ignore, "*.o", &err), 0);
	assert_int_equal(ch_ignore_add(&ignore, "!a.o", &err), 0);
	assert_int_equal(ch_ignore_add(&ignore, "#b", &err), 0);
	assert_int_equal(ch_ignore_add(&ignore, "", &err), 0);
	assert_int_equal(ignore.n, 3);
	assert_true(ignore.has_exceptions);
	assert_true(ch_ignore_has(&ignore, "b.o"));
	assert_false(ch_ignore_has(&ignore, "a.o"));
	assert_true(ch_ignore_has(&ignore, "#b"));
}

static void errors_name_the_line(void **state)
{
	(void)state;
	static const struct {
		const char *rules, *msg;
	} cases[] = {
		{ "!", "line 1: nothing behind '!'" },
		{ "a\n#\n ! \nb", "line 3: nothing behind '!'" },
		{ "a\n\nb[c\n", "line 3: pattern 'b[c': '[' without ']'" },
		{ "!a\\", "line 1: pattern 'a\\': nothing behind a backslash" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ch_auto(ignore) struct ch_ignore ignore = { 0 };
		struct ch_err err;

		assert_int_equal(
			ch_ignore_parse(&ignore, cases[i].rules, strlen(cases[i].rules), &err),
			-EINVAL);
		assert_string_equal(err.msg, cases[i].msg);
	}
}

static void files_are_bounded(void **state)
{
	(void)state;
	ch_auto(ignore) struct ch_ignore ignore = { 0 };
	ch_auto(buf) struct ch_buf text = CH_BUF_INIT(CH_IGNORE_MAX + 1);
	struct ch_err err;

	for (int i = 0; i <= CH_IGNORE_MAX_RULES; i++)
		ch_buf_adds(&text, "a\n");
	assert_int_equal(ch_ignore_parse(&ignore, text.data, text.len, &err), -EFBIG);
	assert_string_equal(err.msg, "line 10001: more than 10000 patterns");
	assert_int_equal(ignore.n, CH_IGNORE_MAX_RULES);

	while (text.len <= CH_IGNORE_MAX)
		ch_buf_adds(&text, "\n");
	assert_int_equal(ch_ignore_parse(&ignore, text.data, text.len, &err), -EFBIG);
	assert_int_equal(ch_ignore_parse(&ignore, "a\0b", 3, &err), -EINVAL);
}

static int try_to_parse(void *data)
{
	ch_auto(ignore) struct ch_ignore ignore = { 0 };
	struct ch_err err;
	int rc = ch_ignore_parse(&ignore, data, strlen(data), &err);

	if (rc < 0)
		assert_string_equal(err.msg, "out of memory");
	return rc;
}

static void lack_of_memory_is_reported(void **state)
{
	(void)state;
	char rules[] = "*\n!a/[b-d]/**/x?\n*.o\nabcdefghijklmnopqrstuvwxyz\n";

	assert_true(torture(try_to_parse, rules) > 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(components_are_matched_as_by_python),
		cmocka_unit_test(paths_are_matched_as_by_docker),
		cmocka_unit_test(wrong_patterns_are_refused),
		cmocka_unit_test(long_patterns_are_refused),
		cmocka_unit_test(matching_takes_no_exponential_time),
		cmocka_unit_test(wildcards_are_recognised),
		cmocka_unit_test(the_last_rule_that_matches_decides),
		cmocka_unit_test(directories_are_skipped_only_if_nothing_comes_back),
		cmocka_unit_test(patterns_can_be_added_one_by_one),
		cmocka_unit_test(errors_name_the_line),
		cmocka_unit_test(files_are_bounded),
		cmocka_unit_test(lack_of_memory_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
