/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/tree.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "sys/within.h"
#include "torture.h"
#include "trees.h"
#include "unit.h"

/* ---- paths made plain -------------------------------------------------------------------- */

static void paths_are_made_plain(void **state)
{
	(void)state;
	static const struct {
		const char *path, *below, *root; /* NULL: an error */
	} cases[] = {
		{ "", "", "" },
		{ "/", "", "" },
		{ ".", "", "" },
		{ "a", "a", "a" },
		{ "/d//./f/", NULL, NULL },
		{ "/d//./f", "d/f", "d/f" },
		{ "d/e/", "d/e", "d/e" },
		{ "d/e/..", "d", "d" },
		{ "d/../..", NULL, "" },
		{ "..", NULL, "" },
		{ "../../a", NULL, "a" },
		{ "new", "new", "new" },
		{ "new/b/../c", "new/c", "new/c" },
		{ "new/../../c", NULL, "c" },
		{ "d/f/g", NULL, NULL },
		{ "to_d", "d", "d" },
		{ "to_d/f", "d/f", "d/f" },
		{ "to_d/..", "", "" },
		{ "d/up", "a", "a" },
		{ "d/up_new", "d/new/x", "d/new/x" },
		{ "d/up_new/y", "d/new/x/y", "d/new/x/y" },
		{ "abs", NULL, "d/f" },
		{ "abs_dir/f", NULL, "d/f" },
		{ "out", NULL, "etc" },
		{ "loop", NULL, NULL },
		{ "loop/x", NULL, NULL },
	};
	struct trees t;
	struct ch_err err;

	trees_begin(&t);
	trees_make(t.from, "a=1 d/f=1 d/e/ to_d->d d/up->../a d/up_new->new/x abs->/d/f "
			   "abs_dir->/d out->../../etc loop->loop");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		for (int how = CH_WITHIN_BELOW; how <= CH_WITHIN_ROOT; how++) {
			const char *wanted = how == CH_WITHIN_ROOT ? cases[i].root : cases[i].below;
			ch_auto(str) char *path = NULL;
			int rc = ch_within_resolve(t.from, cases[i].path, (enum ch_within)how,
						   &path, &err);

			if ((rc == 0) != (wanted != NULL) || (path && strcmp(path, wanted) != 0))
				fail_msg("'%s': '%s', not '%s'", cases[i].path,
					 path ? path : err.msg, wanted);
		}
	}
	trees_end(&t);
}

static void chains_of_links_end(void **state)
{
	(void)state;
	struct trees t;
	struct ch_err err;
	char *path = NULL;

	trees_begin(&t);
	for (int i = 0; i < 50; i++) {
		char name[16], target[16];

		snprintf(name, sizeof(name), "%d", i);
		snprintf(target, sizeof(target), "%d", i + 1);
		assert_int_equal(symlinkat(target, t.from, name), 0);
	}

	assert_int_equal(ch_within_resolve(t.from, "0", CH_WITHIN_ROOT, &path, &err), -ELOOP);
	assert_int_equal(ch_within_resolve(t.from, "10", CH_WITHIN_ROOT, &path, &err), 0);

	assert_string_equal(path, "50");
	free(path);
	trees_end(&t);
}

/* ---- copies ------------------------------------------------------------------------------ */

static void copy_all(const struct trees *t)
{
	struct ch_err err;

	if (ch_tree_copy_all(t->from, t->to, CH_TREE_ALL, NULL, NULL, &err) < 0)
		fail_msg("%s", err.msg);
}

static void assert_equal_trees(const struct trees *t)
{
	ch_auto(str) char *from = trees_text(t->from);
	ch_auto(str) char *to = trees_text(t->to);

	assert_string_equal(to, from);
}

/* A number below N, the same in each run */
static unsigned some(unsigned n)
{
	static uint64_t state = 88172645463325252U;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)(state % n);
}

/* Make something called NAME in DIR. Returns 1 for a directory. */
static int make_some(int dir, const char *name)
{
	static const mode_t modes[] = { 0644, 0600, 0755, 04755, 02711, 0444, 01777 };
	char text[5000];
	ch_auto(fd) int fd = -1;

	switch (some(6)) {
	case 0:
		assert_int_equal(mkdirat(dir, name, 0755), 0);
		return 1;
	case 1:
		snprintf(text, sizeof(text), "../%u", some(100));
		assert_int_equal(symlinkat(text, dir, name), 0);
		return 0;
	case 2:
		snprintf(text, sizeof(text), "%u", some(30));
		if (linkat(dir, text, dir, name, 0) < 0)
			assert_int_equal(symlinkat(text, dir, name), 0);
		return 0;
	default:
		memset(text, 'a' + (int)some(26), sizeof(text));
		fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		assert_true(write(fd, text, some(4000)) >= 0);
		assert_int_equal(fchmod(fd, modes[some(ARRAY_SIZE(modes))]), 0);
		return 0;
	}
}

static void make_many(int dir, int depth)
{
	for (unsigned i = 0; i < 30; i++) {
		char name[16];

		snprintf(name, sizeof(name), "%u", i);
		if (make_some(dir, name) && depth > 0) {
			ch_auto(fd) int sub = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

			make_many(sub, depth - 1);
		}
	}
}

