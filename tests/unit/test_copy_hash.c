/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "build/copy.h"
#include "build/statcache.h"
#include "hash/hash.h"
#include "torture.h"
#include "trees.h"
#include "unit.h"

/* The hash of COPY . /x, with CACHE or without */
static void hash_of(const struct trees *t, struct ch_statcache *cache, char ret[CH_SHA256_HEX])
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
	uint8_t hash[CH_SHA256_BYTES];
	char from[100];
	struct ch_err err;

	snprintf(from, sizeof(from), "%s/from", t->path);
	assert_int_equal(ch_context_open(from, &context, &err), 0);
	assert_int_equal(ch_copy_plan(&req, &plan, &err), 0);
	assert_int_equal(ch_copy_hash(&plan, cache, hash, &err), 0);
	ch_hash_hex(hash, sizeof(hash), ret);
}

static void write_to(const struct trees *t, const char *path, const char *text)
{
	ch_auto(fd) int fd = openat(t->from, path, O_WRONLY | O_CLOEXEC);

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void set_mtime(const struct trees *t, const char *path, time_t sec)
{
	const struct timespec times[] = { { sec, 0 }, { sec, 0 } };

	assert_int_equal(utimensat(t->from, path, times, AT_SYMLINK_NOFOLLOW), 0);
}

/* ---- what changes happen to a context, and whether they matter ------------------------------ */

static void touch(const struct trees *t)
{
	set_mtime(t, "d/a", 1000000);
	set_mtime(t, "d", 2000000);
	set_mtime(t, "l", 3000000);
}

static void rewrite(const struct trees *t)
{
	write_to(t, "d/a", "one");
}

static void link_another_name(const struct trees *t)
{
	assert_int_equal(linkat(t->from, "d/a", t->dir, "elsewhere", 0), 0);
}

static void change_content(const struct trees *t)
{
	struct stat st;
	struct timespec times[2];

	assert_int_equal(fstatat(t->from, "d/a", &st, 0), 0);
	write_to(t, "d/a", "two"); /* of the same size, and then the same mtime */
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	assert_int_equal(utimensat(t->from, "d/a", times, 0), 0);
}

static void change_mode(const struct trees *t)
{
	assert_int_equal(fchmodat(t->from, "d/a", 0755, 0), 0);
}

static void change_mode_of_dir(const struct trees *t)
{
	assert_int_equal(fchmodat(t->from, "d", 0700, 0), 0);
}

static void rename_file(const struct trees *t)
{
	assert_int_equal(renameat(t->from, "d/a", t->from, "d/b"), 0);
}

static void swap_files(const struct trees *t)
{
	assert_int_equal(renameat(t->from, "d/a", t->from, "tmp"), 0);
	assert_int_equal(renameat(t->from, "e/a", t->from, "d/a"), 0);
	assert_int_equal(renameat(t->from, "tmp", t->from, "e/a"), 0);
}

static void change_link(const struct trees *t)
{
	assert_int_equal(unlinkat(t->from, "l", 0), 0);
	trees_make(t->from, "l->d/b");
}

static void change_type(const struct trees *t)
{
	assert_int_equal(unlinkat(t->from, "d/a", 0), 0);
	trees_make(t->from, "d/a/");
}

static void add_empty_dir(const struct trees *t)
{
	trees_make(t->from, "f/");
}

static const struct {
	void (*change)(const struct trees *t);
	bool matters;
} changes[] = {
	{ touch, false },	  { rewrite, false },	   { link_another_name, false },
	{ change_content, true }, { change_mode, true },   { change_mode_of_dir, true },
	{ rename_file, true },	  { swap_files, true },	   { change_link, true },
	{ change_type, true },	  { add_empty_dir, true },
};

/* Have entries of the cache look as old as if the files had been at rest when they were read. */
static void note_at_rest(const struct trees *t, struct ch_statcache *cache)
{
	static const char *const paths[] = { "d/a", "e/a" };
	uint8_t hash[CH_SHA256_BYTES];
	struct ch_hash h = { 0 };
	struct ch_err err;

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		struct stat st;

		assert_int_equal(fstatat(t->from, paths[i], &st, 0), 0);
		assert_int_equal(ch_hash_start(&h, CH_SHA256, &err), 0);
		ch_hash_more(&h, "one", i == 0 ? 3 : 0);
		ch_hash_more(&h, "other", i == 0 ? 0 : 5);
		ch_hash_end(&h, hash);
		assert_int_equal(ch_statcache_note(cache, &st, INT64_MAX, hash, &err), 0);
	}
	ch_hash_done(&h);
	ch_statcache_sort(cache);
}

