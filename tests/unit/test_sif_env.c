/* SPDX-License-Identifier: Apache-2.0 */
#include "convert/sif_env.h"

#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/words.h"
#include "unit.h"

/* What SCRIPT makes of an environment where A is "1", as one text */
static bool read_script(const char *script, char out[4096])
{
	ch_auto(words) struct ch_words env = { 0 };
	ch_auto(buf) struct ch_buf text = CH_BUF_INIT(4096);
	bool is_whole;

	ch_words_set(&env, "A", "1");
	is_whole = ch_sif_env_read(script, &env);
	assert_false(env.bad);
	for (size_t i = 1; i < env.n; i++)
		ch_buf_addf(&text, "%s|", env.v[i]);
	snprintf(out, 4096, "%s", text.data ? text.data : "");
	return is_whole;
}

static void assignments_are_understood(void **state)
{
	(void)state;
	static const struct {
		const char *script, *env;
	} cases[] = {
		{ "", "" },
		{ "#!/bin/sh\n\n  # comment\n", "" },
		{ "B=x", "B=x|" },
		{ "export B=x\nexport B", "B=x|" },
		{ "\texport B=x C=y # and so on\nD=z;E=;\n", "B=x|C=y|D=z|E=|" },
		{ "B='a $A \\ \"'", "B=a $A \\ \"|" },
		{ "B=\"a $A ${A}b \\$A \\\" \\x\"", "B=a 1 1b $A \" \\x|" },
		{ "B=a\\ b'c'\"d\"#e", "B=a bcd#e|" },
		{ "B=$A:$Z:${Z}", "B=1::|" },
		{ "B=x B=${B}y\nB=$B$B", "B=xyxy|" },
		{ "export B=\"${B:-\"a b\"}\"", "B=a b|" },
		{ "export B=\"${A:-\"a b\"}\" C=${Z:-${A-c}} D=${Z-'}'}", "B=1|C=1|D=}|" },
		{ "E=\nB=${E:-x} C=${E-x}", "E=|B=x|C=|" },
		{ "export PATH=\"/opt/bin:$PATH\"",
		  "PATH=/opt/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin|" },
		{ "PATH=/a\nPATH=$PATH:/b", "PATH=/a:/b|" },
		{ "export PATH=\"${PATH:-\"/a\"}\"", "PATH=/a|" },
		{ "B='two\nlines'", "B=two\nlines|" },
		{ "B=x; B=${B}y", "B=xy|" },
	};
	char env[4096];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_true(read_script(cases[i].script, env));
		assert_string_equal(env, cases[i].env);
	}
}

static void what_needs_a_shell_ends_it(void **state)
{
	(void)state;
	static const char *const scripts[] = {
		"if true; then\nC=y\nfi",
		". /etc/profile\nC=y",
		"C=$(date)",
		"C=\"`date`\"",
		"C=`date`",
		"C=$((1 + 1))",
		"C=${A#x}",
		"C=${A:+x}",
		"C=${A:=x}",
		"C=${A",
		"C=${}",
		"C=$1",
		"C=~/x",
		"C=*",
		"C=y&",
		"C=y | cat",
		"C=y command",
		"export -p",
		"exported=\"",
		"C='y",
		"C=\"y",
		"1=y",
		"C+=y",
		"unset C",
		"C=\\\ny",
		"C=${A:-${A:-${A:-${A:-${A:-${A:-${A:-${A:-${A:-x}}}}}}}}}",
	};
	char env[4096], script[256];

	for (size_t i = 0; i < ARRAY_SIZE(scripts); i++) {
		snprintf(script, sizeof(script), "B=x\n%s\nD=z\n", scripts[i]);
		assert_false(read_script(script, env));
		assert_string_equal(env, "B=x|");
	}
}

/* LINE some times, with its number for "%d" */
static void repeat(struct ch_buf *script, const char *line, int times)
{
	for (int i = 0; i < times; i++) {
		const char *number = strstr(line, "%d");

		if (number)
			ch_buf_addf(script, "%.*s%d%s", (int)(number - line), line, i, number + 2);
		else
			ch_buf_adds(script, line);
	}
}

static void too_much_ends_it(void **state)
{
	(void)state;
	static const struct {
		const char *first, *line;
		int times;
		bool is_whole;
	} cases[] = {
		{ "", "B%d=\n", 4000, true },	{ "", "B%d=\n", 100000, false },
		{ "", "B%d= ", 100000, false }, { "C=", "${Z-}", 4000, true },
		{ "C=", "$Z", 100000, false },	{ "C=\"", "${Z-}", 100000, false },
		{ "", "B=$X\n", 4, true },	{ "", "B%d=$X\n", 1000, false },
		{ "", "B%d=$X ", 1000, false },
	};
	enum { LARGE = 100 * 1000, MAX = 512 * 1024 };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ch_auto(words) struct ch_words env = { 0 };
		ch_auto(buf) struct ch_buf script = CH_BUF_INIT(2 * MAX);
		size_t bytes = 0;

		ch_buf_adds(&script, "X=");
		repeat(&script, "x", LARGE);
		ch_buf_addf(&script, "\n%s", cases[i].first);
		repeat(&script, cases[i].line, cases[i].times);
		assert_false(ch_buf_bad(&script));

		assert_int_equal(ch_sif_env_read(script.data, &env), cases[i].is_whole);
		assert_false(env.bad);
		for (size_t j = 0; j < env.n; j++)
			bytes += strlen(env.v[j]) + 1;
		assert_in_range(env.n, 1, 4096);
		assert_in_range(bytes, LARGE, MAX);
	}
}

/* Many may be there before; they are not touched by what is too much then. */
static void too_much_may_be_there_already(void **state)
{
	(void)state;
	ch_auto(words) struct ch_words env = { 0 };
	char pair[16];

	for (int i = 0; i < 5000; i++) {
		snprintf(pair, sizeof(pair), "B%d=", i);
		ch_words_add(&env, pair);
	}
	assert_true(ch_sif_env_read("# nothing\n", &env));
	assert_false(ch_sif_env_read("B0=x\n", &env));
	assert_int_equal(env.n, 5000);
	assert_string_equal(env.v[0], "B0=");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(assignments_are_understood),
		cmocka_unit_test(what_needs_a_shell_ends_it),
		cmocka_unit_test(too_much_ends_it),
		cmocka_unit_test(too_much_may_be_there_already),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
