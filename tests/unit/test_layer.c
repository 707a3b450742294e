/* SPDX-License-Identifier: Apache-2.0 */
/* Layers with whiteouts become a directory */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/layer.h"
#include "archive/read.h"
#include "archive/whiteout.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "tars.h"
#include "trees.h"
#include "unit.h"

/* Apply LAYERS (up to a NULL) to DIR. */
static int apply(int dir, const char *const *texts, struct ch_err *err)
{
	ch_auto(layers) struct ch_layers layers = { 0 };

	assert_int_equal(ch_layers_init(&layers, dir, err), 0);
	for (; *texts; texts++) {
		ch_auto(fd) int fd = tars_open(*texts);
		const struct ch_archive layer = { .name = "layer", .fd = fd };
		struct ch_archive_got got;

		if (ch_layers_apply(&layers, &layer, &got, err) < 0)
			return err->code;
	}
	return ch_layers_end(&layers, err);
}

/* Entries for directories that are on the way need no mention in results. */
struct layers_case {
	const char *layers[4];
	const char *result; /* of trees_text */
	const char *error;  /* part of a message instead */
};

static void check(const struct layers_case *c)
{
	char path[64];
	int dir = trees_temp(path, sizeof(path));
	struct ch_err err = { .msg = "" };
	int rc = apply(dir, c->layers, &err);

	if (c->error) {
		assert_int_not_equal(rc, 0);
		if (!strstr(err.msg, c->error))
			fail_msg("'%s' is not in '%s'", c->error, err.msg);
	} else {
		ch_auto(str) char *text = trees_text(dir);

		if (rc < 0)
			fail_msg("%s: %s", c->layers[1], err.msg);
		assert_string_equal(text, c->result);
	}
	trees_remove(dir, path);
}

#define CHECK(...)                                                                                 \
	do {                                                                                       \
		static const struct layers_case cases_[] = { __VA_ARGS__ };                        \
		for (size_t i_ = 0; i_ < ARRAY_SIZE(cases_); i_++)                                 \
			check(&cases_[i_]);                                                        \
	} while (0)

