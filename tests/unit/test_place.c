/* SPDX-License-Identifier: Apache-2.0 */
#include "convert/place.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "sys/rmtree.h"
#include "unit.h"

/* What goes wrong when directories are renamed without an exchange */
static enum trouble { NOTHING, KILLED_BETWEEN, KILLED_REMOVING, TAKEN_FOR_DEAD } trouble;
static bool cannot_exchange;

static void bring_back_by_another(void);

/* As the C library's, but for file systems without RENAME_EXCHANGE. */
int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
	if (flags != 0 && cannot_exchange) {
		errno = EINVAL;
		return -1;
	}
	if (flags == 0 && trouble == KILLED_BETWEEN)
		_exit(9);
	if (flags == 0 && trouble == TAKEN_FOR_DEAD) {
		trouble = NOTHING;
		bring_back_by_another();
	}
	return (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
}

/* As the C library's, but it may kill us in an image. */
int unlinkat(int dir, const char *name, int flags)
{
	if (trouble == KILLED_REMOVING && strcmp(name, "usr") == 0)
		_exit(9);
	return (int)syscall(SYS_unlinkat, dir, name, flags);
}

static char top[] = "/tmp/test_place.XXXXXX", path[PATH_MAX];

/* An image whose "usr" is a file with TEXT */
static void fill(int root, const char *text)
{
	ch_auto(fd) int fd = -1;

	assert_int_equal(mkdirat(root, "bin", 0755), 0);
	assert_int_equal(mkdirat(root, "dev", 0755), 0);
	fd = openat(root, "usr", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static void make(const char *text, struct ch_err *err)
{
	ch_auto(place) struct ch_place place = CH_PLACE_INIT;

	assert_int_equal(ch_place_new(path, CH_PLACE_DIR, &place, err), 0);
	fill(place.fd, text);
	assert_int_equal(ch_place_commit(&place, err), 0);
}

/* Another one who makes it, up to where he looks for what is left over */
static void bring_back_by_another(void)
{
	ch_auto(place) struct ch_place place = CH_PLACE_INIT;
	struct ch_err err;

	assert_int_equal(ch_place_new(path, CH_PLACE_DIR, &place, &err), 0);
}

static void assert_image(const char *text)
{
	ch_auto(fd) int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ch_auto(fd) int fd = openat(dir, "usr", O_RDONLY | O_CLOEXEC);
	char got[16] = "";

	assert_true(read(fd, got, sizeof(got) - 1) >= 0);
	assert_string_equal(got, text);
}

/* How many entries the directory has, with "." and ".." */
static int count(void)
{
	ch_auto(dir) DIR *dir = opendir(top);
	int n = 0;

	while (readdir(NOT_NULL(dir)))
		n++;
	return n;
}

static int set_up(void **state)
{
	(void)state;
	memcpy(top + strlen(top) - 6, "XXXXXX", 6);
	trouble = NOTHING;
	cannot_exchange = false;
	if (!mkdtemp(top))
		return -1;
	snprintf(path, sizeof(path), "%s/image", top);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	ch_auto(fd) int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct ch_err err;

	return ch_rmtree(tmp, strrchr(top, '/') + 1, &err);
}

static void a_directory_is_replaced(void **state)
{
	(void)state;
	struct ch_err err;

	for (int i = 0; i < 2; i++) {
		cannot_exchange = i;
		make("old", &err);
		make("new", &err);

		assert_image("new");
		assert_int_equal(count(), 3);
	}
}

static void make_and_be_killed(enum trouble when)
{
	struct ch_err err;
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		trouble = when;
		make("new", &err);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 9);
}

/* The maker ends between its two renames. */
static void kill_between(void)
{
	make_and_be_killed(KILLED_BETWEEN);
	assert_int_equal(access(path, F_OK), -1);
}

static void without_an_exchange_what_was_there_comes_back(void **state)
{
	(void)state;
	ch_auto(place) struct ch_place place = CH_PLACE_INIT;
	struct ch_err err;

	cannot_exchange = true;
	make("old", &err);
	kill_between();

	/* The next one begins, and fails. */
	assert_int_equal(ch_place_new(path, CH_PLACE_DIR, &place, &err), 0);
	ch_place_done(&place);
	assert_image("old");
	assert_int_equal(count(), 3);

	kill_between();
	make("newer", &err);
	assert_image("newer");
	assert_int_equal(count(), 3);
}

static void without_an_exchange_it_is_still_there_for_who_keeps_it(void **state)
{
	(void)state;
	ch_auto(place) struct ch_place place = CH_PLACE_INIT;
	struct ch_err err;

	cannot_exchange = true;
	make("old", &err);
	kill_between();

	assert_int_equal(ch_place_new(path, CH_PLACE_DIR | CH_PLACE_KEEP, &place, &err), -EEXIST);
	assert_image("old");
}

/* Killed while the old one is removed: the one that is replaced, or with IS_LEFT, one that was left
 * when another was killed, and somebody else gave the image its name. */
static void nothing_half_removed_comes_back(bool is_left)
{
	ch_auto(place) struct ch_place place = CH_PLACE_INIT;
	char other[PATH_MAX + 8];
	struct ch_err err;

	snprintf(other, sizeof(other), "%s.moved", path);
	make("old", &err);
	if (is_left) {
		kill_between();
		assert_int_equal(mkdir(path, 0755), 0);
		/* What the killed one was making is removed. */
		assert_int_equal(ch_place_new(path, CH_PLACE_DIR, &place, &err), 0);
		ch_place_done(&place);
	}
	make_and_be_killed(KILLED_REMOVING);
	assert_int_equal(rename(path, other), 0);

	assert_int_equal(ch_place_new(path, CH_PLACE_DIR, &place, &err), 0);
	assert_int_equal(access(path, F_OK), -1);
	ch_place_done(&place);
	assert_int_equal(count(), 3);
	assert_int_equal(rename(other, path), 0);
}

static void without_an_exchange_nothing_half_removed_comes_back(void **state)
{
	(void)state;
	cannot_exchange = true;
	nothing_half_removed_comes_back(false);
	assert_image("new");
}

static void nor_does_what_another_one_has_left(void **state)
{
	(void)state;
	cannot_exchange = true;
	nothing_half_removed_comes_back(true);
}

static void who_is_taken_for_dead_tries_again(void **state)
{
	(void)state;
	struct ch_err err;

	cannot_exchange = true;
	make("old", &err);
	trouble = TAKEN_FOR_DEAD;
	make("new", &err);

	assert_int_equal(trouble, NOTHING);
	assert_image("new");
	assert_int_equal(count(), 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_directory_is_replaced),
		TEST(without_an_exchange_what_was_there_comes_back),
		TEST(without_an_exchange_it_is_still_there_for_who_keeps_it),
		TEST(without_an_exchange_nothing_half_removed_comes_back),
		TEST(nor_does_what_another_one_has_left),
		TEST(who_is_taken_for_dead_tries_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
