/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "cache/cache.h"
#include "cache_trees.h"
#include "hash/hash.h"
#include "sys/userns.h"
#include "unit.h"

#define KILLS  10
#define STATES "storage/" CH_CACHE_DIR "/refs/charlie/states"

/* Instead of the C library's: commits are ordered by seconds, and the clock is set, not waited
 * for. */
static time_t ahead;

time_t time(time_t *ret)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	now.tv_sec += ahead;
	if (ret)
		*ret = now.tv_sec;
	return now.tv_sec;
}

static int enter(void **state)
{
	static struct place place;

	place_enter_memory(&place);
	*state = &place;
	return 0;
}

static int leave(void **state)
{
	place_leave(*state);
	return 0;
}

static void print_fault(enum ch_level level, const char *line, void *data)
{
	(void)level;
	(void)data;
	print_message("fault: %s\n", line);
}

static const struct ch_teller teller = { .sink = print_fault };

static void assert_is_right(struct ch_cache *cache)
{
	struct ch_err err;

	assert_int_equal(ch_cache_verify(cache, &teller, &err), 0);
	assert_true(git_is_content("storage"));
}

/* States 0 to N - 1, each with a changed tree, on branches "b0", "b1", ...; the trees stay as
 * "t0", "t1", ... */
static void make_states(struct ch_cache *cache, int n, struct ch_oid *commits)
{
	unsigned seed = 99;
	struct ch_err err;
	char name[16];

	tree_make("work", &seed, 120);
	for (int i = 0; i < n; i++) {
		if (i)
			tree_change("work", &seed, 30);
		assert_int_equal(
			commit_dir(cache, "work", i ? &commits[i - 1] : NULL, i, &commits[i]), 0);
		snprintf(name, sizeof(name), "b%d", i);
		assert_int_equal(ch_cache_branch_set(cache, name, &commits[i], &err), 0);
		snprintf(name, sizeof(name), "t%d", i);
		assert_int_equal(checkout_dir(cache, name, &commits[i]), 0);
	}
}

static int look_up(struct ch_cache *cache, int n)
{
	struct ch_cache_part part = { &n, sizeof(n) };
	struct ch_cache_state state;
	struct ch_oid commit;
	struct ch_err err;

	assert_int_equal(ch_cache_state_make(NULL, &part, 1, &state, &err), 0);
	return ch_cache_lookup(cache, &state, &commit, &err);
}

/* ---- collect ---- */

static void garbage_is_collected(void **state)
{
	(void)state;
	ch_auto(cache) struct ch_cache *cache = cache_open();
	struct ch_cache_gained gained;
	struct ch_cache_stats stats;
	struct ch_oid commits[5];
	struct ch_err err;

	make_states(cache, 5, commits);
	for (int i = 2; i < 5; i++) {
		char name[3] = { 'b', (char)('0' + i), 0 };

		assert_int_equal(ch_cache_branch_delete(cache, name, &err), 1);
	}

	/* Deleted branches still hold theirs. */
	assert_int_equal(ch_cache_collect(cache, &(struct ch_cache_gc){ 0 }, &gained, &err), 0);
	assert_int_equal(gained.states, 0);
	assert_int_equal(ch_cache_stats(cache, &stats, &err), 0);
	assert_int_equal(stats.packs, 1);
	assert_int_equal(stats.commits, 5);
	assert_int_equal(stats.deleted, 3);

	const struct ch_cache_gc all = { .drop_deleted = true };

	assert_int_equal(ch_cache_collect(cache, &all, &gained, &err), 0);
	assert_int_equal(gained.states, 3);
	assert_true(gained.objects > 0 && gained.after < gained.before);
	assert_int_equal(ch_cache_stats(cache, &stats, &err), 0);
	assert_int_equal(stats.commits, 2);
	assert_int_equal(stats.states, 2);
	for (int i = 0; i < 5; i++)
		assert_int_equal(look_up(cache, i), i < 2);
	assert_is_right(cache);
	assert_int_equal(checkout_dir(cache, "out", &commits[1]), 0);
	assert_same_trees("t1", "out");

	/* The stat file of an image may know what is gone. */
	assert_int_equal(commit_dir(cache, "work", &commits[1], 7, &commits[2]), 0);
	assert_int_equal(checkout_dir(cache, "out", &commits[2]), 0);
	assert_same_trees("work", "out");
	assert_is_right(cache);
}

static int make_old(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	const struct timespec times[2] = { { .tv_sec = st->st_mtime - 1 },
					   { .tv_sec = st->st_mtime - 1 } };

	(void)ftw;
	return type == FTW_F ? utimensat(AT_FDCWD, path, times, 0) : 0;
}

