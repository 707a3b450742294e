/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/cache.h"
#include "cache/large.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "unit.h"
#include "cache_trees.h"

static int enter(void **state)
{
	static struct place place;

	place_enter(&place);
	*state = &place;
	return 0;
}

static int leave(void **state)
{
	place_leave(*state);
	return 0;
}

static void write_text(const char *path, const char *text)
{
	FILE *f = NOT_NULL(fopen(path, "we"));

	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

/* What the next commit of DIR reads. */
static uint64_t files_read(struct ch_cache *cache, const char *dir)
{
	struct ch_cache_report report = { 0 };
	struct ch_cache_image image;
	struct ch_cache_state state = { 0 };
	struct ch_oid commit;
	struct ch_err err;
	char stat_name[64];

	image_open(dir, &image, stat_name);

	struct ch_cache_new what = {
		.image = &image, .state = &state, .message = "RUN x", .config = ""
	};

	assert_int_equal(ch_cache_commit(cache, &what, &commit, &report, &err), 0);
	image_done(&image);
	return report.files;
}

/* ---- trees ---- */

static void any_tree_comes_back(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 8; seed++) {
		ch_auto(cache) struct ch_cache *cache = cache_open();
		unsigned random = seed * 7919;
		struct ch_oid commit;

		tree_make("a", &random, 150);
		assert_int_equal(commit_dir(cache, "a", NULL, (int)seed, &commit), 0);
		assert_true(git_is_content("storage"));
		assert_int_equal(checkout_dir(cache, "b", &commit), 0);
		assert_same_trees("a", "b");
		tree_remove("a");
		tree_remove("b");
		unlink("a.stat");
		unlink("b.stat");
	}
}

static void an_image_goes_from_state_to_state(void **state)
{
	(void)state;
	ch_auto(cache) struct ch_cache *cache = cache_open();
	struct ch_oid commits[6];
	unsigned seed = 42;
	char names[6][8];

	tree_make("work", &seed, 200);
	for (int i = 0; i < 6; i++) {
		if (i)
			tree_change("work", &seed, 40);
		assert_int_equal(
			commit_dir(cache, "work", i ? &commits[i - 1] : NULL, i, &commits[i]), 0);
		snprintf(names[i], sizeof(names[i]), "s%d", i);
		assert_int_equal(checkout_dir(cache, names[i], &commits[i]), 0);
		assert_same_trees("work", names[i]);
	}
	for (int i = 0; i < 12; i++) {
		int to = (i * 5 + i / 6) % 6;

		assert_int_equal(checkout_dir(cache, "out", &commits[to]), 0);
		assert_same_trees(names[to], "out");
		/* Also if somebody has been at it. */
		if (i % 3 == 0)
			tree_change("out", &seed, 10);
	}
	assert_true(git_is_content("storage"));
}

static void what_has_not_changed_is_not_read(void **state)
{
	(void)state;
	ch_auto(cache) struct ch_cache *cache = cache_open();
	struct timespec times[2];
	struct stat st;

	mkdir("a", 0755);
	write_text("a/one", "1");
	write_text("a/two", "2");
	usleep(50000);
	assert_int_equal(files_read(cache, "a"), 2);
	assert_int_equal(files_read(cache, "a"), 0);

	/* Another time: read, though it is the same. */
	assert_int_equal(utimensat(AT_FDCWD, "a/one", NULL, 0), 0);
	usleep(50000);
	assert_int_equal(files_read(cache, "a"), 1);
	assert_int_equal(files_read(cache, "a"), 0);

	/* The same time, size, and inode, but not the same. */
	assert_int_equal(stat("a/two", &st), 0);
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	write_text("a/two", "3");
	assert_int_equal(utimensat(AT_FDCWD, "a/two", times, 0), 0);
	usleep(50000);
	assert_int_equal(files_read(cache, "a"), 1);
	assert_int_equal(files_read(cache, "a"), 0);
}

static void what_changed_just_now_is_read_again(void **state)
{
	(void)state;
	ch_auto(cache) struct ch_cache *cache = cache_open();
	struct ch_oid commit;

	for (int i = 0; i < 20; i++) {
		char text[2] = { (char)('a' + i), 0 };

		tree_remove("a");
		mkdir("a", 0755);
		write_text("a/f", text);
		assert_int_equal(commit_dir(cache, "a", NULL, 2 * i, &commit), 0);
		text[0] = (char)('A' + i);
		write_text("a/f", text);
		assert_int_equal(commit_dir(cache, "a", NULL, 2 * i + 1, &commit), 0);
		assert_int_equal(checkout_dir(cache, "b", &commit), 0);
		assert_same_trees("a", "b");
	}
}

