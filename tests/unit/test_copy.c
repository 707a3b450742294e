/* SPDX-License-Identifier: Apache-2.0 */
/* What is copied, and where to: the rules of COPY */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "build/copy.h"
#include "copying.h"
#include "trees.h"
#include "unit.h"

static void a_source_may_be_absolute_below_the_context(void **state)
{
	CHECK({ "a=1 d/b=2", "", { FROM("/a"), TO("/x") }, "x=1", NULL },
	      { "a=1 d/b=2", "", { FROM("//d//./b"), TO("/x") }, "x=2", NULL },
	      { "a=1 d/b=2", "", { FROM("/"), TO("/x") }, "x/a=1 x/d/b=2", NULL },
	      { "a=1 d/b=2", "", { FROM("."), TO("/x") }, "x/a=1 x/d/b=2", NULL },
	      { "a=1 d/b=2", "", { FROM("d/../a"), TO("/x") }, "x=1", NULL });
}

static void the_destination_becomes_a_directory_if_it_must(void **state)
{
	CHECK(/* a slash at its end */
	      { "a=1", "", { FROM("a"), TO("/x/") }, "x/a=1", NULL },
	      { "a=1", "", { FROM("a"), TO("/x/y/z/") }, "x/y/z/a=1", NULL },
	      { "a=1", "", { FROM("a"), TO("/x/.") }, "x/a=1", NULL },
	      { "a=1", "", { FROM("a"), TO(".") }, "work/a=1", NULL },
	      /* several sources, listed or by a wildcard */
	      { "a=1 b=2", "", { FROM("a", "b"), TO("/x") }, "x/a=1 x/b=2", NULL },
	      { "a=1 b=2", "", { FROM("*"), TO("/x") }, "x/a=1 x/b=2", NULL },
	      { "a=1 d/b=2", "", { FROM("*"), TO("/x") }, "x/a=1 x/b=2", NULL },
	      /* one that is a directory */
	      { "d/b=2 d/e/f=3", "", { FROM("d"), TO("/x") }, "x/b=2 x/e/f=3", NULL },
	      { "d/b=2", "", { FROM("d*"), TO("/x/y") }, "x/y/b=2", NULL },
	      { "d/", "", { FROM("d"), TO("/x/y") }, "x/y/", NULL });
}

static void else_it_is_what_it_is(void **state)
{
	CHECK({ "a=1", "", { FROM("a"), TO("/x") }, "x=1", NULL },
	      { "a=1", "", { FROM("a"), TO("/x/y") }, "x/y=1", NULL },
	      { "a=1", "", { FROM("a"), TO("x") }, "work/x=1", NULL },
	      { "a=1", "x=old", { FROM("a"), TO("/x") }, "x=1", NULL },
	      { "a=1", "x/", { FROM("a"), TO("/x") }, "x/a=1", NULL },
	      { "a=1 b=2", "", { FROM("a*"), TO("/x") }, "x=1", NULL },
	      { "a=1", "", { FROM("a"), TO("/") }, "a=1", NULL },
	      { "a=1", "", { FROM("a"), TO("../../x") }, "x=1", NULL },
	      { "a=1 b=2",
		"x=old",
		{ FROM("*"), TO("/x") },
		NULL,
		"destination '/x': '/x' is not a directory" },
	      { "d/b=2", "x=old", { FROM("d"), TO("/x") }, NULL, "'/x' is not a directory" },
	      { "a=1",
		"x=old",
		{ FROM("a"), TO("/x/") },
		NULL,
		"destination '/x/': open 'x': Not a dir" },
	      { "a=1", "x=old", { FROM("a"), TO("/x/y") }, NULL, "open 'x': Not a directory" },
	      { "a=1",
		"x/a/",
		{ FROM("a"), TO("/x") },
		NULL,
		"copy 'a' to '/x': there is a directory 'a'" });
}

