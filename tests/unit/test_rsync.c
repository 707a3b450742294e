/* SPDX-License-Identifier: Apache-2.0 */
#include "build/rsync.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "trees.h"
#include "unit.h"

enum { WORDS = 6 };

struct example {
	const char *context, *image; /* before */
	const char *words[WORDS];
	const char *result; /* the image then; NULL: it cannot be done */
	const char *error;  /* what is said then; or else what is noted, or NULL */
};

static char notes[1000];

static void take_note(enum ch_level level, const char *line, void *data)
{
	(void)level;
	(void)data;
	snprintf(notes + strlen(notes), sizeof(notes) - strlen(notes), "%s;", line);
}

static int rsync(const struct trees *t, const char *const *words, struct ch_err *err)
{
	ch_auto(context) struct ch_context context = CH_CONTEXT_INIT;
	ch_auto(copy_plan) struct ch_copy_plan plan = { 0 };
	struct ch_rsync_request req = {
		.context = &context,
		.words = words,
		.workdir = "/work",
		.teller = { .sink = take_note },
	};
	char from[100];

	snprintf(from, sizeof(from), "%s/from", t->path);
	assert_int_equal(ch_context_open(from, &context, err), 0);
	while (req.n_words < WORDS && words[req.n_words])
		req.n_words++;
	notes[0] = '\0';
	if (ch_rsync_plan(&req, &plan, err) < 0)
		return err->code;
	return ch_copy_execute(&plan, t->to, err);
}

static void check(const struct example *e)
{
	struct trees t;
	struct ch_err err = { 0 };

	trees_begin(&t);
	trees_make(t.from, e->context);
	trees_make(t.to, e->image);

	int rc = rsync(&t, e->words, &err);

	if (!e->result) {
		if (rc == 0 || !strstr(err.msg, e->error))
			fail_msg("'%s': '%s', not '%s'", e->words[0], err.msg, e->error);
	} else {
		if (rc < 0)
			fail_msg("'%s': %s", e->words[0], err.msg);

		ch_auto(str) char *text = trees_text(t.to);

		assert_string_equal(text, e->result);
		assert_string_equal(notes, e->error ? e->error : "");
	}
	trees_end(&t);
}

#define CHECK(...)                                                                                 \
	do {                                                                                       \
		static const struct example examples[] = { __VA_ARGS__ };                          \
                                                                                                   \
		(void)state;                                                                       \
		for (size_t i = 0; i < ARRAY_SIZE(examples); i++)                                  \
			check(&examples[i]);                                                       \
	} while (0)

static void a_slash_makes_the_difference(void **state)
{
	CHECK({ "d/a=1", "", { "d", "/x" }, "x/d/a=1", NULL },
	      { "d/a=1", "", { "d/", "/x" }, "x/a=1", NULL },
	      { "d/a=1", "", { "d/.", "/x" }, "x/a=1", NULL },
	      { "d/a=1", "", { "/d/", "x" }, "work/x/a=1", NULL },
	      { "d/a=1 e=2", "", { ".", "/x" }, "x/d/a=1 x/e=2", NULL },
	      { "d/a=1 e=2", "", { "d", "e", "/x" }, "x/d/a=1 x/e=2", NULL },
	      { "d/a=1 e=2", "", { "*", "/x" }, "x/d/a=1 x/e=2", NULL },
	      { "d/a=1 e/b=2", "", { "*/", "/x" }, "x/a=1 x/b=2", NULL },
	      { "a=1", "", { "a", "/x" }, "x=1", NULL },
	      { "a=1", "", { "a", "/x/" }, "x/a=1", NULL },
	      { "a=1", "x/", { "a", "/x" }, "x/a=1", NULL },
	      { "a=1", "", { "a/", "/x" }, NULL, "Not a directory" },
	      { "a=1", "", { "b", "/x" }, NULL, "source 'b' in context" },
	      { "a=1", "", { "b*", "/x" }, NULL, "nothing matches it" });
}

static void the_metadata_of_the_top_are_copied(void **state)
{
	CHECK({ "d/:700 d/a=1:600", "x/:755", { "d/", "/x" }, "x/:700 x/a=1:600", NULL },
	      { "d/:700 d/a=1:600", "x/:750", { "d", "/x" }, "x/:750 x/d/:700 x/d/a=1:600", NULL },
	      { "d/:555 d/a=1", "x/:500", { "d/", "/x" }, "x/:555 x/a=1", NULL },
	      { "d/a=1 d/b==d/a", "", { "d/", "/x" }, "x/a=1 x/b==x/a", NULL });
}

