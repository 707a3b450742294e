/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "dockerfile/dockerfile.h"
#include "dockerfile/err.h"
#include "unit.h"

struct wrong {
	const char *text;
	unsigned line, column;
	const char *msg;
};

/* In front of each is a line "FROM a". */
static const struct wrong cases[] = {
	/* instructions */
	{ "FRM x", 2, 1, "unknown instruction 'FRM'; did you mean FROM?" },
	{ "RNU x", 2, 1, "unknown instruction 'RNU'; did you mean RUN?" },
	{ "  copyy a b", 2, 3, "unknown instruction 'copyy'; did you mean COPY?" },
	{ "ENTRY_POINT a", 2, 1, "unknown instruction 'ENTRY_POINT'; did you mean ENTRYPOINT?" },
	{ "RUN: a", 2, 1, "unknown instruction 'RUN:'; did you mean RUN?" },
	{ "xyzzy", 2, 1, "unknown instruction 'xyzzy'" },
	{ "\x1b[31m", 2, 1, "unknown instruction '?[31m'" },
	{ "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeee", 2, 1,
	  "unknown instruction 'aaaaaaaaaabbbbbbbbbbccccccccccd'" },
	{ "RUN a\\\n  b\n\nfoo bar", 5, 1, "unknown instruction 'foo'" },
	{ "{}", 2, 1, "unknown instruction '{}'" },
	/* nothing behind them */
	{ "RUN", 2, 4, "RUN needs a command" },
	{ "RUN  ", 2, 4, "RUN needs a command" },
	{ "RUN --network=none", 2, 19, "RUN needs a command" },
	{ "RUN []", 2, 5, "RUN needs a command" },
	{ "CMD", 2, 4, "CMD needs a command" },
	{ "ENTRYPOINT", 2, 11, "ENTRYPOINT needs a command" },
	{ "SHELL", 2, 6, "SHELL needs a command" },
	{ "SHELL []", 2, 7, "SHELL needs a command" },
	{ "SHELL /bin/sh -c", 2, 7, "SHELL needs JSON form: SHELL [\"/bin/sh\", \"-c\"]" },
	{ "USER", 2, 5, "USER needs an argument" },
	{ "WORKDIR", 2, 8, "WORKDIR needs an argument" },
	{ "STOPSIGNAL", 2, 11, "STOPSIGNAL needs an argument" },
	{ "MAINTAINER", 2, 11, "MAINTAINER needs an argument" },
	{ "EXPOSE", 2, 7, "EXPOSE needs an argument" },
	{ "VOLUME", 2, 7, "VOLUME needs an argument" },
	{ "VOLUME []", 2, 8, "VOLUME needs an argument" },
	{ "ONBUILD", 2, 8, "ONBUILD needs an instruction" },
	{ "HEALTHCHECK", 2, 12, "HEALTHCHECK needs NONE, or CMD and a command" },
	{ "COPY", 2, 5, "COPY needs sources and a destination" },
	{ "COPY a", 2, 7, "COPY needs a destination" },
	{ "COPY [\"a\"]", 2, 11, "COPY needs a destination" },
	{ "COPY []", 2, 6, "COPY needs sources and a destination" },
	{ "ADD --link a", 2, 13, "ADD needs a destination" },
	{ "RSYNC +l a", 2, 11, "RSYNC needs a destination" },
	{ "RSYNC +l", 2, 9, "RSYNC needs sources and a destination" },
	{ "COPY a <<E\nb\nE", 2, 8, "the destination of COPY is no here-document" },
	/* FROM */
	{ "FROM", 2, 5, "FROM needs an image" },
	{ "FROM a b", 2, 8, "FROM has one image, and perhaps AS and a name, not 'b'" },
	{ "FROM a b c", 2, 8, "FROM has one image, and perhaps AS and a name, not 'b'" },
	{ "FROM a AS", 2, 10, "FROM: a name is missing behind AS" },
	{ "FROM a AS b c", 2, 13, "FROM: too many words behind the name" },
	{ "FROM a AS 1b", 2, 11,
	  "'1b' is no name for a stage: it is a letter, then letters, digits, '-', '_' and '.'" },
	{ "FROM a AS b/c", 2, 11,
	  "'b/c' is no name for a stage: it is a letter, then letters, digits, '-', '_' and '.'" },
	{ "FROM --plattform=x a", 2, 6,
	  "FROM has no flag '--plattform'; did you mean '--platform'?" },
	/* names and values */
	{ "ENV", 2, 4, "ENV needs NAME=VALUE" },
	{ "ENV a", 2, 6, "ENV needs a value: ENV NAME=VALUE" },
	{ "ENV a=b c", 2, 9,
	  "ENV needs NAME=VALUE, here is no '='; a value with blanks needs quotes" },
	{ "ENV a=b \\\n  c d=e", 3, 3,
	  "ENV needs NAME=VALUE, here is no '='; a value with blanks needs quotes" },
	{ "ENV a=${b:-c d}", 2, 14,
	  "ENV needs NAME=VALUE, here is no '='; a value with blanks needs quotes" },
	{ "ENV =b", 2, 5, "ENV needs a name in front of '='" },
	{ "ENV a=b =c", 2, 9, "ENV needs a name in front of '='" },
	{ "LABEL", 2, 6, "LABEL needs NAME=VALUE" },
	{ "LABEL a", 2, 8, "LABEL needs a value: LABEL NAME=VALUE" },
	{ "ARG", 2, 4, "ARG needs a name" },
	{ "ARG =a", 2, 5, "ARG needs a name in front of '='" },
	/* JSON */
	{ "RUN [\"a\", 1]", 2, 11, "in JSON form, all items are strings in double quotes" },
	{ "RUN [1]", 2, 6, "in JSON form, all items are strings in double quotes" },
	{ "CMD [\"a\", null]", 2, 11, "in JSON form, all items are strings in double quotes" },
	{ "CMD [[\"a\"], true]", 2, 6, "in JSON form, all items are strings in double quotes" },
	{ "COPY [\"a\", {\"b\": -1.5e+3}]", 2, 12,
	  "in JSON form, all items are strings in double quotes" },
	{ "CMD [\"a\", \\\n  \"b\", \\\n  0]", 4, 3,
	  "in JSON form, all items are strings in double quotes" },
	/* flags */
	{ "COPY --form=x a b", 2, 6, "COPY has no flag '--form'; did you mean '--from'?" },
	{ "COPY --zzzzzz a b", 2, 6, "COPY has no flag '--zzzzzz'" },
	{ "COPY --From=x a b", 2, 6, "COPY has no flag '--From'; did you mean '--from'?" },
	{ "COPY --from a b", 2, 6, "--from needs a value: --from=..." },
	{ "COPY --from= a b", 2, 6, "--from needs a value: --from=..." },
	{ "COPY --from=a --link --from=b a b", 2, 22, "--from is given twice" },
	{ "COPY --link=yes a b", 2, 13, "--link is true or false, not 'yes'" },
	{ "COPY --link=$x a b", 2, 13, "--link is true or false, not '$x'" },
	{ "COPY --unpack a b", 2, 6, "COPY has no flag '--unpack'" },
	{ "ADD --from=x a b", 2, 5, "ADD has no flag '--from'" },
	{ "CMD --x", 2, 5, "CMD takes no flags, such as '--x'" },
	{ "ENV --a=b", 2, 5, "ENV takes no flags, such as '--a'" },
	{ "RUN --mounts=x y", 2, 5, "RUN has no flag '--mounts'; did you mean '--mount'?" },
	{ "HEALTHCHECK --interval=5 CMD a", 2, 24,
	  "--interval is a time, such as 30s or 1m30s, not '5'" },
	{ "HEALTHCHECK --retries=x CMD a", 2, 23, "--retries is a number, not 'x'" },
	{ "HEALTHCHECK --retries=-1 CMD a", 2, 23, "--retries is a number, not '-1'" },
	{ "HEALTHCHECK NONE a", 2, 18, "HEALTHCHECK NONE has no arguments" },
	{ "HEALTHCHECK curl", 2, 13, "HEALTHCHECK needs NONE, or CMD and a command" },
	{ "HEALTHCHECK CMD", 2, 16, "HEALTHCHECK needs a command" },
	/* mounts */
	{ "RUN --mount=type=bnd,target=x a", 2, 18,
	  "--mount: unknown type 'bnd'; did you mean 'bind'?" },
	{ "RUN --mount=type=zzzzzzz a", 2, 18, "--mount: unknown type 'zzzzzzz'" },
	{ "RUN --mount=type=$t,target=/x a", 2, 18, "--mount: unknown type '$t'" },
	{ "RUN --mount=type=bind,targt=x a", 2, 23,
	  "--mount has no key 'targt'; did you mean 'target'?" },
	{ "RUN --mount=type=bind a", 2, 13, "--mount: type bind needs a target" },
	{ "RUN --mount=type=cache a", 2, 13, "--mount: type cache needs a target" },
	{ "RUN --mount=type=tmpfs a", 2, 13, "--mount: type tmpfs needs a target" },
	{ "RUN --mount=type=secret a", 2, 13, "--mount: type secret needs an id or a target" },
	{ "RUN --mount=type=bind,target=/a,id=b c", 2, 33, "--mount: 'id' is not for type bind" },
	{ "RUN --mount=size=1,target=/a,type=ssh c", 2, 13, "--mount: 'size' is not for type ssh" },
	{ "RUN --mount=type=bind,target= a", 2, 23, "--mount: 'target' needs a value" },
	{ "RUN --mount=type=bind,target a", 2, 23, "--mount: 'target' needs a value" },
	{ "RUN --mount=type=bind,target=/a,ro=x b", 2, 36,
	  "--mount: ro is true or false, not 'x'" },
	{ "RUN --mount=type=cache,target=/a,mode=9 b", 2, 39, "--mount: mode is octal, not '9'" },
	{ "RUN --mount=type=cache,target=/a,uid=x b", 2, 38, "--mount: uid is a number, not 'x'" },
	{ "RUN --mount=type=cache,target=/a,sharing=lock b", 2, 42,
	  "--mount: unknown sharing 'lock'; did you mean 'locked'?" },
	{ "RUN --mount=type=tmpfs,target=/a,size=x b", 2, 39,
	  "--mount: size is a number of bytes, such as 64m, not 'x'" },
	{ "RUN --mount=type=tmpfs,target=/a,size=99999999999g b", 2, 39,
	  "--mount: size is a number of bytes, such as 64m, not '99999999999g'" },
	{ "RUN --mount=type=tmpfs,target=/a,size=1mm b", 2, 39,
	  "--mount: size is a number of bytes, such as 64m, not '1mm'" },
	{ "RUN --mount=type=ssh,, b", 2, 22, "--mount has no key ''" },
	{ "RUN --mount=\"type=ssh,x=y\" b", 2, 13, "--mount has no key 'x'" },
	/* here-documents */
	{ "RUN a <<E\nb", 2, 7, "here-document 'E' has no end: there is no such line" },
	{ "RUN a \\\n  <<E\n E\nE x", 3, 3, "here-document 'E' has no end: there is no such line" },
	{ "RUN <<A <<B\na\nA\nb\nA", 2, 9, "here-document 'B' has no end: there is no such line" },
	/* ONBUILD */
	{ "ONBUILD ONBUILD RUN x", 2, 9, "ONBUILD cannot be behind ONBUILD" },
	{ "ONBUILD FROM x", 2, 9, "FROM cannot be behind ONBUILD" },
	{ "ONBUILD maintainer x", 2, 9, "MAINTAINER cannot be behind ONBUILD" },
	{ "ONBUILD RUNN x", 2, 9, "unknown instruction 'RUNN'; did you mean RUN?" },
	{ "ONBUILD COPY a", 2, 15, "COPY needs a destination" },
	{ "ONBUILD --x RUN a", 2, 9, "unknown instruction '--x'" },
	/* RSYNC */
	{ "RSYNC +x a b", 2, 7, "RSYNC: unknown option '+x': + is followed by m, l, u or z" },
	{ "RSYNC + a b", 2, 7, "RSYNC: unknown option '+': + is followed by m, l, u or z" },
	{ "RSYNC - a b", 2, 7, "RSYNC: '-' is no option" },
	{ "RSYNC -an a b", 2, 7, "RSYNC: option '-n' cannot be used in a build" },
	{ "RSYNC --dry-run a b", 2, 7, "RSYNC: option '--dry-run' cannot be used in a build" },
	{ "RSYNC a h:b c", 2, 9, "RSYNC copies from the context only, not from another host" },
	{ "RSYNC rsync://h/b c", 2, 7,
	  "RSYNC copies from the context only, not from another host" },
	/* columns count characters */
	{ "ENV \xc3\xa9=\xe2\x82\xac x", 2, 9,
	  "ENV needs NAME=VALUE, here is no '='; a value with blanks needs quotes" },
	{ "\tENV a=b\tx", 2, 10,
	  "ENV needs NAME=VALUE, here is no '='; a value with blanks needs quotes" },
};