static void check(size_t i, bool cached)
{
	ch_auto(statcache) struct ch_statcache cache = { 0 };
	char before[CH_SHA256_HEX], after[CH_SHA256_HEX];
	struct trees t;

	trees_begin(&t);
	trees_make(t.from, "d/a=one e/a=other l->d/a");
	if (cached)
		note_at_rest(&t, &cache);
	hash_of(&t, cached ? &cache : NULL, before);
	assert_int_equal(cache.hits, cached ? 2 : 0);

	changes[i].change(&t);

	hash_of(&t, cached ? &cache : NULL, after);
	if ((strcmp(before, after) != 0) != changes[i].matters)
		fail_msg("change %zu", i);
	trees_end(&t);
}

static void changes_are_seen_if_they_matter(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		check(i, false);
		check(i, true);
	}
}

static void it_is_the_same_with_and_without_a_cache(void **state)
{
	(void)state;
	ch_auto(statcache) struct ch_statcache cache = { 0 };
	char with[CH_SHA256_HEX], without[CH_SHA256_HEX];
	struct trees t;

	trees_begin(&t);
	trees_make(t.from, "d/a=one e/a=other f/b==d/a");
	note_at_rest(&t, &cache);

	hash_of(&t, &cache, with);
	hash_of(&t, NULL, without);

	assert_string_equal(with, without);
	assert_int_equal(cache.hits, 2);
	assert_int_equal(cache.misses, 0);
	trees_end(&t);
}

/* ---- the cache of hashes ---------------------------------------------------------------- */

static const uint8_t some_hash[CH_SHA256_BYTES] = { 1, 2, 3 };

static struct stat file_with(ino_t ino, time_t changed)
{
	return (struct stat){
		.st_dev = 5,
		.st_ino = ino,
		.st_size = 10,
		.st_mtim = { changed, 1 },
		.st_ctim = { changed, 2 },
	};
}

static void a_file_that_just_changed_is_not_noted(void **state)
{
	(void)state;
	static const int64_t second = 1000000000;
	ch_auto(statcache) struct ch_statcache cache = { 0 };
	struct stat st = file_with(1, 1000);
	uint8_t hash[CH_SHA256_BYTES];
	struct ch_err err;

	assert_int_equal(ch_statcache_note(&cache, &st, 1000 * second, some_hash, &err), 0);
	assert_int_equal(ch_statcache_note(&cache, &st, 1002 * second, some_hash, &err), 0);
	assert_int_equal(ch_statcache_note(&cache, &st, 900 * second, some_hash, &err), 0);
	ch_statcache_sort(&cache);
	assert_false(ch_statcache_find(&cache, &st, hash));

	assert_int_equal(ch_statcache_note(&cache, &st, 1003 * second, some_hash, &err), 0);
	ch_statcache_sort(&cache);
	assert_true(ch_statcache_find(&cache, &st, hash));
	assert_memory_equal(hash, some_hash, sizeof(hash));
}

static void each_field_counts(void **state)
{
	(void)state;
	ch_auto(statcache) struct ch_statcache cache = { 0 };
	const struct stat st = file_with(1, 1000);
	struct stat others[6];
	uint8_t hash[CH_SHA256_BYTES];
	struct ch_err err;

	assert_int_equal(ch_statcache_note(&cache, &st, INT64_MAX, some_hash, &err), 0);
	ch_statcache_sort(&cache);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		others[i] = st;
	others[0].st_dev++;
	others[1].st_ino++;
	others[2].st_size++;
	others[3].st_mtim.tv_nsec++;
	others[4].st_ctim.tv_nsec++;
	others[5].st_ctim.tv_sec++;

	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		assert_false(ch_statcache_find(&cache, &others[i], hash));
	assert_true(ch_statcache_find(&cache, &st, hash));
}

static void note_many(struct ch_statcache *cache, time_t changed)
{
	struct ch_err err;

	for (ino_t ino = 100; ino > 0; ino--) {
		const struct stat st = file_with(ino, changed);

		assert_int_equal(ch_statcache_note(cache, &st, INT64_MAX, some_hash, &err), 0);
	}
}

static size_t count_known(struct ch_statcache *cache, time_t changed)
{
	uint8_t hash[CH_SHA256_BYTES];
	size_t n = 0;

	for (ino_t ino = 1; ino <= 100; ino++) {
		const struct stat st = file_with(ino, changed);

		n += ch_statcache_find(cache, &st, hash);
	}
	return n;
}

