/* SPDX-License-Identifier: Apache-2.0 */
#include "dockerfile/subst.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/words.h"
#include "dockerfile/err.h"
#include "torture.h"
#include "unit.h"

static const struct {
	const char *name, *value;
} values[] = {
	{ "x", "abc" },
	{ "e", "" },
	{ "dots", "a.b.c" },
	{ "path", "/usr/lib/libx.so.1.2" },
	{ "star", "*" },
	{ "a_1", "under" },
	{ "blank", "p q" },
	{ "quoted", "'\"\\" },
	{ "utf", "\xc3\xa9\xe2\x82\xac\xc3\xa9" },
	{ "stars", "a*b*c" },
	{ "aaa", "aaa" },
};

static const char *get(const char *name, void *data)
{
	(void)data;
	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		if (strcmp(values[i].name, name) == 0)
			return values[i].value;
	return NULL;
}

/* What was unset: "NAME@LINE:COLUMN" */
static void note(const char *name, struct ch_df_pos pos, void *data)
{
	char text[64];

	snprintf(text, sizeof(text), "%s@%u:%u", name, pos.line, pos.column);
	ch_words_add(data, text);
}

struct result {
	int rc;
	char *text;
	struct ch_df_err err;
	struct ch_words unset;
};

/* Expand the argument of WORKDIR in DOCKERFILE's second line, or what else it has. */
static void expand(const char *dockerfile, struct result *r)
{
	ch_auto(dockerfile) struct ch_dockerfile df = { 0 };
	const struct ch_df_vars vars = { .get = get, .unset = note, .data = &r->unset };

	r->rc = ch_dockerfile_parse(dockerfile, strlen(dockerfile), &df, &r->err);
	if (r->rc < 0)
		return;

	const struct ch_df_instr *instr = &df.instrs[df.n - 1];
	const struct ch_df_word *word = instr->nheredocs ? &instr->heredocs[0].body
					: instr->is_json ? &instr->words[0]
							 : &instr->rest;

	r->rc = ch_df_expand(&df, word, &vars, &r->text, &r->err);
}

static void done(struct result *r)
{
	free(r->text);
	ch_words_done(&r->unset);
	*r = (struct result){ 0 };
}

static void expand_word(const char *word, struct result *r)
{
	ch_auto(buf) struct ch_buf text = CH_BUF_INIT(4096);

	ch_buf_addf(&text, "FROM a\nWORKDIR %s", word);
	expand(text.data, r);
}

struct good {
	const char *word, *expected;
	const char *unset; /* a variable of which this is said, or NULL: none is */
};

static const struct good plain[] = {
	{ "abc", "abc", NULL },
	{ "$x", "abc", NULL },
	{ "${x}", "abc", NULL },
	{ "$x$x", "abcabc", NULL },
	{ "/$x/", "/abc/", NULL },
	{ "${x}y", "abcy", NULL },
	{ "$a_1", "under", NULL },
	{ "$x-y", "abc-y", NULL },
	{ "$x.y", "abc.y", NULL },
	{ "$e", "", NULL },
	{ "a${e}b", "ab", NULL },
	{ "$", "$", NULL },
	{ "a$", "a$", NULL },
	{ "a$/b", "a$/b", NULL },
	{ "$ x", "$ x", NULL },
	{ "{x}", "{x}", NULL },
	{ "$blank", "p q", NULL },
	{ "a $x  b", "a abc  b", NULL },
	/* what comes out is not looked at again */
	{ "$quoted", "'\"\\", NULL },
	{ "\"$quoted\"", "'\"\\", NULL },
	/* unset ones are empty, and said */
	{ "$no", "", "no@2:9" },
	{ "a${no}b", "ab", "no@2:10" },
	{ "\xc3\xa9$no", "\xc3\xa9", "no@2:10" },
	{ "$1", "", "1@2:9" },
	{ "$12x", "x", "12@2:9" },
	{ "$xy", "", "xy@2:9" },
	{ "$@", "", "@@2:9" },
	{ "$$", "", "$@2:9" },
	{ "\"$no\"", "", "no@2:10" },
	{ "${no#a}", "", "no@2:9" },
	{ "${no/a/b}", "", "no@2:9" },
};