static const struct wrong whole[] = {
	{ "", 1, 1, "no instructions in this Dockerfile" },
	{ "\n\n# x\n", 3, 4, "no instructions in this Dockerfile" },
	{ "ARG a\n", 1, 6, "no FROM in this Dockerfile" },
	{ "RUN a\nFROM b", 1, 1, "RUN in front of the first FROM: only ARG can be there" },
	{ "ARG a\nENV b=c\nFROM b", 2, 1, "ENV in front of the first FROM: only ARG can be there" },
	{ "# escape=x\nFROM a", 1, 10, "the escape character is \\ or `, not 'x'" },
	{ "# escape=\\\\\nFROM a", 1, 10, "the escape character is \\ or `, not '\\\\'" },
	{ "# escape=`\n# escape=`\nFROM a", 2, 10, "a second directive 'escape'" },
	{ "# syntax=a\n# syntax=b\nFROM a", 2, 10, "a second directive 'syntax'" },
	{ "# check=a\n# CHECK=b\nFROM a", 2, 9, "a second directive 'check'" },
};

static void refuse(const char *text, size_t len, struct ch_df_err *err)
{
	ch_auto(dockerfile) struct ch_dockerfile df = { 0 };
	int rc = ch_dockerfile_parse(text, len, &df, err);

	if (rc == 0)
		print_error("%s\n", text);
	assert_true(rc < 0);
	assert_int_equal(err->code, rc);
	assert_null(df.instrs);
}

