/* SPDX-License-Identifier: Apache-2.0 */
#include "opt/opt.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "opt/optdoc.h"
#include "torture.h"
#include "unit.h"

/* A setter notes what it gets: "name(value) ". */
static int note(struct ch_buf *buf, const char *name, const char *value, struct ch_err *err)
{
	if (value && strcmp(value, "bad") == 0)
		return ch_err_set(err, -ERANGE, "'%s' is bad", value);
	ch_buf_addf(buf, "%s(%s) ", name, value ? value : "NULL");
	return 0;
}

#define SETTER(name)                                                                               \
	static int set_##name(void *target, const char *value, struct ch_err *err)                 \
	{                                                                                          \
		return note(target, #name, value, err);                                            \
	}
SETTER(flag)
SETTER(value)
SETTER(maybe)
SETTER(list)
SETTER(slurm)
SETTER(mark)

static const struct ch_opt table[] = {
	{ "flag", 'f', CH_OPT_BOTH, CH_OPT_FLAG, NULL, "a flag", "A flag.", set_flag },
	{ "help", '?', CH_OPT_RUN, CH_OPT_FLAG, NULL, "a mark", "A mark.", set_mark },
	{ "list", 'l', CH_OPT_BOTH, CH_OPT_LIST, "ITEM", "a list", "One.\n\n.Two\n'three\\-x.",
	  set_list },
	{ "maybe", 'm', CH_OPT_RUN, CH_OPT_OPTIONAL, "M", "may be", "May be.", set_maybe },
	{ "slurm", 0, CH_OPT_SPANK, CH_OPT_VALUE, "S", "not here", "Not here.", set_slurm },
	{ "value", 'v', CH_OPT_BOTH, CH_OPT_VALUE, "V", "a value", "A value.", set_value },
	{ "value-long", 0, CH_OPT_RUN, CH_OPT_VALUE, "A-VERY-LONG-ARGUMENT", "a value", "A value.",
	  set_value },
	{ 0 },
};

enum { WORDS = 10 };

/* Parse WORDS; RET_TEXT: what the setters noted, then "|" and the operands. */
static int parse(const char *const words[], char **ret_text, struct ch_err *err)
{
	ch_auto(buf) struct ch_buf buf = CH_BUF_INIT(1000);
	char copies[WORDS][64], *argv[WORDS + 2] = { (char[]){ "prog" } };
	int argc = 1, first;

	for (; words[argc - 1] && argc <= WORDS; argc++) {
		snprintf(copies[argc - 1], sizeof(copies[0]), "%s", words[argc - 1]);
		argv[argc] = copies[argc - 1];
	}

	int rc = ch_opt_parse(table, argc, argv, &buf, &first, err);

	if (rc < 0)
		return rc;
	ch_buf_adds(&buf, "|");
	for (; first < argc; first++)
		ch_buf_addf(&buf, " %s", argv[first]);
	return ch_buf_take(&buf, ret_text);
}

static void command_lines_are_parsed(void **state)
{
	(void)state;
	static const struct {
		const char *words[WORDS + 1], *text;
	} cases[] = {
		{ { NULL }, "|" },
		{ { "a", "b" }, "| a b" },
		{ { "-f" }, "flag(yes) |" },
		{ { "--flag", "a" }, "flag(yes) | a" },
		{ { "-ff", "-f" }, "flag(yes) flag(yes) flag(yes) |" },
		{ { "-v", "x" }, "value(x) |" },
		{ { "-vx" }, "value(x) |" },
		{ { "-fvx", "y" }, "flag(yes) value(x) | y" },
		{ { "--value", "x" }, "value(x) |" },
		{ { "--value=x=y" }, "value(x=y) |" },
		{ { "--value=" }, "value() |" },
		{ { "-v", "-f" }, "value(-f) |" },
		{ { "-v", "--" }, "value(--) |" },
		{ { "-m" }, "maybe(NULL) |" },
		{ { "-m", "x" }, "maybe(NULL) | x" },
		{ { "-mx" }, "maybe(x) |" },
		{ { "--maybe" }, "maybe(NULL) |" },
		{ { "--maybe=x" }, "maybe(x) |" },
		{ { "--maybe=" }, "maybe() |" },
		{ { "-la,b", "--list=c" }, "list(a,b) list(c) |" },
		{ { "a", "-f", "b" }, "flag(yes) | a b" },
		{ { "a", "--", "-f", "b" }, "| a -f b" },
		{ { "--", "--", "x" }, "| -- x" },
		{ { "-", "-f" }, "flag(yes) | -" },
		{ { "--hel" }, "mark(yes) |" },
		{ { "-?" }, "mark(yes) |" },
		{ { "-f?f", "-?" }, "flag(yes) mark(yes) flag(yes) mark(yes) |" },
		{ { "" }, "| " },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ch_auto(str) char *text = NULL;
		struct ch_err err;

		assert_int_equal(parse(cases[i].words, &text, &err), 0);
		assert_string_equal(text, cases[i].text);
	}
}

static void the_first_operand_may_end_the_options(void **state)
{
	(void)state;
	char *argv[] = { (char[]){ "prog" }, (char[]){ "-f" }, (char[]){ "verb" }, (char[]){ "-x" },
			 NULL };
	ch_auto(buf) struct ch_buf buf = CH_BUF_INIT(1000);
	struct ch_err err;
	int first = 0;

	assert_int_equal(ch_opt_parse_front(table, 4, argv, &buf, &first, &err), 0);

	assert_string_equal(NOT_NULL(buf.data), "flag(yes) ");
	assert_int_equal(first, 2);
}

static void faulty_command_lines_are_refused(void **state)
{
	(void)state;
	static const struct {
		const char *words[WORDS + 1], *msg;
	} cases[] = {
		{ { "-x" }, "unknown option '-x'; see --help" },
		{ { "-fx" }, "unknown option '-x'; see --help" },
		{ { "--nonsense" }, "unknown or ambiguous option '--nonsense'; see --help" },
		{ { "--slurm", "x" }, "unknown or ambiguous option '--slurm'; see --help" },
		{ { "--valu", "x" }, "unknown or ambiguous option '--valu'; see --help" },
		{ { "-?", "--nonsense" }, "unknown or ambiguous option '--nonsense'; see --help" },
		{ { "-v" }, "option '-v' needs an argument; see --help" },
		{ { "a", "--value" }, "option '--value' needs an argument; see --help" },
		{ { "--flag=x" }, "option '--flag=x' takes no argument; see --help" },
		{ { "-vbad" }, "option --value: 'bad' is bad" },
		{ { "-fl", "bad" }, "option --list: 'bad' is bad" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ch_auto(str) char *text = NULL;
		struct ch_err err;

		assert_true(parse(cases[i].words, &text, &err) < 0);
		assert_string_equal(err.msg, cases[i].msg);
	}
}

static void values_of_slurm_are_taken(void **state)
{
	(void)state;
	static const struct {
		unsigned row;
		const char *value, *text, *msg;
	} cases[] = {
		{ 0, "yes", "flag(yes) ", NULL },
		{ 0, "no", "flag(no) ", NULL },
		{ 0, "", NULL, "option --ch-flag: the value is empty" },
		{ 0, NULL, NULL, "option --ch-flag: the value is empty" },
		{ 0, "1", NULL, "option --ch-flag: value '1' is neither yes nor no" },
		{ 2, "a", "list(a) ", NULL },
		{ 2, "a,b", "list(a) list(b) ", NULL },
		{ 2, "a\\,b,c\\:d", "list(a,b) list(c\\:d) ", NULL },
		{ 2, ",", "list() list() ", NULL },
		{ 2, "a,bad", NULL, "option --ch-list: 'bad' is bad" },
		{ 4, "x,y", "slurm(x,y) ", NULL },
		{ 5, "bad", NULL, "option --ch-value: 'bad' is bad" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ch_auto(buf) struct ch_buf buf = CH_BUF_INIT(1000);
		struct ch_err err;
		int rc = ch_opt_take(&table[cases[i].row], cases[i].value, &buf, &err);

		if (cases[i].msg) {
			assert_true(rc < 0);
			assert_string_equal(err.msg, cases[i].msg);
		} else {
			assert_int_equal(rc, 0);
			assert_string_equal(buf.data, cases[i].text);
		}
	}
}

static void a_value_that_is_too_long_is_refused(void **state)
{
	(void)state;
	enum { MAX = 128 * 1024 };
	ch_auto(buf) struct ch_buf buf = CH_BUF_INIT(2 * MAX);
	ch_auto(mem) char *value = calloc(1, MAX + 2);
	struct ch_err err;

	memset(value, 'x', MAX);

	assert_int_equal(ch_opt_take(&table[5], value, &buf, &err), 0);

	value[MAX] = 'x';

	assert_int_equal(ch_opt_take(&table[5], value, &buf, &err), -E2BIG);
	assert_string_equal(err.msg, "option --ch-value: the value is longer than 131072 bytes");
}

/* ---- what a table says about itself ----------------------------------------------------- */

static void options_are_shown_as_they_are_typed(void **state)
{
	(void)state;
	static const struct {
		unsigned row;
		enum ch_opt_where where;
		const char *text;
	} cases[] = {
		{ 0, CH_OPT_RUN, "-f, --flag" },      { 0, CH_OPT_SPANK, "--ch-flag=yes|no" },
		{ 2, CH_OPT_RUN, "-l, --list=ITEM" }, { 2, CH_OPT_SPANK, "--ch-list=ITEM,..." },
		{ 3, CH_OPT_RUN, "-m, --maybe[=M]" }, { 4, CH_OPT_SPANK, "--ch-slurm=S" },
		{ 5, CH_OPT_RUN, "-v, --value=V" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char out[CH_OPT_SYNTAX_MAX];

		assert_string_equal(ch_opt_syntax(&table[cases[i].row], cases[i].where, out),
				    cases[i].text);
	}
}

typedef void printer(const struct ch_opt *opts, enum ch_opt_where where, FILE *out);

static char *print(printer *fn, enum ch_opt_where where)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	fn(table, where, out);
	fclose(out);
	return text;
}

static void help_is_in_two_columns(void **state)
{
	(void)state;
	ch_auto(str) char *text = print(ch_opt_help, CH_OPT_RUN);

	assert_string_equal(text, "  -f, --flag                    a flag\n"
				  "  -?, --help                    a mark\n"
				  "  -l, --list=ITEM               a list\n"
				  "  -m, --maybe[=M]               may be\n"
				  "  -v, --value=V                 a value\n"
				  "      --value-long=A-VERY-LONG-ARGUMENT\n"
				  "                                a value\n");
}

static void names_are_listed(void **state)
{
	(void)state;
	ch_auto(str) char *run = print(ch_opt_list, CH_OPT_RUN);
	ch_auto(str) char *spank = print(ch_opt_list, CH_OPT_SPANK);

	assert_string_equal(run, "flag\nhelp\nlist\nmaybe\nvalue\nvalue-long\n");
	assert_string_equal(spank, "ch-flag\nch-list\nch-slurm\nch-value\n");
}

static void man_pages_get_escaped_text(void **state)
{
	(void)state;
	ch_auto(str) char *text = print(ch_opt_man, CH_OPT_SPANK);

	assert_non_null(strstr(text, ".TP\n.B \\-\\-ch\\-list=ITEM,...\n"
				     "One.\n.IP\n\\&.Two\n\\&'three\\e\\-x.\n"));
}

/* ---- lack of memory ---------------------------------------------------------------------------
 */

static int parse_some(void *data)
{
	static const char *const words[] = { "-f", NULL };
	ch_auto(str) char *text = NULL;
	struct ch_err err;

	(void)data;
	return parse(words, &text, &err);
}

static int take_some(void *data)
{
	ch_auto(buf) struct ch_buf buf = CH_BUF_INIT(1000);
	struct ch_err err;
	int rc = ch_opt_take(&table[2], "a,b", &buf, &err);

	(void)data;
	return rc == 0 && ch_buf_bad(&buf) ? -ENOMEM : rc;
}

static void survives_lack_of_memory(void **state)
{
	(void)state;

	assert_true(torture(parse_some, NULL) >= 3);
	assert_true(torture(take_some, NULL) >= 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(command_lines_are_parsed),
		cmocka_unit_test(the_first_operand_may_end_the_options),
		cmocka_unit_test(faulty_command_lines_are_refused),
		cmocka_unit_test(values_of_slurm_are_taken),
		cmocka_unit_test(a_value_that_is_too_long_is_refused),
		cmocka_unit_test(options_are_shown_as_they_are_typed),
		cmocka_unit_test(help_is_in_two_columns),
		cmocka_unit_test(names_are_listed),
		cmocka_unit_test(man_pages_get_escaped_text),
		cmocka_unit_test(survives_lack_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