static void links_at_the_top_are_followed(void **state)
{
	CHECK(/* sources */
	      { "a=1 l->a", "", { FROM("l"), TO("/x") }, "x=1", NULL },
	      { "a=1 l->a", "", { FROM("l"), TO("/x/") }, "x/l=1", NULL },
	      { "a=1 l->a m->l", "", { FROM("m"), TO("/x/") }, "x/m=1", NULL },
	      { "d/a=1 l->d", "", { FROM("l"), TO("/x") }, "x/a=1", NULL },
	      { "d/a=1 l->d", "", { FROM("l/a"), TO("/x") }, "x=1", NULL },
	      { "a=1 l1->a l2->a", "", { FROM("l*"), TO("/x") }, "x/l1=1 x/l2=1", NULL },
	      { "d/e/a=1 l->d/e/..", "", { FROM("l"), TO("/x") }, "x/e/a=1", NULL },
	      { "l->nowhere", "", { FROM("l"), TO("/x") }, NULL, "its link leads nowhere" },
	      { "l->l", "", { FROM("l"), TO("/x") }, NULL, "follow link 'l': Too many levels" },
	      /* the destination */
	      { "a=1", "y=old x->y", { FROM("a"), TO("/x") }, "x->y y=1", NULL },
	      { "a=1", "d/ x->d", { FROM("a"), TO("/x") }, "d/a=1 x->d", NULL },
	      { "a=1", "d/ x->/d", { FROM("a"), TO("/x/") }, "d/a=1 x->/d", NULL },
	      { "a=1", "x->/new/y", { FROM("a"), TO("/x") }, "new/y=1 x->/new/y", NULL },
	      { "e/a=1", "d/ x->d", { FROM("e"), TO("/x/sub") }, "d/sub/a=1 x->d", NULL });
}

static void deeper_links_are_copied(void **state)
{
	CHECK({ "d/a=1 d/l->a", "", { FROM("d"), TO("/x") }, "x/a=1 x/l->a", NULL },
	      { "d/e/f=1 d/l->e", "", { FROM("d"), TO("/x") }, "x/e/f=1 x/l->e", NULL },
	      { "d/l->/etc/passwd d/m->../..",
		"",
		{ FROM("d"), TO("/x") },
		"x/l->/etc/passwd x/m->../..",
		NULL },
	      { "d/l->new", "x/l->old", { FROM("d"), TO("/x") }, "x/l->new", NULL },
	      { "d/l->new", "x/l=old", { FROM("d"), TO("/x") }, "x/l->new", NULL });
}

static void deeper_directories_bring_their_metadata(void **state)
{
	CHECK(/* not the one that is named */
	      { "d/:700 d/a=1", "x/:750", { FROM("d"), TO("/x") }, "x/:750 x/a=1", NULL },
	      { "d/:700 d/a=1", "", { FROM("d"), TO("/x") }, "x/a=1", NULL },
	      { "d/e/:700 d/e/a=1", "x/e/:750", { FROM("d"), TO("/x") }, "x/e/:700 x/e/a=1", NULL },
	      { "d/e/:700 d/e/a=1", "", { FROM("d"), TO("/x") }, "x/e/:700 x/e/a=1", NULL },
	      { "d/e/:555 d/e/a=1", "x/e/:500", { FROM("d"), TO("/x") }, "x/e/:555 x/e/a=1", NULL },
	      { "d/e/:3711 d/a=1:4755 d/b=:600",
		"",
		{ FROM("d"), TO("/x") },
		"x/a=1:4755 x/b=:600 x/e/:3711",
		NULL },
	      { "d/a=1", "x/:555 x/b=2", { FROM("d"), TO("/x") }, "x/:555 x/a=1 x/b=2", NULL });
}

static void deeper_objects_replace_those_of_other_types(void **state)
{
	CHECK(/* the manual's example */
	      { "foo/bar=1", "foo/bar/baz=2", { FROM("foo"), TO("/foo") }, "foo/bar=1", NULL },
	      { "foo/bar/b=1", "foo/bar=old", { FROM("foo"), TO("/foo") }, "foo/bar/b=1", NULL },
	      { "foo/bar/b=1",
		"foo/bar->/etc etc/c=2",
		{ FROM("foo"), TO("/foo") },
		"etc/c=2 foo/bar/b=1",
		NULL },
	      { "foo/bar->b",
		"foo/bar/x/:500 foo/bar/x/y=2",
		{ FROM("foo"), TO("/foo") },
		"foo/bar->b",
		NULL },
	      { "foo/bar=1",
		"foo/bar->/etc/c etc/c=2",
		{ FROM("foo"), TO("/foo") },
		"etc/c=2 foo/bar=1",
		NULL },
	      { "foo/bar=1", "foo/bar|", { FROM("foo"), TO("/foo") }, "foo/bar=1", NULL },
	      /* but not the other names of a file */
	      { "foo/bar=1",
		"foo/bar=2 same==foo/bar",
		{ FROM("foo"), TO("/foo") },
		"foo/bar=1 same=2",
		NULL });
}

