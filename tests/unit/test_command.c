/* SPDX-License-Identifier: Apache-2.0 */
/* From what an image's JSON says to the words that are executed. */
#include "rt/command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "oci/config.h"
#include "unit.h"

enum form { ABSENT, EMPTY, EXEC, SHELL };

/* As values of JSON; NULL: there is no such key. */
static const char *const entrypoints[] = { NULL, "[]", "[\"/e 1\",\"-x\"]", "\"e $1; e2\"" };
static const char *const cmds[] = { NULL, "[]", "[\"/c 1\",\"\"]", "\"c $2\"" };

#define NOTHING "the image has neither ENTRYPOINT nor CMD: name a command"
#define E_SHELL "</bin/sh><-c><e $1; e2>"
#define C_SHELL "</bin/sh><-c><c $2>"

/* Docker's rules: what is run with COMMAND omitted, or "-", and with "- a 'b c'". */
static const struct {
	enum form entrypoint, cmd;
	const char *alone, *with_args;
} table[] = {
	{ ABSENT, ABSENT, NOTHING, "<a><b c>" },
	{ ABSENT, EMPTY, NOTHING, "<a><b c>" },
	{ ABSENT, EXEC, "</c 1><>", "<a><b c>" },
	{ ABSENT, SHELL, C_SHELL, "<a><b c>" },
	{ EMPTY, ABSENT, NOTHING, "<a><b c>" },
	{ EMPTY, EMPTY, NOTHING, "<a><b c>" },
	{ EMPTY, EXEC, "</c 1><>", "<a><b c>" },
	{ EMPTY, SHELL, C_SHELL, "<a><b c>" },
	{ EXEC, ABSENT, "</e 1><-x>", "</e 1><-x><a><b c>" },
	{ EXEC, EMPTY, "</e 1><-x>", "</e 1><-x><a><b c>" },
	{ EXEC, EXEC, "</e 1><-x></c 1><>", "</e 1><-x><a><b c>" },
	{ EXEC, SHELL, "</e 1><-x>" C_SHELL, "</e 1><-x><a><b c>" },
	{ SHELL, ABSENT, E_SHELL, E_SHELL "<a><b c>" },
	{ SHELL, EMPTY, E_SHELL, E_SHELL "<a><b c>" },
	{ SHELL, EXEC, E_SHELL "</c 1><>", E_SHELL "<a><b c>" },
	{ SHELL, SHELL, E_SHELL C_SHELL, E_SHELL "<a><b c>" },
};

static void add_key(struct ch_buf *out, const char *key, const char *value)
{
	if (value)
		ch_buf_addf(out, "%s\"%s\":%s", out->len > 1 ? "," : "", key, value);
}

/* What JSON of ch-image says, as the keeper hands it on. */
static char *meta_of(const char *entrypoint, const char *cmd, const char *shell, size_t *ret_len)
{
	ch_auto(buf) struct ch_buf json = CH_BUF_INIT(4096);
	struct ch_oci_text none = { 0 };
	struct ch_err err;
	char *meta = NULL;

	ch_buf_adds(&json, "{");
	add_key(&json, "entrypoint", entrypoint);
	add_key(&json, "cmd", cmd);
	add_key(&json, "shell", shell);
	ch_buf_adds(&json, "}");
	assert_int_equal(ch_oci_config_meta((struct ch_oci_text){ json.data, json.len }, none, 4096,
					    &meta, ret_len, &err),
			 0);
	return meta;
}

/* All words of the command in brackets, or the error's text. */
static char *words_of(const char *meta, size_t len, char **args)
{
	ch_auto(command) struct ch_command command = { 0 };
	ch_auto(buf) struct ch_buf out = CH_BUF_INIT(4096);
	struct ch_err err;
	char *text;

	if (ch_command_make(meta, len, args, &command, &err) < 0)
		ch_buf_addf(&out, "%s", err.msg);
	for (char **word = command.argv; word && *word; word++)
		ch_buf_addf(&out, "<%s>", *word);
	assert_int_equal(ch_buf_take(&out, &text), 0);
	return text;
}

static void expect(const char *meta, size_t len, char **args, const char *wanted)
{
	ch_auto(str) char *words = words_of(meta, len, args);

	assert_string_equal(words, wanted);
}

