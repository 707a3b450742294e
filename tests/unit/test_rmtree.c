/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/rmtree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "unit.h"

static char place[] = "/tmp/test_rmtree.XXXXXX";
static int dir = -1;

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(place))
		return -1;
	dir = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dir < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
	(void)state;
	close(dir);
	return rmdir(place);
}

static void make_file(int at, const char *name)
{
	ch_auto(fd) int fd = openat(at, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0);

	assert_true(fd >= 0);
}

static void remove_it(const char *name)
{
	struct ch_err err = { 0 };
	struct stat st;

	if (ch_rmtree(dir, name, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW), -1);
	assert_int_equal(errno, ENOENT);
}

static void files_and_links_go_and_not_what_links_lead_to(void **state)
{
	(void)state;
	struct stat st;

	remove_it("never-there");
	make_file(dir, "file");
	assert_int_equal(mkdirat(dir, "kept", 0755), 0);
	assert_int_equal(mkdirat(dir, "tree", 0755), 0);
	assert_int_equal(symlinkat("kept", dir, "link"), 0);
	assert_int_equal(symlinkat("../kept", dir, "tree/link"), 0);
	make_file(dir, "kept/file");
	remove_it("link");
	remove_it("tree");
	assert_int_equal(fstatat(dir, "kept/file", &st, 0), 0);
	remove_it("kept");
	remove_it("file");
}

static void directories_nobody_may_enter_go(void **state)
{
	(void)state;
	static const char *const names[] = { "t", "t/a", "t/a/b", "t/a/b/c" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_int_equal(mkdirat(dir, names[i], 0755), 0);
	make_file(dir, "t/a/b/c/file");
	for (size_t i = ARRAY_SIZE(names); i-- > 0;)
		assert_int_equal(fchmodat(dir, names[i], 0, 0), 0);
	remove_it("t");
}

/* Directories that are moved up get numbers: those may be taken. */
static void numbers_may_be_names(void **state)
{
	(void)state;
	char name[64];

	assert_int_equal(mkdirat(dir, "t", 0755), 0);
	make_file(dir, "t/0");
	for (int i = 1; i < 6; i++) {
		snprintf(name, sizeof(name), "t/%d", i);
		assert_int_equal(mkdirat(dir, name, 0755), 0);
		snprintf(name, sizeof(name), "t/%d/sub", i);
		assert_int_equal(mkdirat(dir, name, 0755), 0);
		snprintf(name, sizeof(name), "t/%d/sub/file", i);
		make_file(dir, name);
	}
	remove_it("t");
}

static void deep_trees_go(void **state)
{
	(void)state;
	int at = dup(dir);

	for (int i = 0; i < 2000; i++) {
		assert_int_equal(mkdirat(at, "d", 0755), 0);

		int next = openat(at, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		assert_true(next >= 0);
		close(at);
		at = next;
	}
	make_file(at, "file");
	close(at);
	remove_it("d");
}

static void a_huge_directory_goes(void **state)
{
	(void)state;
	char name[64];

	assert_int_equal(mkdirat(dir, "t", 0755), 0);
	assert_int_equal(mkdirat(dir, "t/d", 0755), 0);
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "t/%d", i);
		make_file(dir, name);
		snprintf(name, sizeof(name), "t/d/dir%d", i);
		assert_int_equal(mkdirat(dir, name, 0755), 0);
	}
	remove_it("t");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_and_links_go_and_not_what_links_lead_to),
		cmocka_unit_test(directories_nobody_may_enter_go),
		cmocka_unit_test(numbers_may_be_names),
		cmocka_unit_test(deep_trees_go),
		cmocka_unit_test(a_huge_directory_goes),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
