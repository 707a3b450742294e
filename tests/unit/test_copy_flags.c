/* SPDX-License-Identifier: Apache-2.0 */
/* The flags of COPY, what else it copies, and ADD */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "build/copy.h"
#include "copying.h"
#include "tars.h"
#include "trees.h"
#include "unit.h"

static void files_may_be_ignored(void **state)
{
	CHECK({ "d/a=1 d/b=2 d/e/b=3",
		"",
		{ FROM("d"), TO("/x"), .ignore = "b" },
		"x/a=1 x/e/",
		NULL },
	      { "a=1 b=2", "", { FROM("*"), TO("/x/"), .ignore = "b" }, "x/a=1", NULL },
	      { "a=1 b=2", "", { FROM("b"), TO("/x/"), .ignore = "b" }, NULL, "to be ignored" },
	      { "d/a=1 l->d/a",
		"",
		{ FROM("l"), TO("/x/"), .ignore = "d" },
		NULL,
		"to be ignored" },
	      { "d/a=1", "", { FROM("d/a"), TO("/x/"), .ignore = "d" }, NULL, "to be ignored" },
	      /* all, but one thing */
	      { "d/a=1 d/b=2 e/a=3",
		"",
		{ FROM("."), TO("/x"), .ignore = "!d/a" },
		"x/d/a=1",
		NULL },
	      { "d/a=1 d/b=2 e/a=3", "", { FROM("*"), TO("/x"), .ignore = "!d/a" }, "x/a=1", NULL },
	      { "d/a=1 d/b=2 e/a=3",
		"",
		{ FROM("**/a"), TO("/x/"), .ignore = "!d/a" },
		"x/a=1",
		NULL });
}

/* COPY . /x, with the rules of FILE or .dockerignore */
static char *copy_by_rules(struct trees *t, const char *file)
{
	ch_auto(context) struct ch_context context = CH_CONTEXT_INIT;
	const struct ch_copy_source source = { .path = "." };
	const struct ch_copy_request req = {
		.context = &context,
		.sources = &source,
		.n_sources = 1,
		.dest = "/x",
	};
	ch_auto(copy_plan) struct ch_copy_plan plan = { 0 };
	char from[100], path[200];
	struct ch_err err;

	snprintf(from, sizeof(from), "%s/from", t->path);
	snprintf(path, sizeof(path), "%s/%s", from, file);
	assert_int_equal(ch_context_open(from, &context, &err), 0);
	assert_int_equal(ch_context_read_rules(&context, path, &err), 0);
	assert_int_equal(ch_copy_plan(&req, &plan, &err), 0);
	assert_int_equal(ch_copy_execute(&plan, t->to, &err), 0);
	return trees_text(t->to);
}