static void check(const char *before, const struct wrong *wrong, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		ch_auto(buf) struct ch_buf text = CH_BUF_INIT(4096);
		struct ch_df_err err;

		ch_buf_addf(&text, "%s%s", before, wrong[i].text);

		refuse(text.data, text.len, &err);

		assert_int_equal(err.code, -EINVAL);
		assert_string_equal(err.msg, wrong[i].msg);
		if (err.pos.line != wrong[i].line || err.pos.column != wrong[i].column)
			print_error("%s\n", wrong[i].text);
		assert_int_equal(err.pos.line, wrong[i].line);
		assert_int_equal(err.pos.column, wrong[i].column);
	}
}

static void errors_say_what_and_where(void **state)
{
	(void)state;
	check("FROM a\n", cases, ARRAY_SIZE(cases));
}

static void so_do_those_of_the_whole_file(void **state)
{
	(void)state;
	check("", whole, ARRAY_SIZE(whole));
}

static void the_line_is_shown_with_a_caret(void **state)
{
	(void)state;
	static const struct {
		const char *text, *shown;
	} shows[] = {
		{ "FROM a\nCOPY --form=x a b\n",
		  "Dockerfile:2:6: COPY has no flag '--form'; did you mean '--from'?\n"
		  "  COPY --form=x a b\n"
		  "       ^" },
		{ "FROM a\n\tRUN\r\n", "Dockerfile:2:5: RUN needs a command\n"
				       "   RUN\n"
				       "      ^" },
		{ "FROM a\nUSER \\\n  b\nENV \xc3\xa9=\x1b[1m\xff x",
		  "Dockerfile:4:13: ENV needs NAME=VALUE, here is no '='; a value with blanks "
		  "needs "
		  "quotes\n"
		  "  ENV \xc3\xa9=?[1m? x\n"
		  "              ^" },
		{ "", "Dockerfile:1:1: no instructions in this Dockerfile" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(shows); i++) {
		ch_auto(buf) struct ch_buf out = CH_BUF_INIT(4096);
		struct ch_df_err err;

		refuse(shows[i].text, strlen(shows[i].text), &err);
		ch_df_err_show(&err, "Dockerfile", &out);

		assert_string_equal(out.data, shows[i].shown);
	}
}

static void of_a_long_line_the_part_that_matters_is_shown(void **state)
{
	(void)state;
	ch_auto(buf) struct ch_buf text = CH_BUF_INIT(4096), out = CH_BUF_INIT(4096);
	struct ch_df_err err;

	ch_buf_adds(&text, "FROM a\nENV ");
	for (int i = 0; i < 200; i++)
		ch_buf_adds(&text, "\xc3\xa9");
	ch_buf_adds(&text, "=b c d");
	for (int i = 0; i < 200; i++)
		ch_buf_adds(&text, "\xc3\xa9");

	refuse(text.data, text.len, &err);
	ch_df_err_show(&err, "x\ny", &out);

	assert_int_equal(err.pos.column, 4 + 1 + 200 + 3);
	assert_int_equal(strncmp(err.line, "...", 3), 0);
	assert_string_equal(err.line + strlen(err.line) - 3, "...");
	/* the caret is below the word */
	assert_true(err.caret < strlen(err.line));
	assert_int_equal(strncmp(out.data, "x?y:2:208: ", 11), 0);
	assert_null(strchr(err.line, '?'));

	const char *word = NOT_NULL(strstr(err.line, "=b c d")) + 3;
	unsigned characters = 0;

	for (const char *c = err.line; c < word; c++)
		characters += ((unsigned char)*c & 0xc0) != 0x80;
	assert_int_equal(err.caret, characters);
}

static void what_is_no_text_is_refused(void **state)
{
	(void)state;
	struct ch_df_err err;

	refuse("FROM a\nRUN a\0b", 14, &err);

	assert_int_equal(err.code, -EINVAL);
	assert_string_equal(err.msg, "a NUL byte: this is no text");
	assert_int_equal(err.pos.line, 2);
	assert_int_equal(err.pos.column, 6);
}

static void what_is_too_large_is_refused(void **state)
{
	(void)state;
	ch_auto(str) char *text = malloc(CH_DF_MAX + 1);
	ch_auto(buf) struct ch_buf out = CH_BUF_INIT(4096);
	struct ch_df_err err;

	memset(NOT_NULL(text), '\n', CH_DF_MAX + 1);

	refuse(text, CH_DF_MAX + 1, &err);
	ch_df_err_show(&err, "Dockerfile", &out);

	assert_int_equal(err.code, -EFBIG);
	assert_string_equal(out.data, "Dockerfile: larger than 4 MiB");
	refuse(text, CH_DF_MAX, &err);
	assert_int_equal(err.code, -EINVAL);
}

static void errors_can_be_set_by_others(void **state)
{
	(void)state;
	static const char text[] = "FROM a\nCOPY [\"a\", \"b\"]\n  RUN \\\n  c";
	ch_auto(dockerfile) struct ch_dockerfile df = { 0 };
	struct ch_df_err err;

	assert_int_equal(ch_dockerfile_parse(text, strlen(text), &df, &err), 0);

	assert_int_equal(ch_df_fail(&df, &df.instrs[1].words[1], 1, &err, -ENOENT, "no %s", "b"),
			 -ENOENT);
	assert_string_equal(err.msg, "no b");
	assert_int_equal(err.pos.column, 12);
	assert_int_equal(ch_df_fail(&df, &df.instrs[2].rest, 0, &err, -EIO, "a\nb"), -EIO);
	assert_string_equal(err.msg, "a?b");
	assert_int_equal(err.pos.line, 4);
	assert_int_equal(err.pos.column, 3);
	assert_int_equal(ch_df_fail_instr(&df, &df.instrs[2], &err, -EIO, "c"), -EIO);
	assert_int_equal(err.pos.line, 3);
	assert_int_equal(err.pos.column, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(errors_say_what_and_where),
		cmocka_unit_test(so_do_those_of_the_whole_file),
		cmocka_unit_test(the_line_is_shown_with_a_caret),
		cmocka_unit_test(of_a_long_line_the_part_that_matters_is_shown),
		cmocka_unit_test(what_is_no_text_is_refused),
		cmocka_unit_test(what_is_too_large_is_refused),
		cmocka_unit_test(errors_can_be_set_by_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
