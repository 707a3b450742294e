/* SPDX-License-Identifier: Apache-2.0 */
#include "dockerfile/dockerfile.h"

#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "dockerfile/err.h"
#include "torture.h"
#include "unit.h"

static void parse(const char *text, struct ch_dockerfile *df)
{
	struct ch_df_err err;
	int rc = ch_dockerfile_parse(text, strlen(text), df, &err);

	if (rc < 0)
		print_error("%s\n%s\n", text, err.msg);
	assert_int_equal(rc, 0);
}

static void the_text_is_on_one_line(void **state)
{
	(void)state;
	static const struct {
		const char *text, *expected;
	} cases[] = {
		{ "run  a \\\n  b  ", "RUN a   b" },
		{ "RUN --mount=type=ssh a", "RUN --mount=type=ssh a" },
		{ "env a=b \\\n# c\n\tc=d", "ENV a=b \tc=d" },
		{ "nsync a b", "RSYNC a b" },
		{ "onbuild   run\tx", "ONBUILD RUN x" },
		{ "RUN <<E\na\nE", "RUN <<E" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ch_auto(dockerfile) struct ch_dockerfile df = { 0 };
		ch_auto(buf) struct ch_buf text = CH_BUF_INIT(4096);

		ch_buf_addf(&text, "FROM a\n%s", cases[i].text);
		parse(text.data, &df);

		assert_string_equal(df.instrs[1].text, cases[i].expected);
	}
}

static void keys_have_here_documents(void **state)
{
	(void)state;
	static const struct {
		const char *text, *expected;
	} cases[] = {
		{ "run a", "RUN a" },
		{ "run <<-A b <<C\n\ta\n\tA\nc\nC", "RUN <<-A b <<C\n\ta\nA\nc\nC" },
		{ "ONBUILD run <<A\na\nA", "ONBUILD RUN <<A\na\nA" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ch_auto(dockerfile) struct ch_dockerfile df = { 0 };
		ch_auto(buf) struct ch_buf text = CH_BUF_INIT(4096), key = CH_BUF_INIT(4096);

		ch_buf_addf(&text, "FROM a\n%s", cases[i].text);
		parse(text.data, &df);
		ch_df_key(&df.instrs[1], &key);

		assert_string_equal(key.data, cases[i].expected);
	}
}

static void scripts_are_what_the_shell_gets(void **state)
{
	(void)state;
	static const struct {
		const char *text, *expected;
		bool is_script;
	} cases[] = {
		{ "RUN a \\\n b", "a  b", false },
		{ "RUN <<E\na\nb\nE", "a\nb\n", true },
		{ "RUN --network=none <<'E'\na\nE", "a\n", true },
		{ "RUN <<-E\n\ta\n\tE", "a\n", true },
		{ "RUN <<E\n#!/bin/x\nE", "#!/bin/x\n", true },
		{ "RUN cat <<E\na\nE", "cat <<E\na\nE\n", false },
		{ "RUN <<E cat\na\nE", "<<E cat\na\nE\n", false },
		{ "RUN <<E>x\na\nE", "<<E>x\na\nE\n", false },
		{ "RUN cat <<-'E' | b\n\ta\n\tE", "cat <<-'E' | b\n\ta\nE\n", false },
		{ "RUN a <<A <<B\na\nA\nb\nB", "a <<A <<B\na\nA\nb\nB\n", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ch_auto(dockerfile) struct ch_dockerfile df = { 0 };
		ch_auto(buf) struct ch_buf text = CH_BUF_INIT(4096);
		ch_auto(str) char *script = NULL;
		struct ch_err err;

		ch_buf_addf(&text, "FROM a\n%s", cases[i].text);
		parse(text.data, &df);
		assert_int_equal(ch_df_run_script(&df.instrs[1], &script, &err), 0);

		assert_string_equal(script, cases[i].expected);
		assert_int_equal(ch_df_is_script(&df.instrs[1]), cases[i].is_script);
	}
}

static void sources_find_their_here_documents(void **state)
{
	(void)state;
	ch_auto(dockerfile) struct ch_dockerfile df = { 0 };

	parse("FROM a\nCOPY <<A b <<C /x\na\nA\nc\nC\nCOPY [\"<<A\", \"x\"]", &df);

	const struct ch_df_instr *copy = &df.instrs[1], *json = &df.instrs[2];

	assert_string_equal(NOT_NULL(ch_df_heredoc_of(copy, &copy->words[0]))->name, "A");
	assert_null(ch_df_heredoc_of(copy, &copy->words[1]));
	assert_string_equal(NOT_NULL(ch_df_heredoc_of(copy, &copy->words[2]))->name, "C");
	assert_null(ch_df_heredoc_of(copy, &copy->words[3]));
	assert_null(ch_df_heredoc_of(json, &json->words[0]));
}

static void stages_have_numbers_and_names(void **state)
{
	(void)state;
	ch_auto(dockerfile) struct ch_dockerfile df = { 0 };

	parse("ARG a\nFROM x AS one\nARG b\nFROM y\nRUN c\nFROM z AS ONE\nONBUILD RUN d", &df);

	assert_int_equal(df.nstages, 3);
	assert_true(df.instrs[0].is_global);
	assert_false(df.instrs[2].is_global);
	assert_int_equal(df.instrs[0].stage, 0);
	assert_int_equal(df.instrs[1].stage, 0);
	assert_int_equal(df.instrs[4].stage, 1);
	assert_int_equal(df.instrs[5].stage, 2);
	assert_int_equal(NOT_NULL(df.instrs[6].trigger)->stage, 2);
	assert_int_equal(ch_df_stage(&df, "one", 3), 2);
	assert_int_equal(ch_df_stage(&df, "One", 2), 0);
	assert_int_equal(ch_df_stage(&df, "one", 0), -1);
	assert_int_equal(ch_df_stage(&df, "1", 2), 1);
	assert_int_equal(ch_df_stage(&df, "2", 2), -1);
	assert_int_equal(ch_df_stage(&df, "2", 9), 2);
	assert_int_equal(ch_df_stage(&df, "3", 9), -1);
	assert_int_equal(ch_df_stage(&df, "99999999999999999999", 9), -1);
	assert_int_equal(ch_df_stage(&df, "two", 3), -1);
	assert_int_equal(ch_df_stage(&df, "", 3), -1);
}

static void flags_are_looked_up(void **state)
{
	(void)state;
	ch_auto(dockerfile) struct ch_dockerfile df = { 0 };

	parse("FROM a\nCOPY --link --parents=false --exclude=x --exclude=y a b", &df);

	const struct ch_df_instr *copy = &df.instrs[1];

	assert_true(ch_df_flag_is_on(copy, "link"));
	assert_false(ch_df_flag_is_on(copy, "parents"));
	assert_false(ch_df_flag_is_on(copy, "unpack"));
	assert_null(ch_df_flag(copy, "from"));
	assert_string_equal(NOT_NULL(ch_df_flag(copy, "exclude"))->value.text, "y");
}

static void times_are_read(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int64_t ns; /* -1: is refused */
	} cases[] = {
		{ "0", 0 },
		{ "5s", 5000000000 },
		{ "1m30s", 90000000000 },
		{ "1.5h", 5400000000000 },
		{ "100ms", 100000000 },
		{ "2us", 2000 },
		{ "7ns", 7 },
		{ ".5s", 500000000 },
		{ "1.s", 1000000000 },
		{ "0.0000000019s", 1 },
		{ "", -1 },
		{ "5", -1 },
		{ "s", -1 },
		{ ".s", -1 },
		{ "-5s", -1 },
		{ "5x", -1 },
		{ "5s ", -1 },
		{ "5sm", -1 },
		{ "1d", -1 },
		{ "99999999999999999999s", -1 },
		{ "9999999999h", -1 },
		{ "2562047h2562047h", -1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int64_t ns = -1;

		assert_int_equal(ch_df_duration(cases[i].text, &ns), cases[i].ns < 0 ? -EINVAL : 0);
		assert_int_equal(ns, cases[i].ns);
	}
}

static int try_to_parse(void *data)
{
	ch_auto(dockerfile) struct ch_dockerfile df = { 0 };
	struct ch_df_err err;
	int rc = ch_dockerfile_parse(data, strlen(data), &df, &err);

	if (rc < 0)
		assert_string_equal(err.msg, "out of memory");
	return rc;
}

static void lack_of_memory_is_reported(void **state)
{
	(void)state;
	static char text[] = "# syntax=x\nARG a=b\nFROM --platform=$a x AS y\n"
			     "RUN --mount=type=cache,target=/c <<E && \\\n  a\nb\nE\n"
			     "ENV a=b c=d\nCMD [\"a\", \"b\"]\nCOPY --link a b c\n"
			     "ONBUILD RUN x\nRSYNC +l a b\nHEALTHCHECK CMD a\n";
	ch_auto(buf) struct ch_buf many = CH_BUF_INIT(1 << 20);

	ch_buf_adds(&many, text);
	for (int i = 0; i < 1000; i++)
		ch_buf_adds(&many, "VOLUME a b\n");

	assert_true(torture(try_to_parse, text) > 5);
	assert_true(torture(try_to_parse, many.data) > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_text_is_on_one_line),
		cmocka_unit_test(keys_have_here_documents),
		cmocka_unit_test(scripts_are_what_the_shell_gets),
		cmocka_unit_test(sources_find_their_here_documents),
		cmocka_unit_test(stages_have_numbers_and_names),
		cmocka_unit_test(flags_are_looked_up),
		cmocka_unit_test(times_are_read),
		cmocka_unit_test(lack_of_memory_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