/* Links: to the tree, to the context outside of the tree, and out of the context. */
#define LINKS "d/a=1 d/in->a d/e/up->../a f=2 d/out->../f"

static void links_go_by_the_mode(void **state)
{
	CHECK({ LINKS, "", { "d/", "/x" }, "x/a=1 x/e/up->../a x/in->a", NULL },
	      { LINKS, "", { "+l", "d/", "/x" }, "x/a=1 x/e/up->../a x/in->a", NULL },
	      /* what is safe depends on where the copied tree begins */
	      { LINKS,
		"",
		{ "+l", "d", "/x" },
		"x/d/a=1 x/d/e/up->../a x/d/in->a x/d/out->../f",
		NULL },
	      { LINKS,
		"",
		{ "+m", "d/", "/x" },
		"x/a=1 x/e/",
		"link 'd/in' is not copied;link 'd/out' is not copied;"
		"link 'd/e/up' is not copied;" },
	      { LINKS, "", { "+u", "d/", "/x" }, "x/a=1 x/e/up->../a x/in->a x/out=2", NULL },
	      { LINKS, "", { "-L", "d/", "/x" }, "x/a=1 x/e/up=1 x/in=1 x/out=2", NULL },
	      { LINKS,
		"",
		{ "+z", "-rl", "d/", "/x" },
		"x/a=1 x/e/up->../a x/in->a x/out->../f",
		NULL },
	      { LINKS,
		"",
		{ "+m", "--copy-unsafe-links", "d/", "/x" },
		"x/a=1 x/e/ x/out=2",
		"link 'd/in' is not copied;link 'd/e/up' is not copied;" },
	      { "d/l->/etc/passwd", "", { "+l", "d/", "/x" }, "x/", NULL },
	      { "d/l->/etc/passwd", "", { "+z", "-a", "d/", "/x" }, "x/l->/etc/passwd", NULL },
	      { "d/l->/etc/passwd", "", { "+u", "d/", "/x" }, NULL, "link 'd/l' leads out" },
	      { "d/l->../../to", "", { "-L", "d/", "/x" }, NULL, "'..' leads out" },
	      { "d/l->.",
		"",
		{ "-L", "d/", "/x" },
		NULL,
		"link 'd/l' leads to a directory that it is in" },
	      { "d/l->nowhere",
		"",
		{ "+z", "-rL", "d/", "/x" },
		"x/",
		"link 'd/l' is not copied;" },
	      /* a source that is one */
	      { "a=1 l->a", "", { "l", "/x" }, "x->a", NULL },
	      { "d/a=1 l->d", "", { "l/", "/x" }, "x/a=1", NULL },
	      { "a=1 l->a", "", { "-L", "l", "/x" }, "x=1", NULL });
}
#undef LINKS

static void options_are_those_of_rsync(void **state)
{
	CHECK({ "d/a=1", "", { "+z", "d", "/x" }, "", "directory 'd' is not copied;" },
	      { "d/a=1", "", { "+z", "--dirs", "d", "/x" }, "x/d/", NULL },
	      { "a=1:4711", "", { "+z", "a", "/x" }, "x=1:711", NULL },
	      { "a=1:4711", "", { "a", "/x" }, "x=1:4711", NULL },
	      { "a=1:4711", "", { "--no-perms", "a", "/x" }, "x=1:711", NULL },
	      { "a=1:4711", "", { "--no-p", "a", "/x" }, "x=1:711", NULL },
	      { "a=1", "", { "--chmod=u+x", "a", "/x" }, "x=1:744", NULL },
	      { "d/p|", "", { "d/", "/x" }, "x/", "FIFO 'd/p' is not copied;" },
	      { "d/p|", "", { "-D", "d/", "/x" }, "x/p|", NULL },
	      { "a=1",
		"",
		{ "-@=-1", "-vvzP", "--info=progress2", "-B=4M", "a", "/x" },
		"x=1",
		NULL },
	      { "-a=1", "", { "--", "-a", "/x" }, "x=1", NULL },
	      { "a=1", "", { "a" }, NULL, "RSYNC needs a source and a destination" },
	      { "a=1", "", { "+k", "a", "/x" }, NULL, "'+k' is none of +m, +l, +u, +z" },
	      { "a=1", "", { "-n", "a", "/x" }, NULL, "'-n' of rsync is not possible in a build" },
	      { "a=1", "", { "--dry-run", "a", "/x" }, NULL, "is not possible" },
	      { "a=1", "", { "--remove-source-files", "a", "/x" }, NULL, "is not possible" },
	      { "a=1", "", { "-vn", "a", "/x" }, NULL, "is not possible" },
	      { "a=1", "", { "--delete", "a", "/x" }, NULL, "'--delete' of rsync is not supp" },
	      { "a=1", "", { "-aQ", "a", "/x" }, NULL, "option '-aQ' of rsync is not supported" },
	      { "a=1", "", { "--chmod", "a", "/x" }, NULL, "needs '=' and an argument" },
	      { "a=1", "", { "host:a", "/x" }, NULL, "'host:a' is not a local path" },
	      { "a=1", "", { "rsync://host/a", "/x" }, NULL, "is not a local path" },
	      { "a=1", "", { "../to", "/x" }, NULL, "'..' leads out" },
	      { "a=1", "x->../../../from", { "a", "/x" }, "from=1 x->../../../from", NULL });
}