static void names_are_told_from_whiteouts(void **state)
{
	(void)state;
	static const struct {
		const char *path;
		enum ch_whiteout kind;
		size_t dir;
		const char *name;
	} cases[] = {
		{ "a", CH_WHITEOUT_NONE, 0, NULL },
		{ "", CH_WHITEOUT_NONE, 0, NULL },
		{ "a/.wh", CH_WHITEOUT_NONE, 1, NULL },
		{ "a/x.wh.b", CH_WHITEOUT_NONE, 1, NULL },
		{ ".wh.a", CH_WHITEOUT_NAME, 0, "a" },
		{ "a/b/.wh.c", CH_WHITEOUT_NAME, 3, "c" },
		{ "a/.wh.wh.", CH_WHITEOUT_NAME, 1, "wh." },
		{ "a/.wh....", CH_WHITEOUT_NAME, 1, "..." },
		{ ".wh..wh..opq", CH_WHITEOUT_OPAQUE, 0, NULL },
		{ "a/b/.wh..wh..opq", CH_WHITEOUT_OPAQUE, 3, NULL },
		{ ".wh..wh.plnk", CH_WHITEOUT_NOTE, 0, NULL },
		{ ".wh..wh.plnk/123.456", CH_WHITEOUT_NOTE, 12, NULL },
		{ "a/.wh..wh.aufs", CH_WHITEOUT_NOTE, 1, NULL },
		{ "a/.wh..wh..opq/b", CH_WHITEOUT_NOTE, 14, NULL },
		{ ".wh.", CH_WHITEOUT_BAD, 0, NULL },
		{ "a/.wh..", CH_WHITEOUT_BAD, 1, NULL },
		{ "a/.wh...", CH_WHITEOUT_BAD, 1, NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		size_t dir = 99;
		const char *name = NULL;

		assert_int_equal(ch_whiteout_parse(cases[i].path, &dir, &name), cases[i].kind);
		assert_int_equal(dir, cases[i].dir);
		if (cases[i].name)
			assert_string_equal(name, cases[i].name);
	}
}

static void whiteouts_remove_what_was_below(void **state)
{
	(void)state;
	CHECK({ { "a=1 b=2", ".wh.a" }, "b=2", NULL }, { { "./a=1 b=2", "./.wh.a" }, "b=2", NULL },
	      { { "d/a=1 d/b=2", "d/.wh.a" }, "d/b=2", NULL },
	      { { "d/a=1 d/b=2", "d/.wh.a", "d/.wh.b" }, "d/", NULL },
	      { { "d/e/f=1 b=2", ".wh.d" }, "b=2", NULL }, { { "l->b b=2", ".wh.l" }, "b=2", NULL },
	      { { "p| b=2", ".wh.p" }, "b=2", NULL }, { { "a=1 h==a", ".wh.a" }, "h=1", NULL },
	      { { "d/e/f=1 d/g=2 b=3", "d/.wh..wh..opq" }, "b=3 d/", NULL },
	      { { "d/e/f=1 b=3", ".wh..wh..opq" }, "", NULL },
	      /* what is not there */
	      { { "a=1", ".wh.b" }, "a=1", NULL }, { { "a=1", "d/.wh.b" }, "a=1", NULL },
	      { { "a=1", "a/.wh.b" }, "a=1", NULL },
	      { { "a=1", "d/.wh..wh..opq a/.wh..wh..opq" }, "a=1", NULL },
	      /* of the lowest layer, nothing is below */
	      { { "a=1 .wh.a d/b=2 d/.wh..wh..opq" }, "a=1 d/b=2", NULL });
}

static void what_the_layer_brings_stays_in_any_order(void **state)
{
	(void)state;
	CHECK({ { "a=1", ".wh.a a=2" }, "a=2", NULL }, { { "a=1", "a=2 .wh.a" }, "a=2", NULL },
	      { { "d/a=1 d/b=1", ".wh.d d/a=2" }, "d/a=2", NULL },
	      { { "d/a=1 d/b=1", "d/a=2 .wh.d" }, "d/a=2", NULL },
	      { { "d/a=1 d/b=1", "d/a=2 d/.wh..wh..opq" }, "d/a=2", NULL },
	      { { "d/a=1 d/b=1", "d/.wh..wh..opq d/a=2" }, "d/a=2", NULL },
	      { { "d/a=1 d/b=1", "d/ .wh.d" }, "d/", NULL },
	      { { "d/e/a=1 d/e/b=1", "d/e/ .wh.d" }, "d/e/", NULL },
	      { { "d/e/a=1 d/e/b=1", "d/e/c=2 .wh.d" }, "d/e/c=2", NULL },
	      { { "d/e/a=1 d/g/b=1", "d/e/c=2 .wh..wh..opq" }, "d/e/c=2", NULL },
	      { { "d/e/a=1 d/g/b=1", ".wh..wh..opq d/e/c=2" }, "d/e/c=2", NULL },
	      /* deep below: the way there stays */
	      { { "a/x=1 a/b/x=1 a/b/c/x=1", "a/b/c/d/e=2 .wh.a" }, "a/b/c/d/e=2", NULL },
	      /* links */
	      { { "a=1 b=1", "b=2 a==b .wh.a .wh.b" }, "a=2 b==a", NULL },
	      { { "a=1", "l->a .wh.l .wh.a" }, "l->a", NULL },
	      /* a name that a link leads to */
	      { { "usr/lib/x=1 lib->usr/lib", "lib/y=2 usr/lib/.wh..wh..opq" },
		"lib->usr/lib usr/lib/y=2",
		NULL },
	      /* brought twice */
	      { { "a=1", "a=2 .wh.a a=3" }, "a=3", NULL });
}

/* Else, a small layer could keep us busy for hours. */
static void whiteouts_that_come_again_cost_nothing(void **state)
{
	(void)state;
	enum { FILES = 4000, AGAIN = 8000 };
	ch_auto(buf) struct ch_buf upper = CH_BUF_INIT(1 << 24);
	const char *texts[] = { "d/a=1", NULL, NULL };
	struct stat st;
	char path[64];
	int dir = trees_temp(path, sizeof(path));
	struct ch_err err;

	for (int i = 0; i < FILES; i++)
		ch_buf_addf(&upper, "d/%d= ", i);
	for (int i = 0; i < AGAIN; i++)
		ch_buf_adds(&upper, i % 2 ? "d/.wh..wh..opq " : ".wh.d ");
	texts[1] = upper.data;
	assert_int_equal(apply(dir, texts, &err), 0);
	assert_int_equal(fstatat(dir, "d/0", &st, 0), 0);
	assert_int_equal(fstatat(dir, "d/a", &st, 0), -1);
	trees_remove(dir, path);
}

static void the_order_does_not_matter_for_attributes(void **state)
{
	(void)state;
	CHECK({ { "d/:700 d/a=1", "d/b=2 .wh.d" }, "d/b=2", NULL },
	      { { "d/:700 d/a=1", ".wh.d d/b=2" }, "d/b=2", NULL },
	      { { "d/:700 d/a=1", "d/:711 d/b=2 .wh.d" }, "d/:711 d/b=2", NULL },
	      { { "d/:700 d/a=1", ".wh.d d/b=2 d/:711" }, "d/:711 d/b=2", NULL },
	      { { "d/:700 d/a=1", "d/b=2 d/.wh..wh..opq" }, "d/:700 d/b=2", NULL });
}

static void whiteouts_do_not_follow_links(void **state)
{
	(void)state;
	CHECK({ { "d/a=1 l->d", "l/.wh.a" }, "d/a=1 l->d", NULL },
	      { { "d/a=1 l->d", "l/.wh..wh..opq" }, "d/a=1 l->d", NULL },
	      { { "d/a=1 l->/d", ".wh..wh..opq l/b=1" }, "l/b=1", NULL },
	      /* a link becomes a directory, and the other way */
	      { { "d/a=1 l->d", "l/.wh..wh..opq l/ l/b=2" }, "d/a=1 l/b=2", NULL },
	      { { "d/a=1 l->d", "l/ l/b=2 l/.wh..wh..opq" }, "d/a=1 l/b=2", NULL },
	      { { "d/a=1 e/b=2", "d->e d/.wh.b" }, "d->e e/b=2", NULL });
}

static void whiteouts_of_nothing_are_refused(void **state)
{
	(void)state;
	CHECK({ { "a=1", ".wh." }, NULL, "member '.wh.': it is a whiteout of no file" },
	      { { "a=1", "d/.wh.." }, NULL, "'d/.wh..'" },
	      { { "a=1", ".wh..." }, NULL, "'.wh...'" },
	      { { "a=1", "b==../../a" }, NULL, "names with '..'" },
	      { { "a=1", "../.wh.a" }, NULL, "names with '..'" },
	      { { "a=1", "/../.wh.a" }, NULL, "names with '..'" },
	      { { "a=1", "b==.wh.a" }, NULL, "hard link to '.wh.a'" });
}

static void notes_of_whiteouts_are_left_out(void **state)
{
	(void)state;
	CHECK({ { "a=1 .wh..wh.aufs=x .wh..wh.plnk/", ".wh..wh.plnk/1.2=x .wh..wh.orph/ b=1" },
		"a=1 b=1",
		NULL });
}

static void types_change_between_layers(void **state)
{
	(void)state;
	CHECK({ { "a=1", "a/ a/b=2" }, "a/b=2", NULL }, { { "a/b/c=2", "a=1" }, "a=1", NULL },
	      { { "a/b/c=2", "a->x" }, "a->x", NULL }, { { "a->x x=1", "a=2" }, "a=2 x=1", NULL },
	      { { "a->x x/b=1", "a/ a/c=2" }, "a/c=2 x/b=1", NULL },
	      { { "a->x x/b=1", "a/c=2" }, "a->x x/b=1 x/c=2", NULL },
	      { { "a=1 h==a", "a=2" }, "a=2 h=1", NULL }, { { "a=1", "b==a" }, "a=1 b==a", NULL });
}

static void what_is_of_no_use_in_an_image_is_left_out(void **state)
{
	(void)state;
	CHECK({ { "a=1:6755 d/:3777 c% h==c dev/x=1 dev/y% ./dev/z=1", "/dev/null=2 b==dev2" },
		NULL,
		"hard link to 'dev2'" },
	      { { "a=1:6755 d/:3777 c% h==c dev/x=1 dev/y% ./dev/z=1 p|", "/dev/null=2" },
		"a=1:755 d/:1777 p|",
		NULL },
	      { { "c% c=1 h==c" }, "c=1 h==c", NULL });
}

static void damaged_layers_are_refused_in_a_line(void **state)
{
	(void)state;
	struct ch_err err;
	char path[64];
	int dir = trees_temp(path, sizeof(path));
	ch_auto(layers) struct ch_layers layers = { 0 };
	ch_auto(fd) int fd = tars_open("a=1");
	struct ch_archive layer = { .name = "x", .fd = fd };
	struct ch_archive_got got;

	assert_int_equal(ch_layers_init(&layers, dir, &err), 0);
	assert_int_equal(ftruncate(fd, 512), 0);
	assert_int_equal(ch_layers_apply(&layers, &layer, &got, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "archive 'x': member 'a': read: Truncated tar"));
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(ch_layers_apply(&layers, &layer, &got, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "not a tar archive"));
	trees_remove(dir, path);
}

/* Directories have the times of the layer that mentions them last, though others came after it. */
static void times_are_those_of_layers(void **state)
{
	(void)state;
	static const char *const texts[] = { "d/ d/a=1 e/f/a=1", "d/b=2 e/b=2", ".wh.x d/.wh.a",
					     NULL };
	static const struct {
		const char *path;
		time_t time;
	} cases[] = { { "d", 1000000000 }, { "d/b", 1000000000 }, { "e", 0 }, { "e/f", 0 } };
	char path[64];
	int dir = trees_temp(path, sizeof(path));
	struct ch_err err;

	assert_int_equal(apply(dir, texts, &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct stat st;

		assert_int_equal(fstatat(dir, cases[i].path, &st, 0), 0);
		assert_int_equal(st.st_mtime, cases[i].time);
	}
	trees_remove(dir, path);
}

/* It is named so often that to remember it each time would be felt; the last one counts. */
static void directories_that_come_again_cost_nothing(void **state)
{
	(void)state;
	enum { TIMES = 20000 };
	ch_auto(buf) struct ch_buf text = CH_BUF_INIT(1 << 20);
	char path[64];
	int dir = trees_temp(path, sizeof(path));
	ch_auto(layers) struct ch_layers layers = { 0 };
	struct ch_archive_got got;
	struct ch_err err;
	struct stat st;

	for (size_t i = 0; i < TIMES; i++)
		ch_buf_adds(&text, "d/e/:700 d/f/:750 ");
	ch_buf_adds(&text, "d/e/:711");

	ch_auto(fd) int fd = tars_open(text.data);
	const struct ch_archive layer = { .name = "layer", .fd = fd };

	assert_int_equal(ch_layers_init(&layers, dir, &err), 0);
	assert_int_equal(ch_layers_apply(&layers, &layer, &got, &err), 0);
	assert_int_equal(got.members, 2 * TIMES + 1);
	assert_in_range(layers.to.cap, 1, 1024);
	assert_int_equal(ch_layers_end(&layers, &err), 0);
	assert_int_equal(fstatat(dir, "d/e", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0711);
	assert_int_equal(fstatat(dir, "d/f", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
	trees_remove(dir, path);
}

static void what_is_behind_the_end_is_limited(void **state)
{
	(void)state;
	static const struct {
		off_t size;
		int rc;
	} cases[] = { { 1 << 20, 0 }, { 1 << 26, 0 }, { (1 << 26) + (1 << 20), -EFBIG } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char path[64];
		int dir = trees_temp(path, sizeof(path));
		ch_auto(layers) struct ch_layers layers = { 0 };
		ch_auto(fd) int fd = tars_open("a=1");
		const struct ch_archive layer = { .name = "layer", .fd = fd };
		struct ch_archive_got got;
		struct ch_err err;

		assert_int_equal(ftruncate(fd, cases[i].size), 0);
		assert_int_equal(ch_layers_init(&layers, dir, &err), 0);
		assert_int_equal(ch_layers_apply(&layers, &layer, &got, &err), cases[i].rc);
		trees_remove(dir, path);
	}
}

/* Also where its contents are of no use, and are not read. */
static void a_member_that_is_cut_off_is_an_error(void **state)
{
	(void)state;
	static const char *const members[] = { "b=", "dev/b=" };

	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		enum { HEADS = 3 * 512, SIZE = 4000 };
		char path[64];
		int dir = trees_temp(path, sizeof(path));
		ch_auto(layers) struct ch_layers layers = { 0 };
		ch_auto(buf) struct ch_buf text = CH_BUF_INIT(SIZE_MAX);
		struct ch_archive_got got;
		struct ch_err err;

		ch_buf_addf(&text, "a=1 %s%0*d", members[i], SIZE, 7);

		ch_auto(fd) int fd = tars_open(text.data);
		const struct ch_archive layer = { .name = "layer", .fd = fd };

		assert_int_equal(ftruncate(fd, HEADS + SIZE / 2), 0);
		assert_int_equal(ch_layers_init(&layers, dir, &err), 0);
		assert_int_equal(ch_layers_apply(&layers, &layer, &got, &err), -EINVAL);
		trees_remove(dir, path);
	}
}

/* A map of holes (as GNU's tar had it first) that goes on and on: each block of it is remembered.
 */
static void headers_are_limited(void **state)
{
	(void)state;
	enum { BLOCK = 512, BLOCKS = 12000 };
	static char tar[BLOCK * (BLOCKS + 1)];
	char path[64], sum[8];
	int dir = trees_temp(path, sizeof(path));
	ch_auto(layers) struct ch_layers layers = { 0 };
	ch_auto(fd) int fd = memfd_create("tar", MFD_CLOEXEC);
	const struct ch_archive layer = { .name = "layer", .fd = fd };
	struct ch_archive_got got;
	unsigned total = 8 * ' ';
	struct ch_err err;

	memcpy(tar, "sparse", 6);
	memcpy(tar + 100, "0000644\0000000000\0000000000\00000000000000\00000000000000", 48);
	tar[156] = 'S';
	memcpy(tar + 257, "ustar  ", 8);
	memset(tar + 386, '0', 96);
	tar[482] = 1;
	for (size_t i = 0; i < BLOCK; i++)
		total += (unsigned char)tar[i];
	snprintf(sum, sizeof(sum), "%06o", total);
	memcpy(tar + 148, sum, 7);
	tar[155] = ' ';
	for (size_t i = 1; i <= BLOCKS; i++) {
		memset(tar + i * BLOCK, '0', 504);
		tar[i * BLOCK + 504] = 1;
	}
	assert_int_equal(write(fd, tar, sizeof(tar)), sizeof(tar));
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(ch_layers_init(&layers, dir, &err), 0);
	assert_int_equal(ch_layers_apply(&layers, &layer, &got, &err), -EFBIG);
	assert_string_equal(err.msg,
			    "archive 'layer': more than 4 MiB of headers are in front of a "
			    "member");
	trees_remove(dir, path);
}

static void errors_wait_for_no_more_input(void **state)
{
	(void)state;
	char path[64];
	int dir = trees_temp(path, sizeof(path)), ends[2];
	size_t len;
	ch_auto(str) char *tar = tars_make("../x=1", &len);
	ch_auto(layers) struct ch_layers layers = { 0 };
	struct ch_archive_got got;
	struct ch_err err;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);

	const struct ch_archive layer = { .name = "layer", .fd = ends[0] };

	assert_int_equal(write(ends[1], tar, len), len);
	assert_int_equal(ch_layers_init(&layers, dir, &err), 0);
	alarm(20);
	assert_int_equal(ch_layers_apply(&layers, &layer, &got, &err), -EINVAL);
	alarm(0);
	close(ends[0]);
	close(ends[1]);
	trees_remove(dir, path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_told_from_whiteouts),
		cmocka_unit_test(whiteouts_remove_what_was_below),
		cmocka_unit_test(what_the_layer_brings_stays_in_any_order),
		cmocka_unit_test(whiteouts_that_come_again_cost_nothing),
		cmocka_unit_test(the_order_does_not_matter_for_attributes),
		cmocka_unit_test(whiteouts_do_not_follow_links),
		cmocka_unit_test(whiteouts_of_nothing_are_refused),
		cmocka_unit_test(notes_of_whiteouts_are_left_out),
		cmocka_unit_test(types_change_between_layers),
		cmocka_unit_test(what_is_of_no_use_in_an_image_is_left_out),
		cmocka_unit_test(damaged_layers_are_refused_in_a_line),
		cmocka_unit_test(times_are_those_of_layers),
		cmocka_unit_test(directories_that_come_again_cost_nothing),
		cmocka_unit_test(what_is_behind_the_end_is_limited),
		cmocka_unit_test(a_member_that_is_cut_off_is_an_error),
		cmocka_unit_test(headers_are_limited),
		cmocka_unit_test(errors_wait_for_no_more_input),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