static const struct good quotes[] = {
	{ "'a b'", "a b", NULL },
	{ "\"a b\"", "a b", NULL },
	{ "'$x'", "$x", NULL },
	{ "\"$x\"", "abc", NULL },
	{ "'\"'", "\"", NULL },
	{ "\"'\"", "'", NULL },
	{ "'\\'", "\\", NULL },
	{ "\"'$x'\"", "'abc'", NULL },
	{ "a'b'c\"d\"e", "abcde", NULL },
	{ "''", "", NULL },
	{ "\"\"", "", NULL },
	{ "\\$x", "$x", NULL },
	{ "\\\\$x", "\\abc", NULL },
	{ "\\\\\\$x", "\\$x", NULL },
	{ "\\a", "a", NULL },
	{ "\\'$x", "'abc", NULL },
	{ "\\\"", "\"", NULL },
	{ "\"\\$x\"", "$x", NULL },
	{ "\"\\\"\"", "\"", NULL },
	{ "\"\\\\\"", "\\", NULL },
	/* only those three can be escaped in double quotes */
	{ "\"\\a\"", "\\a", NULL },
	{ "\"\\'\"", "\\'", NULL },
	{ "'${x'", "${x", NULL },
	{ "\"${x:-\"a b\"}\"", "abc", NULL },
};

static const struct good words[] = {
	{ "${x:-y}", "abc", NULL },
	{ "${x-y}", "abc", NULL },
	{ "${e:-y}", "y", NULL },
	{ "${e-y}", "", NULL },
	{ "${no:-y}", "y", NULL },
	{ "${no-y}", "y", NULL },
	{ "${no:-}", "", NULL },
	{ "${no-}", "", NULL },
	{ "${x:+y}", "y", NULL },
	{ "${x+y}", "y", NULL },
	{ "${e:+y}", "", NULL },
	{ "${e+y}", "y", NULL },
	{ "${no:+y}", "", NULL },
	{ "${no+y}", "", NULL },
	{ "${x:?m}", "abc", NULL },
	{ "${x?m}", "abc", NULL },
	{ "${e?m}", "", NULL },
	{ "${x:?}", "abc", NULL },
	/* words may have anything in them */
	{ "${no:-$x}", "abc", NULL },
	{ "${no:-${x}}", "abc", NULL },
	{ "${no:-${nor:-$x}}", "abc", NULL },
	{ "${no:-a${x}b}", "aabcb", NULL },
	{ "${no:-'$x'}", "$x", NULL },
	{ "${no:-\"$x y\"}", "abc y", NULL },
	{ "${no:-a b}", "a b", NULL },
	{ "${no:-\\}}", "}", NULL },
	{ "${no:-'}'}", "}", NULL },
	{ "${no:-\"}\"}", "}", NULL },
	{ "${no:-{a}}", "{a}", NULL },
	{ "\"${no:-'a'}\"", "a", NULL },
	{ "${no:--}", "-", NULL },
	{ "${no:-a:b}", "a:b", NULL },
	{ "${x:+${no:-y}}", "y", NULL },
	{ "${path:+$path:}/new", "/usr/lib/libx.so.1.2:/new", NULL },
	{ "${no:+$no:}/new", "/new", NULL },
	/* what is not taken is not asked for */
	{ "${x:-$no}", "abc", NULL },
	{ "${x:-${no?wrong}}", "abc", NULL },
	{ "${no+${nor:?wrong}}", "", NULL },
	{ "${no:-$nor}", "", "nor@2:15" },
};