static void patterns_are_those_of_rsync(void **state)
{
#define FILES "a.c=1 b.o=2 d/a.c=3 d/e/b.o=4 d/e/c=5"
	CHECK({ FILES, "", { "--exclude=*.o", "/", "/x" }, "x/a.c=1 x/d/a.c=3 x/d/e/c=5", NULL },
	      { FILES,
		"",
		{ "--exclude=/a.c", "/", "/x" },
		"x/b.o=2 x/d/a.c=3 x/d/e/b.o=4 x/d/e/c=5",
		NULL },
	      { FILES, "", { "--exclude=/d/e", "/", "/x" }, "x/a.c=1 x/b.o=2 x/d/a.c=3", NULL },
	      { FILES, "", { "--exclude=e/", "d", "/x" }, "x/d/a.c=3", NULL },
	      { FILES, "", { "--exclude=c/", "d/e", "/x" }, "x/e/b.o=4 x/e/c=5", NULL },
	      { FILES, "", { "--exclude=/d/e/b.o", "d", "/x" }, "x/d/a.c=3 x/d/e/c=5", NULL },
	      { FILES,
		"",
		{ "--exclude=/e/b.o", "d", "/x" },
		"x/d/a.c=3 x/d/e/b.o=4 x/d/e/c=5",
		NULL },
	      { FILES, "", { "--exclude=e/**", "d", "/x" }, "x/d/a.c=3 x/d/e/", NULL },
	      { FILES, "", { "--exclude=e/***", "d", "/x" }, "x/d/a.c=3", NULL },
	      { FILES,
		"",
		{ "--include=*/", "--include=*.c", "--exclude=*", "/", "/x" },
		"x/a.c=1 x/d/a.c=3 x/d/e/",
		NULL },
	      { FILES,
		"",
		{ "--include=d/***", "--exclude=*", "/", "/x" },
		"x/d/a.c=3 x/d/e/b.o=4 x/d/e/c=5",
		NULL },
	      { ".h=1 a=2", "", { "--exclude=*h", "/", "/x" }, "x/a=2", NULL },
	      { FILES, "", { "--exclude", "/", "/x" }, NULL, "needs '=' and an argument" },
	      { FILES, "", { "--exclude=[a", "/", "/x" }, NULL, "pattern '[a': " });
#undef FILES
}

static void times_are_kept_if_asked_for(void **state)
{
	(void)state;
	static const struct {
		const char *words[WORDS];
		bool kept;
	} cases[] = { { { "d", "/x" }, false }, { { "-t", "d", "/x" }, true } };
	const struct timespec times[] = { { 1000, 5 }, { 2000, 6 } };
	struct ch_err err;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct trees t;
		struct stat st;

		trees_begin(&t);
		trees_make(t.from, "d/a=1");
		assert_int_equal(utimensat(t.from, "d/a", times, 0), 0);

		assert_int_equal(rsync(&t, cases[i].words, &err), 0);

		assert_int_equal(fstatat(t.to, "x/d/a", &st, 0), 0);
		assert_int_equal(st.st_mtim.tv_sec == 2000 && st.st_mtim.tv_nsec == 6,
				 cases[i].kept);
		trees_end(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_slash_makes_the_difference),
		cmocka_unit_test(the_metadata_of_the_top_are_copied),
		cmocka_unit_test(links_go_by_the_mode),
		cmocka_unit_test(options_are_those_of_rsync),
		cmocka_unit_test(patterns_are_those_of_rsync),
		cmocka_unit_test(times_are_kept_if_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