static void a_checked_out_image_is_known(void **state)
{
	(void)state;
	ch_auto(cache) struct ch_cache *cache = cache_open();
	unsigned seed = 5;
	struct ch_oid commit;

	tree_make("a", &seed, 100);
	assert_int_equal(commit_dir(cache, "a", NULL, 1, &commit), 0);
	assert_int_equal(checkout_dir(cache, "b", &commit), 0);
	assert_int_equal(files_read(cache, "b"), 0);
}

static void links_are_not_followed(void **state)
{
	(void)state;
	ch_auto(cache) struct ch_cache *cache = cache_open();
	struct ch_oid commit;

	mkdir("outside", 0755);
	write_text("outside/precious", "x");
	mkdir("a", 0755);
	mkdir("a/dir", 0755);
	write_text("a/dir/precious", "y");
	assert_int_equal(commit_dir(cache, "a", NULL, 1, &commit), 0);

	/* Where a directory is to be, there is a link to another one. */
	assert_int_equal(checkout_dir(cache, "b", &commit), 0);
	tree_remove("b/dir");
	assert_int_equal(symlink("../outside", "b/dir"), 0);
	assert_int_equal(checkout_dir(cache, "b", &commit), 0);
	assert_same_trees("a", "b");

	char text[4] = { 0 };
	FILE *f = NOT_NULL(fopen("outside/precious", "re"));

	assert_int_equal(fread(text, 1, 3, f), 1);
	fclose(f);
	assert_string_equal(text, "x");
}

/* In a child that is an ordinary user. Returns its exit status. */
static int as_user(int (*fn)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (geteuid() == 0 &&
		    (setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0))
			_exit(100);
		_exit(fn());
	}
	waitpid(pid, &status, 0);
	return status;
}

static int commit_and_check_out(void)
{
	ch_auto(cache) struct ch_cache *cache = NULL;
	unsigned seed = 11;
	struct ch_oid commit;

	if (mkdir("u", 0755) < 0 || chdir("u") < 0 || mkdir("storage", 0755) < 0)
		return 1;
	cache = cache_open();
	tree_make("a", &seed, 200);
	mkdir("a/closed", 0755);
	mkdir("a/closed/in", 0755);
	write_text("a/closed/in/file", "x");
	chmod("a/closed/in/file", 0);
	chmod("a/closed/in", 0);
	chmod("a/closed", 0);
	if (commit_dir(cache, "a", NULL, 1, &commit) < 0)
		return 2;

	struct stat st;

	if (stat("a/closed", &st) < 0 || (st.st_mode & 07777) != 0)
		return 3;
	if (checkout_dir(cache, "b", &commit) < 0)
		return 4;
	if (stat("b/closed", &st) < 0 || (st.st_mode & 07777) != 0)
		return 5;
	/* What is in there is removed as well. */
	chmod("a/closed", 0700);
	chmod("a/closed/in", 0700);
	unlink("a/closed/in/file");
	if (commit_dir(cache, "a", NULL, 2, &commit) < 0 || checkout_dir(cache, "b", &commit) < 0)
		return 6;
	return access("b/closed/in", X_OK) == 0 && access("b/closed/in/file", F_OK) < 0 ? 0 : 7;
}

static void what_the_owner_may_not_read_is_kept(void **state)
{
	(void)state;
	chmod(".", 0777);
	assert_int_equal(as_user(commit_and_check_out), 0);
}

static void devices_and_sockets_are_left_out(void **state)
{
	(void)state;
	ch_auto(cache) struct ch_cache *cache = cache_open();
	struct ch_cache_report report;
	struct ch_cache_state none = { 0 };
	struct ch_cache_image image;
	struct ch_oid commit;
	struct ch_err err;
	char stat_name[64];

	mkdir("a", 0755);
	write_text("a/x", "x");
	assert_int_equal(mknod("a/socket", S_IFSOCK | 0644, 0), 0);
	bool has_device = mknod("a/null", S_IFCHR | 0644, 0x103) == 0;

	image_open("a", &image, stat_name);

	struct ch_cache_new what = {
		.image = &image, .state = &none, .message = "RUN x", .config = ""
	};

	assert_int_equal(ch_cache_commit(cache, &what, &commit, &report, &err), 0);
	assert_int_equal(report.sockets, 1);
	assert_int_equal(report.devices, has_device);

	/* A check-out removes them. */
	assert_int_equal(ch_cache_checkout(cache, &commit, &image, &report, &err), 0);
	image_done(&image);
	assert_int_equal(access("a/socket", F_OK), -1);
	assert_int_equal(access("a/null", F_OK), -1);
	assert_int_equal(access("a/x", F_OK), 0);
}