static void rules_are_those_of_dockerignore(void **state)
{
	(void)state;
	static const struct {
		const char *context, *result;
	} cases[] = {
		{ "a=1 d/b=2", "x/a=1 x/d/b=2" },
		{ "a=1 d/b=2 .dockerignore=d", "x/.dockerignore=d x/a=1" },
		{ "a=1 d/b=2 d/c=3 .dockerignore=d\n!d/c",
		  "x/.dockerignore=d\n!d/c x/a=1 x/d/c=3" },
		{ "a=1 b=2 Dockerfile.dockerignore=.dock*\nD* .dockerignore=a", "x/a=1 x/b=2" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct trees t;

		trees_begin(&t);
		trees_make(t.from, cases[i].context);

		ch_auto(str) char *text = copy_by_rules(&t, "Dockerfile.dockerignore");

		assert_string_equal(text, cases[i].result);
		trees_end(&t);
	}
}

static void files_may_be_excluded(void **state)
{
	CHECK({ "d/a=1 d/b=2", "", { FROM("d"), TO("/x"), .exclude = "b" }, "x/a=1", NULL },
	      { "d/e/a=1 d/e/b=2", "", { FROM("d"), TO("/x"), .exclude = "e/b" }, "x/e/a=1", NULL },
	      { "d/e/a=1 d/f=2", "", { FROM("d"), TO("/x"), .exclude = "e" }, "x/f=2", NULL },
	      { "a=1 b=2", "", { FROM("*"), TO("/x/"), .exclude = "b" }, "x/a=1", NULL },
	      { "b=2", "", { FROM("b"), TO("/x/"), .exclude = "b" }, "", NULL });
}

static void sources_may_keep_their_directories(void **state)
{
	CHECK({ "d/a=1 e/f/b=2",
		"",
		{ FROM("d/a", "e/f/b"), TO("/x"), .parents = true },
		"x/d/a=1 x/e/f/b=2",
		NULL },
	      { "d/a=1 e/f/b=2", "", { FROM("e"), TO("/x"), .parents = true }, "x/e/f/b=2", NULL },
	      { "d/a=1 e/f/b=2",
		"",
		{ FROM("./e/./f/b"), TO("/x/"), .parents = true },
		"x/f/b=2",
		NULL },
	      { "e/f/b=2 e/g/b=3",
		"",
		{ FROM("e/./*/b"), TO("/x"), .parents = true },
		"x/f/b=2 x/g/b=3",
		NULL },
	      { "e/f/b=2", "", { FROM("e/f/./"), TO("/x"), .parents = true }, "x/b=2", NULL },
	      { "e/f/b.c=2 g/b.c=3",
		"",
		{ FROM("**/*.c"), TO("/x"), .parents = true },
		"x/e/f/b.c=2 x/g/b.c=3",
		NULL },
	      { "d/a=1", "l->r", { FROM("d/a"), TO("/l"), .parents = true }, "l->r r/d/a=1", NULL },
	      { "d/a=1",
		"x/d->../r",
		{ FROM("d/a"), TO("/x"), .parents = true },
		"r/a=1 x/d->../r",
		NULL },
	      { "e/f/b=2",
		"",
		{ FROM("e/./f/../f/b"), TO("/x"), .parents = true },
		NULL,
		"'..' is not possible with --parents" },
	      { "e/f/b=2",
		"",
		{ FROM("**/./b"), TO("/x"), .parents = true },
		NULL,
		"'**' cannot precede '/./'" });
}

static void modes_may_be_given(void **state)
{
	CHECK({ "a=1", "", { FROM("a"), TO("/x"), .chmod = "4750" }, "x=1:4750", NULL },
	      { "d/a=1 d/e/b=2:755",
		"",
		{ FROM("d"), TO("/x"), .chmod = "u=rwX,go=" },
		"x/a=1:600 x/e/:700 x/e/b=2:700",
		NULL },
	      { "d/a=1 d/e/b=2:755",
		"",
		{ FROM("d"), TO("/x"), .chmod = "544" },
		"x/a=1:544 x/e/:544 x/e/b=2:544",
		NULL },
	      { "a=1", "", { FROM("<<doc"), TO("/x"), .chmod = "+x" }, "x=text:755", NULL },
	      { "a=1",
		"",
		{ FROM("a"), TO("/x"), .chmod = "888" },
		NULL,
		"mode '888' is neither" });
}

static void here_documents_are_files(void **state)
{
	CHECK({ "a=1", "", { FROM("<<doc"), TO("/x") }, "x=text", NULL },
	      { "a=1", "", { FROM("<<doc"), TO("/x/") }, "x/doc=text", NULL },
	      { "a=1", "x/", { FROM("<<doc"), TO("/x") }, "x/doc=text", NULL },
	      { "a=1",
		"",
		{ FROM("<<doc", "a", "<<other"), TO("/x") },
		"x/a=1 x/doc=text x/other=text",
		NULL },
	      { "", "x->y y=old", { FROM("<<doc"), TO("/x") }, "x->y y=text", NULL },
	      { "", "x/doc->/y y=old", { FROM("<<doc"), TO("/x") }, "x/doc=text y=old", NULL },
	      { "", "x/doc/", { FROM("<<doc"), TO("/x") }, NULL, "there is a directory 'doc'" });
}

/* Write a tar archive, as NAME, of one file "m" with the contents "hello". */
static void make_archive(int dir, const char *name)
{
	ch_auto(fd) int fd = openat(dir, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	size_t len;
	ch_auto(str) char *tar = tars_make("m=hello", &len);

	assert_int_equal(write(fd, tar, len), len);
}

static void archives_are_unpacked_if_asked_for(void **state)
{
	(void)state;
	static const struct {
		const char *image;
		struct instruction in;
		const char *result; /* NULL: an error */
	} cases[] = {
		{ "", { FROM("t.tar"), TO("/x"), .unpack = true }, "x/m=hello" },
		{ "", { FROM("l"), TO("/x/"), .unpack = true }, "x/m=hello" },
		{ "x/m=old x/n=old",
		  { FROM("t.tar"), TO("/x"), .unpack = true },
		  "x/m=hello x/n=old" },
		{ "", { FROM("t.tar", "a"), TO("/x"), .unpack = true }, "x/a=1 x/m=hello" },
		{ "", { FROM("a"), TO("/x"), .unpack = true }, "x=1" },
		{ "x->../../y",
		  { FROM("t.tar"), TO("/x"), .unpack = true },
		  "x->../../y y/m=hello" },
		{ "x=old", { FROM("t.tar"), TO("/x"), .unpack = true }, NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct trees t;
		struct ch_err err;

		trees_begin(&t);
		trees_make(t.from, "a=1 l->t.tar");
		trees_make(t.to, cases[i].image);
		make_archive(t.from, "t.tar");

		int rc = copying_do(&t, &cases[i].in, &err);

		if ((rc == 0) != (cases[i].result != NULL))
			fail_msg("case %zu: %s", i, rc < 0 ? err.msg : "no error");
		if (rc == 0) {
			ch_auto(str) char *text = trees_text(t.to);

			assert_string_equal(text, cases[i].result);
		}
		trees_end(&t);
	}
}

static void what_changed_since_it_was_hashed_is_an_error(void **state)
{
	(void)state;
	ch_auto(context) struct ch_context context = CH_CONTEXT_INIT;
	const struct ch_copy_source source = { .path = "d" };
	const struct ch_copy_request req = {
		.context = &context,
		.sources = &source,
		.n_sources = 1,
		.dest = "/x",
	};
	ch_auto(copy_plan) struct ch_copy_plan plan = { 0 };
	char from[100];
	struct trees t;
	struct ch_err err;

	trees_begin(&t);
	trees_make(t.from, "d/a=1");
	snprintf(from, sizeof(from), "%s/from", t.path);
	assert_int_equal(ch_context_open(from, &context, &err), 0);
	assert_int_equal(ch_copy_plan(&req, &plan, &err), 0);
	trees_make(t.from, "d/a=23");

	assert_int_equal(ch_copy_execute(&plan, t.to, &err), -EAGAIN);

	assert_string_equal(err.msg, "copy 'd' to '/x': 'd/a' changed while it was copied");
	trees_end(&t);
}

static void without_a_context_there_are_only_here_documents(void **state)
{
	(void)state;
	struct ch_context none = CH_CONTEXT_INIT;
	struct ch_copy_source source = { .path = "a" };
	const struct ch_copy_request req = {
		.context = &none,
		.sources = &source,
		.n_sources = 1,
		.dest = "/x",
	};
	ch_auto(copy_plan) struct ch_copy_plan plan = { 0 };
	struct ch_err err;

	assert_int_equal(ch_copy_plan(&req, &plan, &err), -ENOENT);
	assert_string_equal(err.msg, "source 'a' in no context: there is no context directory");

	source = (struct ch_copy_source){ .path = "doc", .text = "text", .len = 4 };
	assert_int_equal(ch_copy_plan(&req, &plan, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_may_be_ignored),
		cmocka_unit_test(rules_are_those_of_dockerignore),
		cmocka_unit_test(files_may_be_excluded),
		cmocka_unit_test(sources_may_keep_their_directories),
		cmocka_unit_test(modes_may_be_given),
		cmocka_unit_test(here_documents_are_files),
		cmocka_unit_test(archives_are_unpacked_if_asked_for),
		cmocka_unit_test(what_changed_since_it_was_hashed_is_an_error),
		cmocka_unit_test(without_a_context_there_are_only_here_documents),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