static void nothing_leads_out_of_a_context(void **state)
{
	CHECK({ "a=1", "", { FROM("../to"), TO("/x") }, NULL, "source '../to' in context '" },
	      { "a=1", "", { FROM("../to"), TO("/x") }, NULL, "': '..' leads out" },
	      { "d/a=1", "", { FROM("d/../../to"), TO("/x") }, NULL, "'..' leads out" },
	      { "l->/etc/passwd",
		"",
		{ FROM("l"), TO("/x") },
		NULL,
		"link 'l' leads out, to '/etc/passwd'" },
	      { "l->../from/a a=1", "", { FROM("l"), TO("/x") }, NULL, "'..' leads out" },
	      { "l->/etc", "", { FROM("l/passwd"), TO("/x") }, NULL, "link 'l' leads out" },
	      { "l->/etc", "", { FROM("l/pass*"), TO("/x") }, NULL, "link 'l' leads out" },
	      { "l->/etc a=1", "", { FROM("*"), TO("/x") }, NULL, "link 'l' leads out" },
	      { "l->/etc", "", { FROM("*/passwd"), TO("/x") }, NULL, "nothing in" });
}

static void in_an_image_links_stay_inside(void **state)
{
	CHECK({ "l->/etc/a etc/a=1", "", { FROM("l"), TO("/x"), .from_image = true }, "x=1", NULL },
	      { "l->../../etc etc/a=1",
		"",
		{ FROM("l"), TO("/x"), .from_image = true },
		"x/a=1",
		NULL },
	      { "l->/etc etc/a=1", "", { FROM("l/*"), TO("/x"), .from_image = true }, "x=1", NULL },
	      { "a=1", "", { FROM("../../a"), TO("/x"), .from_image = true }, "x=1", NULL },
	      { "l->/etc/passwd",
		"",
		{ FROM("l"), TO("/x"), .from_image = true },
		NULL,
		"source 'l' in image 'base': its link leads nowhere" });
}

static void nothing_leads_out_of_the_image(void **state)
{
	CHECK({ "a=1",
		"dst->../../../etc",
		{ FROM("a"), TO("/dst/a") },
		"dst->../../../etc etc/a=1",
		NULL },
	      { "a=1", "dst->/../../x", { FROM("a"), TO("/dst") }, "dst->/../../x x=1", NULL },
	      { "a=1", "work->/../../x", { FROM("a"), TO("y") }, "work->/../../x x/y=1", NULL },
	      { "d/e/a=1", "x/e->../../from", { FROM("d"), TO("/x") }, "x/e/a=1", NULL },
	      { "a=1", "x/a->../../from/a", { FROM("a"), TO("/x") }, "x/a=1", NULL },
	      { "a=1", "x->x", { FROM("a"), TO("/x") }, NULL, "follow link 'x': Too many levels" });
}

static void wildcards_are_pythons(void **state)
{
	CHECK({ "a=1 .h=2", "", { FROM("*"), TO("/x/") }, "x/a=1", NULL },
	      { "a=1 .h=2", "", { FROM(".*"), TO("/x/") }, "x/.h=2", NULL },
	      { "a=1 b=2 c=3", "", { FROM("[!b]"), TO("/x/") }, "x/a=1 x/c=3", NULL },
	      { "d/a.c=1 d/e/b.c=2 c.c=3",
		"",
		{ FROM("**/*.c"), TO("/x/") },
		"x/a.c=1 x/b.c=2 x/c.c=3",
		NULL },
	      { "d/a.c=1 d/e/b.c=2", "", { FROM("d/**/b.c"), TO("/x/") }, "x/b.c=2", NULL },
	      { "d/.h/a.c=1 d/e/b.c=2", "", { FROM("**/*.c"), TO("/x/") }, "x/b.c=2", NULL },
	      { "d/a.c=1 l->d", "", { FROM("**/*.c"), TO("/x/") }, "x/a.c=1", NULL },
	      { "d/a.c=1 l->d", "", { FROM("l*/*.c"), TO("/x/") }, "x/a.c=1", NULL },
	      { "d/a=1 b=2", "", { FROM("*/"), TO("/x/") }, "x/a=1", NULL },
	      { "d/a=1 d/e/b=2", "", { FROM("d/**"), TO("/x/") }, "x/a=1 x/b=2", NULL },
	      { "a=1", "", { FROM("*/../a"), TO("/x/") }, NULL, "'..' cannot follow a wildcard" },
	      { "a=1", "", { FROM("b*"), TO("/x/") }, NULL, "matches 'b*'" },
	      { "a=1", "", { FROM("nodir/b*"), TO("/x/") }, NULL, "matches 'nodir/b*'" },
	      { "a=1", "", { FROM("a", "b*"), TO("/x/") }, "x/a=1", NULL },
	      { "a=1", "", { FROM("a", "b"), TO("/x/") }, NULL, "it is not there" });
}