static void all_combinations_of_forms(void **state)
{
	char a[] = "a", b[] = "b c";
	char *args[] = { a, b, NULL }, *no_args[] = { NULL };
	size_t len;

	(void)state;
	assert_int_equal(ARRAY_SIZE(table), 4 * 4);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		ch_auto(str) char *meta = meta_of(entrypoints[table[i].entrypoint],
						  cmds[table[i].cmd], NULL, &len);

		assert_int_equal(table[i].entrypoint * 4 + table[i].cmd, i);
		expect(meta, len, NULL, table[i].alone);    /* ch-run IMAGE */
		expect(meta, len, no_args, table[i].alone); /* ch-run IMAGE -- - */
		expect(meta, len, args, table[i].with_args);
	}
}

static void shell_forms_are_run_by_the_shell_in_force(void **state)
{
	static const struct {
		const char *entrypoint, *cmd, *shell, *words;
	} cases[] = {
		{ "\"e\"", "\"c\"", "[\"/bin/bash\",\"-o\",\"pipefail\",\"-c\"]",
		  "</bin/bash><-o><pipefail><-c><e></bin/bash><-o><pipefail><-c><c>" },
		{ NULL, "\"c\"", "[\"/bin/bash\",\"-c\"]", "</bin/bash><-c><c>" },
		{ "[\"e\"]", "\"c\"", "[\"x\"]", "<e><x><c>" },
		{ "[\"e\"]", "[\"c\"]", "[\"/bin/bash\",\"-c\"]", "<e><c>" },
		{ "\"e\"", NULL, "[]", "</bin/sh><-c><e>" },
		{ "\"e\"", NULL, "null", "</bin/sh><-c><e>" },
		{ "\"\"", NULL, NULL, "</bin/sh><-c><>" },
	};
	size_t len;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ch_auto(str) char *meta = meta_of(cases[i].entrypoint, cases[i].cmd, cases[i].shell,
						  &len);

		expect(meta, len, NULL, cases[i].words);
	}
}

static void only_the_entry_point(void **state)
{
	ch_auto(buf) struct ch_buf words = CH_BUF_INIT(100);
	struct ch_err err;
	size_t len;

	(void)state;
	ch_auto(str) char *meta = meta_of("\"e\"", "[\"c\"]", NULL, &len);

	assert_int_equal(ch_command_entry(meta, len, &words, &err), 0);
	assert_int_equal(words.len, sizeof("/bin/sh\0-c\0e"));
	assert_memory_equal(words.data, "/bin/sh\0-c\0e", words.len);
	assert_int_equal(ch_command_entry(NULL, 0, &words, &err), 0);
	assert_int_equal(words.len, sizeof("/bin/sh\0-c\0e"));
}

static void what_cannot_be_read_or_understood_is_an_error(void **state)
{
	char a[] = "a", *args[] = { a, NULL };
	ch_auto(buf) struct ch_buf words = CH_BUF_INIT(100);
	struct ch_err err;

	(void)state;
#define TEXT(text) text, sizeof(text)
	expect(TEXT("error not readable\0entry e"), NULL, "not readable");
	expect(TEXT("entry e\0cmd-error odd"), NULL, "odd");
	expect(TEXT("entry e\0cmd-error odd"), args, "odd");
	assert_int_equal(ch_command_entry(TEXT("entry e\0cmd-error odd"), &words, &err), -EINVAL);
	assert_int_equal(words.len, 0);
}

static void a_command_that_is_too_long(void **state)
{
	size_t size = 3 * 1024 * 1024;
	ch_auto(str) char *a = NOT_NULL(malloc(size));
	char *args[] = { a, NULL };

	(void)state;
	memset(a, 'x', size);
	a[size - 1] = '\0';
	expect(NULL, 0, args, "the command is too long");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_combinations_of_forms),
		cmocka_unit_test(shell_forms_are_run_by_the_shell_in_force),
		cmocka_unit_test(only_the_entry_point),
		cmocka_unit_test(what_cannot_be_read_or_understood_is_an_error),
		cmocka_unit_test(a_command_that_is_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