static const struct good patterns[] = {
	{ "${path#/usr}", "/lib/libx.so.1.2", NULL },
	{ "${path#lib}", "/usr/lib/libx.so.1.2", NULL },
	{ "${path#*/}", "usr/lib/libx.so.1.2", NULL },
	{ "${path##*/}", "libx.so.1.2", NULL },
	{ "${path%/*}", "/usr/lib", NULL },
	{ "${path%%/*}", "", NULL },
	{ "${path%.*}", "/usr/lib/libx.so.1", NULL },
	{ "${path%%.*}", "/usr/lib/libx", NULL },
	{ "${dots#?}", ".b.c", NULL },
	{ "${dots%?}", "a.b.", NULL },
	{ "${dots%??}", "a.b", NULL },
	{ "${dots#*}", "a.b.c", NULL },
	{ "${dots##*}", "", NULL },
	{ "${dots%*}", "a.b.c", NULL },
	{ "${dots%%*}", "", NULL },
	{ "${dots#}", "a.b.c", NULL },
	{ "${dots##}", "a.b.c", NULL },
	{ "${dots#a.b.c}", "", NULL },
	{ "${dots#a.b.c.d}", "a.b.c", NULL },
	{ "${e#a}", "", NULL },
	{ "${e#*}", "", NULL },
	{ "${utf#?}", "\xe2\x82\xac\xc3\xa9", NULL },
	{ "${utf%?}", "\xc3\xa9\xe2\x82\xac", NULL },
	{ "${utf##*\xe2\x82\xac}", "\xc3\xa9", NULL },
	/* quoted and escaped wildcards are none */
	{ "${stars#*'*'}", "b*c", NULL },
	{ "${stars##*\"*\"}", "c", NULL },
	{ "${stars%\\**}", "a*b", NULL },
	{ "${stars%%\\**}", "a", NULL },
	{ "${dots#\\*}", "a.b.c", NULL },
	{ "${x#[a]}", "abc", NULL },
	/* variables in patterns are, unless quoted */
	{ "${stars#$star}", "a*b*c", NULL },
	{ "${stars##$star}", "", NULL },
	{ "${stars#a\"$star\"}", "b*c", NULL },
	{ "${stars#a${star}b}", "*c", NULL },
	{ "${dots%.${dots##*.}}", "a.b", NULL },
	{ "${x#'a'}", "bc", NULL },
	{ "\"${path##*/}\"", "libx.so.1.2", NULL },
	{ "${path/lib/64}", "/usr/64/libx.so.1.2", NULL },
	{ "${path//lib/64}", "/usr/64/64x.so.1.2", NULL },
	{ "${dots/./}", "ab.c", NULL },
	{ "${dots//./}", "abc", NULL },
	{ "${dots//./_}", "a_b_c", NULL },
	{ "${path//\\//-}", "-usr-lib-libx.so.1.2", NULL },
	{ "${path//'/'/-}", "-usr-lib-libx.so.1.2", NULL },
	{ "${dots/b*/x}", "a.x", NULL },
	{ "${dots/*/x}", "x", NULL },
	{ "${dots//?/x}", "xxxxx", NULL },
	{ "${dots/?./x}", "xb.c", NULL },
	{ "${aaa/a/b}", "baa", NULL },
	{ "${aaa//aa/b}", "ba", NULL },
	{ "${aaa//z/b}", "aaa", NULL },
	{ "${aaa//a/aa}", "aaaaaa", NULL },
	{ "${aaa/a/$x}", "abcaa", NULL },
	{ "${aaa/a/\\}}", "}aa", NULL },
	{ "${x//b/'$'}", "a$c", NULL },
	{ "${stars//'*'/-}", "a-b-c", NULL },
	{ "${utf//\xc3\xa9/e}",
	  "e\xe2\x82\xac"
	  "e",
	  NULL },
	{ "${aaa///b}", "aaa", NULL },
	{ "${e/*/z}", "z", NULL },
	{ "${e//*/z}", "z", NULL },
	{ "${e/?/z}", "", NULL },
	{ "${e//$e/z}", "", NULL },
};

static void check(const struct good *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct result r = { 0 };

		expand_word(cases[i].word, &r);

		if (r.rc < 0)
			print_error("%s: %s\n", cases[i].word, r.err.msg);
		assert_int_equal(r.rc, 0);
		if (strcmp(r.text, cases[i].expected) != 0)
			print_error("%s\n", cases[i].word);
		assert_string_equal(r.text, cases[i].expected);
		assert_int_equal(r.unset.n, cases[i].unset ? 1 : 0);
		if (cases[i].unset)
			assert_string_equal(r.unset.v[0], cases[i].unset);
		done(&r);
	}
}

static void variables_are_replaced(void **state)
{
	(void)state;
	check(plain, ARRAY_SIZE(plain));
}

static void quotes_are_taken_away(void **state)
{
	(void)state;
	check(quotes, ARRAY_SIZE(quotes));
}

static void words_stand_in(void **state)
{
	(void)state;
	check(words, ARRAY_SIZE(words));
}

static void patterns_cut_and_replace(void **state)
{
	(void)state;
	check(patterns, ARRAY_SIZE(patterns));
}