static void later_sources_win(void **state)
{
	CHECK({ "d/a=1 e/a=2", "", { FROM("d", "e"), TO("/x") }, "x/a=2", NULL },
	      { "d/a=1 e/a=2", "", { FROM("e/a", "d/a"), TO("/x") }, "x/a=1", NULL },
	      { "d/a/b=1 e/a=2", "", { FROM("d", "e"), TO("/x") }, "x/a=2", NULL },
	      { "d/a/b=1 e/a=2",
		"",
		{ FROM("d", "e/a"), TO("/x") },
		NULL,
		"there is a directory 'a'" });
}

static void hard_links_are_kept_within_a_tree(void **state)
{
	CHECK({ "d/a=1 d/e/b==d/a c==d/a", "", { FROM("d"), TO("/x") }, "x/a=1 x/e/b==x/a", NULL },
	      { "d/a=1 d/e/b==d/a",
		"x/e/b/c=3",
		{ FROM("d"), TO("/x") },
		"x/a=1 x/e/b==x/a",
		NULL });
}

static void special_files_are_left_out(void **state)
{
	CHECK({ "p|", "", { FROM("p"), TO("/x") }, NULL, "it is neither a file nor a directory" },
	      { "d/p|:600 d/a=1", "", { FROM("d"), TO("/x") }, "x/a=1 x/p|:600", NULL });
}

static void sockets_are_left_out_and_told_of(void **state)
{
	(void)state;
	struct trees t;
	struct ch_err err;
	const struct instruction in = { FROM("d"), TO("/x") };

	trees_begin(&t);
	trees_make(t.from, "d/a=1");
	assert_int_equal(mknodat(t.from, "d/s", S_IFSOCK | 0600, 0), 0);

	assert_int_equal(copying_do(&t, &in, &err), 0);

	ch_auto(str) char *text = trees_text(t.to);

	assert_string_equal(text, "x/a=1");
	assert_string_equal(copying_notes, "socket 'd/s' is not copied;");
	trees_end(&t);
}

static void what_cannot_be_read_is_named(void **state)
{
	(void)state;
	struct trees t;
	struct ch_err err;
	const struct instruction in = { FROM("d"), TO("/x") };

	if (geteuid() == 0)
		return;
	trees_begin(&t);
	trees_make(t.from, "d/a=1 d/b=2:0");

	assert_int_equal(copying_do(&t, &in, &err), -EACCES);

	assert_string_equal(err.msg, "copy 'd' to '/x': read 'd/b': Permission denied");
	trees_end(&t);
}

static void times_are_kept(void **state)
{
	(void)state;
	const struct timespec times[] = { { 1000, 5 }, { 2000, 123456789 } };
	static const char *const paths[] = { "d/a", "d/l", "d/e" };
	const struct instruction in = { FROM("d"), TO("/x") };
	struct ch_err err;
	struct trees t;

	trees_begin(&t);
	trees_make(t.from, "d/a=1 d/l->a d/e/b=1");
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		assert_int_equal(utimensat(t.from, paths[i], times, AT_SYMLINK_NOFOLLOW), 0);

	assert_int_equal(copying_do(&t, &in, &err), 0);

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		char path[100];
		struct stat st;

		snprintf(path, sizeof(path), "x%s", paths[i] + 1);
		assert_int_equal(fstatat(t.to, path, &st, AT_SYMLINK_NOFOLLOW), 0);
		assert_int_equal(st.st_mtim.tv_sec, 2000);
		assert_int_equal(st.st_mtim.tv_nsec, 123456789);
	}
	trees_end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_source_may_be_absolute_below_the_context),
		cmocka_unit_test(the_destination_becomes_a_directory_if_it_must),
		cmocka_unit_test(else_it_is_what_it_is),
		cmocka_unit_test(links_at_the_top_are_followed),
		cmocka_unit_test(deeper_links_are_copied),
		cmocka_unit_test(deeper_directories_bring_their_metadata),
		cmocka_unit_test(deeper_objects_replace_those_of_other_types),
		cmocka_unit_test(nothing_leads_out_of_a_context),
		cmocka_unit_test(in_an_image_links_stay_inside),
		cmocka_unit_test(nothing_leads_out_of_the_image),
		cmocka_unit_test(wildcards_are_pythons),
		cmocka_unit_test(later_sources_win),
		cmocka_unit_test(hard_links_are_kept_within_a_tree),
		cmocka_unit_test(special_files_are_left_out),
		cmocka_unit_test(sockets_are_left_out_and_told_of),
		cmocka_unit_test(what_cannot_be_read_is_named),
		cmocka_unit_test(times_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