static void random_trees_are_copied(void **state)
{
	(void)state;
	struct trees t;

	trees_begin(&t);
	for (int i = 0; i < 3; i++) {
		char name[16];

		snprintf(name, sizeof(name), "top%d", i);
		assert_int_equal(mkdirat(t.from, name, 0755), 0);

		ch_auto(fd) int top = openat(t.from, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		make_many(top, 2);
	}

	copy_all(&t);

	assert_equal_trees(&t);
	/* And over itself: links are unlinked first, never written through. */
	copy_all(&t);
	assert_equal_trees(&t);
	trees_end(&t);
}

static void a_tree_is_copied_with_its_top(void **state)
{
	(void)state;
	const struct timespec times[] = { { 1000, 5 }, { 2000, 6 } };
	struct trees t;
	struct stat st;

	trees_begin(&t);
	trees_make(t.from, "d/a=1 d/p|:600 e/:500 e/f=2");
	assert_int_equal(fchmod(t.from, 0711), 0);
	assert_int_equal(futimens(t.from, times), 0);

	copy_all(&t);

	assert_equal_trees(&t);
	assert_int_equal(fstat(t.to, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0711);
	assert_int_equal(st.st_mtim.tv_sec, 2000);
	assert_int_equal(st.st_mtim.tv_nsec, 6);
	trees_end(&t);
}

static void holes_stay_holes(void **state)
{
	(void)state;
	struct trees t;
	struct stat st;
	char end[4];

	trees_begin(&t);

	ch_auto(fd) int fd = openat(t.from, "f", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	assert_int_equal(pwrite(fd, "begin", 5, 0), 5);
	assert_int_equal(pwrite(fd, "mid", 3, 50 << 20), 3);
	assert_int_equal(ftruncate(fd, 100 << 20), 0);

	copy_all(&t);

	ch_auto(fd) int copy = openat(t.to, "f", O_RDONLY | O_CLOEXEC);

	assert_int_equal(fstat(copy, &st), 0);
	assert_int_equal(st.st_size, 100 << 20);
	assert_true(st.st_blocks < 1000);
	assert_int_equal(pread(copy, end, 3, 50 << 20), 3);
	assert_memory_equal(end, "mid", 3);
	trees_end(&t);
}

static void large_files_are_the_same(void **state)
{
	(void)state;
	enum { SIZE = 3 << 20 };
	ch_auto(mem) uint8_t *data = malloc(SIZE);
	ch_auto(mem) uint8_t *copied = malloc(SIZE);
	struct trees t;

	for (size_t i = 0; i < SIZE; i++)
		NOT_NULL(data)[i] = (uint8_t)(i * 7 + i / 4096);
	trees_begin(&t);

	ch_auto(fd) int fd = openat(t.from, "f", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	assert_int_equal(write(fd, data, SIZE), SIZE);

	copy_all(&t);

	ch_auto(fd) int copy = openat(t.to, "f", O_RDONLY | O_CLOEXEC);

	assert_int_equal(read(copy, copied, SIZE), SIZE);
	assert_memory_equal(data, copied, SIZE);
	trees_end(&t);
}

static void attributes_of_users_are_kept(void **state)
{
	(void)state;
	static const char *const paths[] = { "d", "d/f" };
	struct trees t;

	trees_begin(&t);
	trees_make(t.from, "d/f=1");
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		ch_auto(fd) int fd = openat(t.from, paths[i], O_RDONLY | O_CLOEXEC);

		if (fsetxattr(fd, "user.test", "value", 5, 0) < 0) {
			trees_end(&t);
			return; /* not on this file system */
		}
	}

	copy_all(&t);

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		ch_auto(fd) int fd = openat(t.to, paths[i], O_RDONLY | O_CLOEXEC);
		char value[6] = "";

		assert_int_equal(fgetxattr(fd, "user.test", value, 5), 5);
		assert_string_equal(value, "value");
	}
	trees_end(&t);
}

static void trees_may_be_deeper_than_descriptors_last(void **state)
{
	(void)state;
	enum { DEPTH = 300 };
	struct rlimit old, few = { .rlim_cur = 32 };
	struct trees t;
	int dir;

	trees_begin(&t);
	dir = dup(t.from);
	for (int i = 0; i < DEPTH; i++) {
		int sub;

		assert_int_equal(mkdirat(dir, "d", 0755), 0);
		sub = openat(dir, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		close(dir);
		dir = sub;
	}
	close(dir);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	few.rlim_max = old.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);

	copy_all(&t);

	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_equal_trees(&t);
	trees_end(&t);
}

/* ---- a lack of memory ------------------------------------------------------------------- */

static int scan_again(void *data)
{
	const struct trees *t = data;
	const struct ch_tree_scan scan = { .root = t->from, .path = "", .name = "" };
	ch_auto(tree) struct ch_tree tree = { 0 };
	struct ch_err err;

	return ch_tree_scan(&scan, &tree, &err);
}

static void without_memory_nothing_is_listed(void **state)
{
	(void)state;
	struct trees t;

	trees_begin(&t);
	trees_make(t.from, "d/a=1 d/b==d/a d/l->a e/");

	assert_true(torture(scan_again, &t) > 10);

	trees_end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_are_made_plain),
		cmocka_unit_test(chains_of_links_end),
		cmocka_unit_test(random_trees_are_copied),
		cmocka_unit_test(a_tree_is_copied_with_its_top),
		cmocka_unit_test(holes_stay_holes),
		cmocka_unit_test(large_files_are_the_same),
		cmocka_unit_test(attributes_of_users_are_kept),
		cmocka_unit_test(trees_may_be_deeper_than_descriptors_last),
		cmocka_unit_test(without_memory_nothing_is_listed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