static void what_was_not_used_longest_goes_first(void **state)
{
	(void)state;
	ch_auto(cache) struct ch_cache *cache = cache_open();
	struct ch_cache_gc how = { .keep_states = true };
	struct ch_cache_stats stats;
	struct ch_oid commit;
	struct ch_err err;
	char text[300000];
	FILE *f;

	mkdir("a", 0755);
	for (int i = 0; i < 4; i++) {
		memset(text, 0, sizeof(text));
		text[0] = (char)i;
		f = NOT_NULL(fopen("a/f", "we"));
		assert_int_equal(fwrite(text, sizeof(text), 1, f), 1);
		assert_int_equal(fclose(f), 0);
		assert_int_equal(commit_dir(cache, "a", NULL, i, &commit), 0);
	}
	assert_int_equal(nftw(STATES, make_old, 20, FTW_PHYS), 0);
	assert_int_equal(look_up(cache, 1), 1);
	assert_int_equal(ch_cache_collect(cache, &how, NULL, &err), 0);
	assert_int_equal(ch_cache_stats(cache, &stats, &err), 0);
	assert_int_equal(stats.states, 4);
	how.max = 400000;
	assert_int_equal(ch_cache_collect(cache, &how, NULL, &err), 0);
	assert_int_equal(ch_cache_stats(cache, &stats, &err), 0);
	assert_int_equal(stats.states, 1);
	assert_int_equal(look_up(cache, 1), 1);
	assert_is_right(cache);
}

static void many_small_packs_become_one(void **state)
{
	(void)state;
	ch_auto(cache) struct ch_cache *cache = cache_open();
	struct ch_cache_stats stats;
	struct ch_oid commit;
	struct ch_err err;

	mkdir("a", 0755);
	for (int i = 0; i < 52; i++) {
		mkfifo("a/x", 0644);
		assert_int_equal(commit_dir(cache, "a", NULL, i, &commit), 0);
		unlink("a/x");
	}
	assert_int_equal(ch_cache_tidy(cache, 0, &err), 0);
	assert_int_equal(ch_cache_stats(cache, &stats, &err), 0);
	assert_int_equal(stats.packs, 1);
	assert_int_equal(stats.states, 52);
	assert_is_right(cache);
}