static void large_files_are_kept_beside(void **state)
{
	(void)state;
	ch_auto(fd) int storage = open("storage", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct ch_cache_options options = { .large = 10000 };
	ch_auto(cache) struct ch_cache *cache = NULL;
	unsigned seed = 77;
	struct ch_oid commit;
	struct ch_err err;

	assert_int_equal(ch_cache_open(storage, &options, &cache, &err), 0);
	tree_make("a", &seed, 150);
	assert_int_equal(commit_dir(cache, "a", NULL, 1, &commit), 0);
	assert_int_equal(checkout_dir(cache, "b", &commit), 0);
	assert_same_trees("a", "b");
	assert_true(git_is_content("storage"));
	assert_int_equal(files_read(cache, "b"), 0);
}

/* A file of SIZE bytes, with an x at AT, a hole else; or zeros. Returns what identifies it. */
static void make_hole(const char *path, off_t size, off_t at, bool is_written,
		      uint8_t ret[CH_LARGE_BYTES])
{
	ch_auto(fd) int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	struct ch_err err;

	assert_int_equal(ftruncate(fd, size), 0);
	for (off_t i = 0; is_written && i < size; i++)
		assert_int_equal(pwrite(fd, "", 1, i), 1);
	assert_int_equal(pwrite(fd, "x", 1, at), 1);
	assert_int_equal(ch_large_hash(fd, (uint64_t)size, ret, &err), 0);
}

static void holes_are_kept_and_take_no_time(void **state)
{
	(void)state;
	const off_t large = 1LL << 40;
	uint8_t hole[CH_LARGE_BYTES], zeros[CH_LARGE_BYTES], other[CH_LARGE_BYTES];
	ch_auto(cache) struct ch_cache *cache = cache_open();
	struct ch_oid commit;
	struct stat st;

	make_hole("hole", 300000, 200000, false, hole);
	make_hole("zeros", 300000, 200000, true, zeros);
	assert_memory_equal(hole, zeros, sizeof(hole));
	make_hole("longer", 400000, 200000, false, other);
	assert_memory_not_equal(hole, other, sizeof(hole));
	make_hole("elsewhere", 300000, 100000, false, other);
	assert_memory_not_equal(hole, other, sizeof(hole));

	assert_int_equal(mkdir("a", 0755), 0);
	make_hole("a/large", large, large / 2, false, other);
	assert_int_equal(commit_dir(cache, "a", NULL, 1, &commit), 0);
	assert_int_equal(checkout_dir(cache, "b", &commit), 0);
	assert_int_equal(stat("b/large", &st), 0);
	assert_int_equal(st.st_size, large);
	assert_in_range(st.st_blocks, 1, 64);

	ch_auto(fd) int fd = open("b/large", O_RDONLY | O_CLOEXEC);
	char x = '\0';

	assert_int_equal(pread(fd, &x, 1, large / 2), 1);
	assert_int_equal(x, 'x');
}

/* ---- states, commits, branches ---- */

static void states_are_found(void **state)
{
	(void)state;
	ch_auto(cache) struct ch_cache *cache = cache_open();
	struct ch_cache_part parts[2] = { { "ab", 2 }, { "c", 1 } };
	struct ch_cache_part others[2] = { { "a", 1 }, { "bc", 2 } };
	struct ch_cache_state one, two;
	struct ch_oid commit, found;
	struct ch_err err;

	assert_int_equal(ch_cache_state_make(NULL, parts, 2, &one, &err), 0);
	assert_int_equal(ch_cache_state_make(NULL, others, 2, &two, &err), 0);
	assert_memory_not_equal(&one, &two, sizeof(one));

	/* Nothing is made by a look. */
	assert_int_equal(ch_cache_lookup(cache, &one, &found, &err), 0);
	assert_int_equal(access("storage/" CH_CACHE_DIR, F_OK), -1);

	struct ch_cache_new what = { .state = &one, .message = "ROOT", .config = "{}\n" };

	assert_int_equal(ch_cache_commit(cache, &what, &commit, NULL, &err), 0);
	assert_int_equal(ch_cache_lookup(cache, &one, &found, &err), 1);
	assert_true(ch_oid_is_equal(&commit, &found));
	assert_int_equal(ch_cache_lookup(cache, &two, &found, &err), 0);
}

static void another_process_sees_new_states(void **state)
{
	(void)state;
	ch_auto(cache) struct ch_cache *cache = cache_open();
	ch_auto(cache) struct ch_cache *other = cache_open();
	ch_auto(cache_info) struct ch_cache_info info = { 0 };
	struct ch_oid first, second;
	struct ch_err err;

	mkdir("a", 0755);
	assert_int_equal(commit_dir(cache, "a", NULL, 1, &first), 0);
	assert_int_equal(checkout_dir(other, "b", &first), 0);
	write_text("a/new", "new");
	assert_int_equal(commit_dir(cache, "a", &first, 2, &second), 0);
	assert_int_equal(ch_cache_read(other, &second, &info, &err), 0);
	assert_int_equal(ch_cache_lookup(other, &info.state, &first, &err), 1);
	assert_int_equal(checkout_dir(other, "b", &second), 0);
	assert_same_trees("a", "b");
}

static void commits_say_what_they_are(void **state)
{
	(void)state;
	ch_auto(cache) struct ch_cache *cache = cache_open();
	ch_auto(cache_info) struct ch_cache_info info = { 0 };
	const struct ch_cache_state none = { { 1, 2, 3 } };
	struct ch_oid parent, commit;
	struct ch_err err;
	struct ch_cache_new what = { .state = &none,
				     .message = "RUN <<EOF\ntree x\n\nState: 1\n",
				     .config = "{\"a\": 1}" };

	mkdir("a", 0755);
	write_text("a/x", "x");
	assert_int_equal(commit_dir(cache, "a", NULL, 1, &parent), 0);
	what.parent = &parent;
	assert_int_equal(ch_cache_commit(cache, &what, &commit, NULL, &err), 0);
	assert_int_equal(ch_cache_read(cache, &commit, &info, &err), 0);
	assert_string_equal(info.message, what.message);
	assert_string_equal(info.config, what.config);
	assert_true(info.has_parent && ch_oid_is_equal(&info.parent, &parent));
	assert_memory_equal(&info.state, &none, sizeof(none));
	assert_true(info.time > 1000000000);

	/* It has its parent's files. */
	assert_int_equal(checkout_dir(cache, "b", &commit), 0);
	assert_same_trees("a", "b");
	assert_true(git_is_content("storage"));
}

static const char *const branch_names[] = {
	"alpine:3.9", "host:5000/a/b:c", "a@sha256:0123", "-x", ".x", "x.",   "x..y", "x.lock",
	"@",	      "foo_stage1",	 "A B\n\xff",	  "%+", "=",  "a%2f",
};

static void branches_have_any_name(void **state)
{
	(void)state;
	ch_auto(cache) struct ch_cache *cache = cache_open();
	ch_auto(cache_branches) struct ch_cache_branches all = { 0 };
	struct ch_oid commit, got;
	struct ch_err err;

	mkdir("a", 0755);
	assert_int_equal(commit_dir(cache, "a", NULL, 1, &commit), 0);
	for (size_t i = 0; i < ARRAY_SIZE(branch_names); i++) {
		assert_int_equal(ch_cache_branch_get(cache, branch_names[i], &got, &err), 0);
		assert_int_equal(ch_cache_branch_set(cache, branch_names[i], &commit, &err), 0);
		assert_int_equal(ch_cache_branch_get(cache, branch_names[i], &got, &err), 1);
		assert_true(ch_oid_is_equal(&got, &commit));
	}
	assert_true(git_is_content("storage"));
	assert_int_equal(ch_cache_branches(cache, false, &all, &err), 0);
	assert_int_equal(all.n, ARRAY_SIZE(branch_names));
	for (size_t i = 0; i < ARRAY_SIZE(branch_names); i++) {
		size_t k = 0;

		while (k < all.n && strcmp(all.list[k].name, branch_names[i]) != 0)
			k++;
		assert_true(k < all.n);
	}
	assert_int_equal(ch_cache_branch_set(cache, "", &commit, &err), -EINVAL);
}

static void deleted_branches_come_back(void **state)
{
	(void)state;
	ch_auto(cache) struct ch_cache *cache = cache_open();
	ch_auto(cache_branches) struct ch_cache_branches gone = { 0 };
	struct ch_oid commit, got;
	struct ch_err err;

	mkdir("a", 0755);
	assert_int_equal(commit_dir(cache, "a", NULL, 1, &commit), 0);
	assert_int_equal(ch_cache_branch_delete(cache, "x", &err), 0);
	assert_int_equal(ch_cache_branch_set(cache, "x", &commit, &err), 0);
	assert_int_equal(ch_cache_branch_undelete(cache, "x", &got, &err), -EEXIST);
	assert_int_equal(ch_cache_branch_delete(cache, "x", &err), 1);
	assert_int_equal(ch_cache_branch_get(cache, "x", &got, &err), 0);
	assert_int_equal(ch_cache_branches(cache, true, &gone, &err), 0);
	assert_int_equal(gone.n, 1);
	assert_int_equal(ch_cache_branch_undelete(cache, "x", &got, &err), 1);
	assert_int_equal(ch_cache_branch_undelete(cache, "y", &got, &err), 0);
	assert_int_equal(ch_cache_branch_get(cache, "x", &got, &err), 1);
	assert_true(ch_oid_is_equal(&got, &commit));
}

/* Run git(1) in the cache. Returns false if there is none. */
static bool git(const char *a, const char *b, const char *c)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		execlp("git", "git", "-c", "safe.directory=*", "-C", "storage/" CH_CACHE_DIR, a, b,
		       c, NULL);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	return status == 0;
}