static void errors_say_what_and_where(void **state)
{
	(void)state;
	static const struct {
		const char *word;
		unsigned column;
		const char *msg;
	} cases[] = {
		{ "a${x", 10, "'${' without '}'" },
		{ "a${x:-b", 16, "'${' without '}'" },
		{ "${x:-${y}", 18, "'${' without '}'" },
		{ "${x#a", 14, "'${' without '}'" },
		{ "${x/a}", 15, "'/' is missing in '${NAME/'" },
		{ "${}", 9, "no name behind '${'" },
		{ "${", 9, "no name behind '${'" },
		{ "a${:x}", 10, "no name behind '${'" },
		{ "${{x}}", 9, "no name behind '${'" },
		{ "${x:}", 12, "behind ':' in '${' is -, + or ?" },
		{ "${x:=y}", 12, "behind ':' in '${' is -, + or ?" },
		{ "${x=y}", 12, "this cannot be behind a name in '${'" },
		{ "${x^^}", 12, "this cannot be behind a name in '${'" },
		{ "${x y}", 12, "this cannot be behind a name in '${'" },
		{ "a 'b", 11, "' without another one" },
		{ "a \"b", 11, "\" without another one" },
		{ "\"${x:-'}\"", 15, "' without another one" },
		{ "${no?}", 9, "variable no is unset" },
		{ "${no:?}", 9, "variable no is unset" },
		{ "${e:?}", 9, "variable e is empty" },
		{ "a${no?give $x}", 10, "no: give abc" },
		{ "${e:?must not be empty}", 9, "e: must not be empty" },
		{ "${no:-${nor?inner}}", 15, "nor: inner" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct result r = { 0 };

		expand_word(cases[i].word, &r);

		if (r.rc == 0)
			print_error("%s: %s\n", cases[i].word, r.text);
		assert_int_equal(r.rc, -EINVAL);
		assert_string_equal(r.err.msg, cases[i].msg);
		assert_int_equal(r.err.pos.line, 2);
		assert_int_equal(r.err.pos.column, cases[i].column);
		assert_int_equal(r.err.code, -EINVAL);
		done(&r);
	}
}

static void places_are_found_in_continued_lines(void **state)
{
	(void)state;
	struct result r = { 0 };

	expand("FROM a\nWORKDIR a\\\n  # b\n  b$no\\\n\n${x", &r);

	assert_int_equal(r.rc, -EINVAL);
	assert_int_equal(r.unset.n, 1);
	assert_string_equal(r.unset.v[0], "no@4:4");
	assert_int_equal(r.err.pos.line, 6);
	assert_int_equal(r.err.pos.column, 1);
	assert_string_equal(r.err.line, "${x");
	done(&r);
}

static void raw_words_keep_their_quotes(void **state)
{
	(void)state;
	static const struct {
		const char *dockerfile, *expected;
	} cases[] = {
		{ "FROM a\nCOPY [\"a'$x\\\"\", \"b\"]", "a'abc\"" },
		{ "FROM a\nCOPY [\"\\\\$x\\\\n\", \"b\"]", "$x\\n" },
		{ "FROM a\nCOPY [\"${no:-'q'}\", \"b\"]", "'q'" },
		{ "FROM a\nCOPY <<E /b\n'$x'\n\"${x}\" \\n\nE", "'abc'\n\"abc\" \\n\n" },
		{ "FROM a\nCOPY <<E /b\n\\$x \\\\ \\\" it's\nE", "$x \\ \\\" it's\n" },
		{ "FROM a\nCOPY <<-E /b\n\t\t$x\n\tE", "abc\n" },
		{ "FROM a\nCOPY <<E /b\nE", "" },
		{ "FROM a\nCOPY <<E /b\na\\\nb\nE", "a\\\nb\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct result r = { 0 };

		expand(cases[i].dockerfile, &r);

		assert_int_equal(r.rc, 0);
		assert_string_equal(r.text, cases[i].expected);
		assert_int_equal(r.unset.n, 0);
		done(&r);
	}
}

static void places_are_found_in_here_documents(void **state)
{
	(void)state;
	struct result r = { 0 };

	expand("FROM a\nCOPY <<E /b\nfirst\nsecond $no\nthird ${x:}\nE", &r);

	assert_int_equal(r.rc, -EINVAL);
	assert_string_equal(r.unset.v[0], "no@4:8");
	assert_int_equal(r.err.pos.line, 5);
	assert_int_equal(r.err.pos.column, 10);
	assert_string_equal(r.err.line, "third ${x:}");
	done(&r);
}

static void the_other_escape_character_is_followed(void **state)
{
	(void)state;
	static const struct {
		const char *dockerfile, *expected;
	} cases[] = {
		{ "# escape=`\nFROM a\nWORKDIR C:\\$x", "C:\\abc" },
		{ "# escape=`\nFROM a\nWORKDIR `$x``", "$x`" },
		{ "# escape=`\nFROM a\nWORKDIR \"`$x\\`\"\"", "$x\\\"" },
		{ "# escape=`\nFROM a\nWORKDIR ${stars#a`*}", "b*c" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct result r = { 0 };

		expand(cases[i].dockerfile, &r);

		assert_int_equal(r.rc, 0);
		assert_string_equal(r.text, cases[i].expected);
		done(&r);
	}
}

/* Values of 64 KiB, whatever is asked for */
static const char *get_large(const char *name, void *data)
{
	(void)name;
	return data;
}

static int expand_large(const char *word, struct ch_df_err *err)
{
	ch_auto(dockerfile) struct ch_dockerfile df = { 0 };
	ch_auto(buf) struct ch_buf text = CH_BUF_INIT(1 << 20);
	ch_auto(str) char *large = calloc(1, (64 << 10) + 1);
	ch_auto(str) char *out = NULL;
	const struct ch_df_vars vars = { .get = get_large, .data = large };

	memset(NOT_NULL(large), 'a', 64 << 10);
	ch_buf_addf(&text, "FROM a\nWORKDIR %s", word);
	assert_int_equal(ch_dockerfile_parse(text.data, text.len, &df, err), 0);
	return ch_df_expand(&df, &df.instrs[1].rest, &vars, &out, err);
}

static void results_are_bounded(void **state)
{
	(void)state;
	struct ch_df_err err;
	ch_auto(buf) struct ch_buf many = CH_BUF_INIT(4096), deep = CH_BUF_INIT(4096);

	for (int i = 0; i < 17; i++)
		ch_buf_adds(&many, "$x");
	for (int i = 0; i < 33; i++)
		ch_buf_adds(&deep, "${x+");

	assert_int_equal(expand_large("${x//a/$x}", &err), -E2BIG);
	assert_string_equal(err.msg, "the value becomes longer than 1 MiB");
	assert_int_equal(expand_large(many.data, &err), -E2BIG);
	assert_string_equal(err.msg, "the value becomes longer than 1 MiB");
	assert_int_equal(err.pos.line, 2);
	assert_int_equal(expand_large(deep.data, &err), -E2BIG);
	assert_string_equal(err.msg, "too many '${' within each other");
	assert_int_equal(err.pos.column, 9 + 4 * 32);
}

static void work_is_bounded(void **state)
{
	(void)state;
	struct ch_df_err err;

	assert_int_equal(expand_large("${x//*b/c}", &err), -E2BIG);
	assert_string_equal(err.msg, "replacing variables takes too long here");
	assert_int_equal(err.pos.column, 9);
	assert_int_equal(expand_large("${x%%*a*a*a*a*a*a*b}", &err), 0);
}

static int try_to_expand(void *data)
{
	ch_auto(str) char *out = NULL;
	const struct ch_df_vars vars = { .get = get };
	struct ch_dockerfile *df = data;
	struct ch_df_err err;
	int rc = ch_df_expand(df, &df->instrs[1].rest, &vars, &out, &err);

	if (rc < 0)
		assert_string_equal(err.msg, "out of memory");
	return rc;
}

static void lack_of_memory_is_reported(void **state)
{
	(void)state;
	static const char text[] =
		"FROM a\nWORKDIR \"${no:-${x##*b}}\"'q'${path//lib*/$x}${e:+skipped}${path%.*}";
	ch_auto(dockerfile) struct ch_dockerfile df = { 0 };
	struct ch_df_err err;

	assert_int_equal(ch_dockerfile_parse(text, strlen(text), &df, &err), 0);
	assert_true(torture(try_to_expand, &df) > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(variables_are_replaced),
		cmocka_unit_test(quotes_are_taken_away),
		cmocka_unit_test(words_stand_in),
		cmocka_unit_test(patterns_cut_and_replace),
		cmocka_unit_test(errors_say_what_and_where),
		cmocka_unit_test(places_are_found_in_continued_lines),
		cmocka_unit_test(raw_words_keep_their_quotes),
		cmocka_unit_test(places_are_found_in_here_documents),
		cmocka_unit_test(the_other_escape_character_is_followed),
		cmocka_unit_test(results_are_bounded),
		cmocka_unit_test(work_is_bounded),
		cmocka_unit_test(lack_of_memory_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