static void it_is_saved_and_loaded(void **state)
{
	(void)state;
	ch_auto(statcache) struct ch_statcache cache = { 0 };
	ch_auto(statcache) struct ch_statcache again = { 0 };
	struct trees t;
	struct ch_err err;

	trees_begin(&t);
	note_many(&cache, 1000);
	assert_int_equal(ch_statcache_save(&cache, t.to, "stat", &err), 0);
	/* newer ones of the same files */
	note_many(&cache, 2000);
	assert_int_equal(ch_statcache_save(&cache, t.to, "stat", &err), 0);

	assert_int_equal(ch_statcache_load(t.to, "stat", &again, &err), 0);

	assert_int_equal(count_known(&again, 1000), 0);
	assert_int_equal(count_known(&again, 2000), 100);
	assert_int_equal(again.n, 100);

	ch_auto(str) char *text = trees_text(t.to);

	assert_null(strstr(text, "stat.new"));
	trees_end(&t);
}

static void a_damaged_one_is_empty(void **state)
{
	(void)state;
	struct trees t;
	struct ch_err err;

	trees_begin(&t);
	for (off_t at = 0; at < 200; at += 7) {
		ch_auto(statcache) struct ch_statcache cache = { 0 };
		ch_auto(statcache) struct ch_statcache again = { 0 };

		note_many(&cache, 1000);
		assert_int_equal(ch_statcache_save(&cache, t.to, "stat", &err), 0);

		ch_auto(fd) int fd = openat(t.to, "stat", O_RDWR | O_CLOEXEC);
		uint8_t byte;

		assert_int_equal(pread(fd, &byte, 1, at), 1);
		byte ^= 0x10;
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);

		assert_int_equal(ch_statcache_load(t.to, "stat", &again, &err), 0);

		assert_int_equal(again.n, 0);
	}
	trees_end(&t);
}

static void an_old_entry_is_dropped(void **state)
{
	(void)state;
	ch_auto(statcache) struct ch_statcache cache = { 0 };
	ch_auto(statcache) struct ch_statcache again = { 0 };
	struct trees t;
	struct ch_err err;

	trees_begin(&t);
	note_many(&cache, 1000);
	for (size_t i = 0; i < 40; i++)
		cache.entries[i].day -= 31;
	assert_int_equal(ch_statcache_save(&cache, t.to, "stat", &err), 0);

	assert_int_equal(ch_statcache_load(t.to, "stat", &again, &err), 0);

	assert_int_equal(again.n, 60);
	trees_end(&t);
}

/* ---- a lack of memory ------------------------------------------------------------------- */

static int plan_again(void *data)
{
	const struct trees *t = data;
	ch_auto(context) struct ch_context context = CH_CONTEXT_INIT;
	const struct ch_copy_source sources[] = {
		{ .path = "**/a*" },
		{ .path = "./l/." },
		{ .path = "doc", .text = "text", .len = 4 },
	};
	const struct ch_copy_request req = {
		.context = &context,
		.sources = sources,
		.n_sources = ARRAY_SIZE(sources),
		.dest = "/x",
		.parents = true,
	};
	ch_auto(copy_plan) struct ch_copy_plan plan = { 0 };
	ch_auto(statcache) struct ch_statcache cache = { 0 };
	uint8_t hash[CH_SHA256_BYTES];
	char from[100];
	struct ch_err err;

	snprintf(from, sizeof(from), "%s/from", t->path);
	if (ch_context_open(from, &context, &err) < 0 || ch_copy_plan(&req, &plan, &err) < 0)
		return err.code;
	return ch_copy_hash(&plan, &cache, hash, &err);
}

static void without_memory_there_is_no_plan(void **state)
{
	(void)state;
	struct trees t;

	trees_begin(&t);
	trees_make(t.from, "d/a=1 e/a2=2 l->d");

	assert_true(torture(plan_again, &t) > 20);

	trees_end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(changes_are_seen_if_they_matter),
		cmocka_unit_test(it_is_the_same_with_and_without_a_cache),
		cmocka_unit_test(a_file_that_just_changed_is_not_noted),
		cmocka_unit_test(each_field_counts),
		cmocka_unit_test(it_is_saved_and_loaded),
		cmocka_unit_test(a_damaged_one_is_empty),
		cmocka_unit_test(an_old_entry_is_dropped),
		cmocka_unit_test(without_memory_there_is_no_plan),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