static void a_cache_that_git_has_repacked_is_read(void **state)
{
	(void)state;
	ch_auto(cache) struct ch_cache *cache = cache_open();
	struct ch_oid commits[3], got;
	unsigned seed = 3;
	struct ch_err err;

	for (int i = 0; i < 3; i++) {
		i ? tree_change("a", &seed, 30) : tree_make("a", &seed, 150);
		assert_int_equal(commit_dir(cache, "a", i ? &commits[i - 1] : NULL, i, &commits[i]),
				 0);
	}
	assert_int_equal(ch_cache_branch_set(cache, "x", &commits[2], &err), 0);
	ch_cache_close(ch_take(cache));
	if (!git("gc", "--quiet", "--prune=now"))
		skip();

	/* Objects are differences now, and branches lines of a file. */
	cache = cache_open();
	assert_int_equal(access("storage/" CH_CACHE_DIR "/packed-refs", F_OK), 0);
	assert_int_equal(ch_cache_branch_get(cache, "x", &got, &err), 1);
	assert_int_equal(checkout_dir(cache, "b", &got), 0);
	assert_same_trees("a", "b");
	assert_int_equal(ch_cache_branch_delete(cache, "x", &err), 1);
	assert_int_equal(ch_cache_branch_get(cache, "x", &got, &err), 0);
	assert_true(git_is_content("storage"));
}