static void large_files_are_collected(void **state)
{
	(void)state;
	ch_auto(fd) int storage = open("storage", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct ch_cache_options options = { .large = 1000 };
	ch_auto(cache) struct ch_cache *cache = NULL;
	struct ch_cache_stats stats;
	struct ch_oid commits[3];
	struct ch_err err;

	assert_int_equal(ch_cache_open(storage, &options, &cache, &err), 0);
	make_states(cache, 3, commits);
	assert_int_equal(ch_cache_stats(cache, &stats, &err), 0);
	assert_true(stats.large > 0 && stats.bytes_large > 0);
	assert_int_equal(ch_cache_collect(cache, &(struct ch_cache_gc){ 0 }, NULL, &err), 0);
	assert_int_equal(checkout_dir(cache, "out", &commits[2]), 0);
	assert_same_trees("t2", "out");
	assert_is_right(cache);

	for (int i = 0; i < 3; i++) {
		char name[3] = { 'b', (char)('0' + i), 0 };

		assert_int_equal(ch_cache_branch_delete(cache, name, &err), 1);
	}
	const struct ch_cache_gc all = { .drop_deleted = true };

	assert_int_equal(ch_cache_collect(cache, &all, NULL, &err), 0);
	assert_int_equal(ch_cache_stats(cache, &stats, &err), 0);
	assert_int_equal(stats.large, 0);
	assert_int_equal(stats.commits, 0);
}

/* As the first caches named them: zeros count like all else. */
static void large_files_of_old_are_right(void **state)
{
	(void)state;
	static uint8_t data[200000];
	static const char dir[] = "storage/" CH_CACHE_DIR "/charlie/large";
	ch_auto(cache) struct ch_cache *cache = cache_open();
	ch_auto(hash) struct ch_hash hash = { 0 };
	uint8_t bytes[CH_SHA256_BYTES];
	char hex[CH_SHA256_HEX], path[PATH_MAX];
	struct ch_oid commits[1];
	struct ch_err err;

	make_states(cache, 1, commits);
	memcpy(data, "data", 4);
	assert_int_equal(ch_hash_start(&hash, CH_SHA256, &err), 0);
	ch_hash_more(&hash, data, sizeof(data));
	ch_hash_end(&hash, bytes);
	ch_hash_hex(bytes, sizeof(bytes), hex);
	snprintf(path, sizeof(path), "%s/%.2s", dir, hex);
	assert_int_equal(mkdir(path, 0755), 0);
	snprintf(path, sizeof(path), "%s/%.2s/%s", dir, hex, hex + 2);

	ch_auto(fd) int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	assert_int_equal(write(fd, data, sizeof(data)), sizeof(data));
	assert_int_equal(ch_cache_verify(cache, &teller, &err), 0);
	assert_int_equal(pwrite(fd, "x", 1, 100000), 1);
	assert_int_equal(ch_cache_verify(cache, &teller, &err), 1);
}

/* ---- with others ---- */

/* In a child. */
static pid_t start(void (*fn)(int), int n)
{
	pid_t pid = fork();

	if (pid == 0) {
		fn(n);
		_exit(0);
	}
	return pid;
}

static int end(pid_t pid)
{
	int status;

	waitpid(pid, &status, 0);
	return status;
}

static void commit_some(int n)
{
	char name[16];
	unsigned seed = (unsigned)n;
	struct ch_oid commit;
	struct ch_err err;

	snprintf(name, sizeof(name), "w%d", n);
	tree_make(name, &seed, 30);
	for (int i = 0; i < 8; i++) {
		ch_auto(cache) struct ch_cache *cache = cache_open();
		struct ch_oid parent;
		int has = ch_cache_branch_get(cache, name, &parent, &err);

		tree_change(name, &seed, 5);
		if (has < 0 ||
		    commit_dir(cache, name, has ? &parent : NULL, 100 * n + i, &commit) < 0 ||
		    ch_cache_branch_set(cache, name, &commit, &err) < 0)
			_exit(1);
	}
}

static void others_commit_while_garbage_is_collected(void **state)
{
	(void)state;
	ch_auto(cache) struct ch_cache *cache = cache_open();
	const struct ch_cache_gc how = { .drop_deleted = true };
	struct ch_oid commits[2], got;
	pid_t pids[3];
	struct ch_err err;
	int collected = 0;

	make_states(cache, 2, commits);
	/* As if it were another process: this handle holds the lock. */
	ch_cache_close(ch_take(cache));
	for (int i = 0; i < 3; i++)
		pids[i] = start(commit_some, i);
	/* On a busy machine, not before they have ended. */
	for (int i = 0; i < 60 || (collected == 0 && i < 6000); i++) {
		ch_auto(cache) struct ch_cache *mine = cache_open();
		int rc = ch_cache_collect(mine, &how, NULL, &err);

		assert_true(rc == 0 || rc == -EBUSY);
		collected += rc == 0;
		usleep(2000);
	}
	for (int i = 0; i < 3; i++)
		assert_int_equal(end(pids[i]), 0);
	assert_true(collected > 0);
	cache = cache_open();
	assert_is_right(cache);
	for (int i = 0; i < 3; i++) {
		char name[16], out[16];

		snprintf(name, sizeof(name), "w%d", i);
		snprintf(out, sizeof(out), "o%d", i);
		assert_int_equal(ch_cache_branch_get(cache, name, &got, &err), 1);
		assert_int_equal(checkout_dir(cache, out, &got), 0);
		assert_same_trees(name, out);
	}
}

static void a_cache_in_use_is_not_collected(void **state)
{
	(void)state;
	ch_auto(cache) struct ch_cache *cache = cache_open();
	ch_auto(cache) struct ch_cache *other = cache_open();
	struct ch_oid commits[2];
	struct ch_err err;

	make_states(cache, 2, commits);
	assert_int_equal(look_up(other, 0), 1);
	assert_int_equal(ch_cache_collect(cache, &(struct ch_cache_gc){ 0 }, NULL, &err), -EBUSY);
	ch_cache_close(ch_take(other));
	assert_int_equal(ch_cache_collect(cache, &(struct ch_cache_gc){ 0 }, NULL, &err), 0);
}

static char noted[128];

static void note(enum ch_level level, const char *line, void *data)
{
	(void)level;
	(void)data;
	snprintf(noted, sizeof(noted), "%s", line);
}

/* DATA: how often before that is so; NULL: it never is. */
static bool is_tired(void *data)
{
	int *left = data;

	return left && (*left)-- == 0;
}

static struct ch_cache *open_patiently(int *tired)
{
	const struct ch_cache_options options = {
		.waiter = { { .sink = note }, is_tired, tired, 100 }
	};
	ch_auto(fd) int storage = open("storage", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct ch_cache *cache = NULL;
	struct ch_err err;

	noted[0] = '\0';
	assert_int_equal(ch_cache_open(storage, &options, &cache, &err), 0);
	return NOT_NULL(cache);
}

static void sleep_us(int us)
{
	usleep((useconds_t)us);
}

static void who_waits_for_a_collection_says_so_and_can_be_ended(void **state)
{
	(void)state;
	ch_auto(cache) struct ch_cache *cache = cache_open();
	ch_auto(cache) struct ch_cache *patient = NULL, *impatient = NULL;
	struct ch_oid commits[1];
	int tired = 2;

	make_states(cache, 1, commits);
	ch_cache_close(ch_take(cache));

	int lock = open("storage/" CH_CACHE_DIR "/charlie/lock", O_RDWR);

	assert_int_equal(flock(lock, LOCK_EX), 0);
	impatient = open_patiently(&tired);
	assert_int_equal(look_up(impatient, 0), -EINTR);
	assert_string_equal(noted, "waiting: somebody tidies the build cache up");

	/* A child has the lock, too, until it ends. */
	pid_t pid = start(sleep_us, 250000);

	close(lock);
	patient = open_patiently(NULL);
	assert_int_equal(look_up(patient, 0), 1);
	assert_string_equal(noted, "waiting: somebody tidies the build cache up");
	assert_int_equal(end(pid), 0);
}

/* ---- killed ---- */

static int left_over;

static int count_temp(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	left_over += strncmp(path + ftw->base, "tmp_", 4) == 0;
	return 0;
}

static int count_left_over(const char *dir)
{
	left_over = 0;
	nftw(dir, count_temp, 20, FTW_PHYS);
	return left_over;
}

static void work_for_ever(int n)
{
	unsigned seed = (unsigned)n;
	const struct ch_cache_gc how = { .keep_states = true };

	for (int i = 0;; i++) {
		ch_auto(cache) struct ch_cache *cache = cache_open();
		struct ch_oid commit;
		struct ch_err err;

		tree_change("work", &seed, 10);
		if (commit_dir(cache, "work", NULL, 1000 * n + i, &commit) < 0 ||
		    ch_cache_branch_set(cache, "k", &commit, &err) < 0 ||
		    checkout_dir(cache, "out", &commit) < 0 ||
		    (i % 4 == 3 && ch_cache_collect(cache, &how, NULL, &err) < 0))
			_exit(1);
	}
}

static void who_is_killed_leaves_a_cache_that_works(void **state)
{
	(void)state;
	ch_auto(cache) struct ch_cache *cache = cache_open();
	unsigned seed = (unsigned)time(NULL);
	struct ch_oid commits[2], last;
	struct ch_err err;

	make_states(cache, 2, commits);
	ch_cache_close(ch_take(cache));
	for (int i = 0; i < KILLS; i++) {
		pid_t pid = start(work_for_ever, i + 1);

		usleep((useconds_t)rand_r(&seed) % 60000);
		kill(pid, SIGKILL);
		assert_int_equal(end(pid), SIGKILL);
		cache = cache_open();
		for (int k = 0; k < 2; k++)
			assert_int_equal(look_up(cache, k), 1);
		assert_int_equal(checkout_dir(cache, "out", &commits[1]), 0);
		assert_same_trees("t1", "out");
		if (ch_cache_branch_get(cache, "k", &last, &err) == 1)
			assert_int_equal(checkout_dir(cache, "out", &last), 0);
		assert_int_equal(commit_dir(cache, "work", NULL, 5000 + i, &last), 0);
		ch_cache_close(ch_take(cache));
	}
	cache = cache_open();
	assert_is_right(cache);
	/* Nothing is left over. */
	assert_int_equal(count_left_over("storage/" CH_CACHE_DIR), 0);
}

/* ---- no room ---- */

static void fill_up(int n)
{
	ch_auto(cache) struct ch_cache *cache = NULL;
	struct ch_oid commits[2], commit;
	unsigned seed = 123;
	struct ch_err err;
	int failed = 0, i = 0;

	(void)n;
	if (ch_userns_new(0, 0, &err) < 0 || ch_mntns_new(&err) < 0 ||
	    mount("none", "storage", "tmpfs", 0, "size=3m") < 0)
		_exit(77);
	cache = cache_open();
	make_states(cache, 2, commits);
	for (; i < 200 && !failed; i++) {
		tree_make("more", &seed, 60);

		int rc = commit_dir(cache, "more", NULL, 10 + i, &commit);

		if (rc < 0 && rc != -ENOSPC)
			_exit(1);
		failed = rc == -ENOSPC;
		tree_remove("more");
	}
	if (!failed || look_up(cache, 10 + i - 1) != 0)
		_exit(2);
	/* Nothing is half made, and what was there is right. */
	if (ch_cache_verify(cache, &teller, &err) != 0 || !git_is_content("storage") ||
	    count_left_over("storage/" CH_CACHE_DIR) != 0)
		_exit(3);
	if (checkout_dir(cache, "out", &commits[1]) < 0 || look_up(cache, 1) != 1)
		_exit(4);
	umount2("storage", MNT_DETACH);
}

static void a_full_disk_loses_nothing(void **state)
{
	(void)state;
	int status = end(start(fill_up, 0));

	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(status, 0);
}

/* ---- look ---- */

static void made(struct ch_cache *cache, const struct ch_oid *parent, int n, const char *message,
		 const char *branch, struct ch_oid *ret)
{
	struct ch_cache_state state = { { (uint8_t)n } };
	struct ch_cache_new what = {
		.parent = parent, .state = &state, .message = message, .config = "{}"
	};
	struct ch_err err;

	assert_int_equal(ch_cache_commit(cache, &what, ret, NULL, &err), 0);
	if (branch)
		assert_int_equal(ch_cache_branch_set(cache, branch, ret, &err), 0);
}

/* The example of the manual. */
static void trees_are_drawn(void **state)
{
	(void)state;
	ch_auto(cache) struct ch_cache *cache = cache_open();
	ch_auto(str) char *text = NULL;
	ch_auto(str) char *dot = NULL;
	ch_auto(str) char *more = NULL;
	struct ch_oid root, pull, foo, bar, qux;
	struct ch_err err;

	made(cache, NULL, 1, "ROOT", "root", &root);
	made(cache, &root, 2, "PULL alpine:3.9", "alpine:3.9", &pull);
	made(cache, &pull, 3, "RUN echo foo\nmore", NULL, &foo);
	made(cache, &foo, 4, "RUN echo \"bar\"", "a", &bar);
	ahead = 1;
	made(cache, &foo, 5, "RUN echo qux", "c", &qux);
	assert_int_equal(ch_cache_tree(cache, false, &text, &err), 0);
	assert_string_equal(text, "*  (c) RUN echo qux\n"
				  "| *  (a) RUN echo \"bar\"\n"
				  "|/\n"
				  "*  RUN echo foo\n"
				  "*  (alpine+3.9) PULL alpine:3.9\n"
				  "*  (HEAD -> root) ROOT\n");
	assert_int_equal(ch_cache_tree(cache, true, &more, &err), 0);
	assert_non_null(strstr(more, "| |  state  0400000000000000"));
	assert_int_equal(ch_cache_dot(cache, &dot, &err), 0);
	ahead = 0;
	assert_non_null(strstr(dot, "[label=\"a\nRUN echo \\\"bar\\\"\"];"));
}

static int damage(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	size_t len = strlen(path);

	(void)type;
	(void)ftw;
	if (len < 5 || strcmp(path + len - 5, ".pack") != 0)
		return 0;
	chmod(path, 0600);

	ch_auto(fd) int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_int_equal(pwrite(fd, "damaged", 7, st->st_size / 2), 7);
	return 1;
}

static void faults_are_found(void **state)
{
	(void)state;
	ch_auto(cache) struct ch_cache *cache = cache_open();
	struct ch_oid commits[2];
	struct ch_err err;

	make_states(cache, 2, commits);
	assert_is_right(cache);
	ch_cache_close(ch_take(cache));
	assert_int_equal(nftw("storage/" CH_CACHE_DIR "/objects/pack", damage, 20, FTW_PHYS), 1);
	cache = cache_open();
	assert_true(ch_cache_verify(cache, &teller, &err) > 0);
}

#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, enter, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_PLACE(garbage_is_collected),
		IN_PLACE(what_was_not_used_longest_goes_first),
		IN_PLACE(many_small_packs_become_one),
		IN_PLACE(large_files_are_collected),
		IN_PLACE(large_files_of_old_are_right),
		IN_PLACE(others_commit_while_garbage_is_collected),
		IN_PLACE(a_cache_in_use_is_not_collected),
		IN_PLACE(who_waits_for_a_collection_says_so_and_can_be_ended),
		IN_PLACE(who_is_killed_leaves_a_cache_that_works),
		IN_PLACE(a_full_disk_loses_nothing),
		IN_PLACE(trees_are_drawn),
		IN_PLACE(faults_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