static void a_strange_directory_is_refused(void **state)
{
	(void)state;
	ch_auto(cache) struct ch_cache *cache = cache_open();
	struct ch_oid commit;
	struct ch_err err;

	mkdir("storage/" CH_CACHE_DIR, 0755);
	mkdir("a", 0755);
	assert_int_equal(commit_dir(cache, "a", NULL, 1, &commit), -EPROTO);

	ch_auto(fd) int storage = open("storage", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_int_equal(ch_cache_reset(storage, &err), 0);
	assert_int_equal(commit_dir(cache, "a", NULL, 1, &commit), 0);
	assert_int_equal(ch_cache_reset(storage, &err), -EBUSY);
	ch_cache_close(ch_take(cache));
	assert_int_equal(ch_cache_reset(storage, &err), 0);
	assert_int_equal(access("storage/" CH_CACHE_DIR, F_OK), -1);
}

#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, enter, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_PLACE(any_tree_comes_back),
		IN_PLACE(an_image_goes_from_state_to_state),
		IN_PLACE(what_has_not_changed_is_not_read),
		IN_PLACE(what_changed_just_now_is_read_again),
		IN_PLACE(a_checked_out_image_is_known),
		IN_PLACE(links_are_not_followed),
		IN_PLACE(what_the_owner_may_not_read_is_kept),
		IN_PLACE(devices_and_sockets_are_left_out),
		IN_PLACE(large_files_are_kept_beside),
		IN_PLACE(holes_are_kept_and_take_no_time),
		IN_PLACE(states_are_found),
		IN_PLACE(another_process_sees_new_states),
		IN_PLACE(commits_say_what_they_are),
		IN_PLACE(branches_have_any_name),
		IN_PLACE(deleted_branches_come_back),
		IN_PLACE(a_cache_that_git_has_repacked_is_read),
		IN_PLACE(a_strange_directory_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
