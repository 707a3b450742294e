/* SPDX-License-Identifier: Apache-2.0 */
/* test_squash_write - what the SquashFS writer is given, is in the image */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "squashing.h"
#include "unit.h"

#define BLOCK (128 * 1024)
#define GIB   (1ULL << 30)

static void keeps_files_of_all_kinds(void **state)
{
	(void)state;
	for (int xattrs = 0; xattrs < 2; xattrs++) {
		struct squashing s = { .how.xattrs = xattrs };

		squashing_check(&s, squashing_kinds, SQUASHING_KINDS);
		squashing_done(&s);
	}
}

static void an_image_of_nothing_is_one(void **state)
{
	(void)state;
	struct squashing s = { 0 };

	squashing_check(&s, NULL, 0);
	squashing_done(&s);
}

static void every_compression_can_be_read(void **state)
{
	(void)state;
	static const char *const algs[] = { "gzip", "gzip:12", "lz4",	 "lz4:12",  "none",
					    "xz",   "xz:1",    "zstd:1", "zstd:22", "zstd" };

	for (size_t i = 0; i < ARRAY_SIZE(algs); i++) {
		struct squashing s = { .how.xattrs = true };

		assert_int_equal(ch_squash_compress_parse(algs[i], &s.how.compress, &s.err), 0);
		squashing_check(&s, squashing_kinds, SQUASHING_KINDS);
		squashing_done(&s);
	}
}

static void every_block_size_can_be_read(void **state)
{
	(void)state;
	for (uint32_t size = 4096; size <= 1 << 20; size *= 4) {
		struct squashing s = { .how.xattrs = true, .how.block_size = size, .piece = 1000 };

		squashing_check(&s, squashing_kinds, SQUASHING_KINDS);
		squashing_done(&s);
	}
}

static void tells_what_can_be_chosen(void **state)
{
	(void)state;
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "", "compression '' is unknown, choose gzip, lz4, none, xz or zstd" },
		{ "gz:1", "compression 'gz' is unknown, choose gzip, lz4, none, xz or zstd" },
		{ "zstd:", "compression level '' is no number" },
		{ "zstd:x", "compression level 'x' is no number" },
		{ "zstd:3x", "compression level '3x' is no number" },
		{ "zstd:0", "compression 'zstd' has the levels 1 to 22" },
		{ "zstd:23", "compression 'zstd' has the levels 1 to 22" },
		{ "zstd:4294967299", "compression 'zstd' has the levels 1 to 22" },
		{ "gzip:-1", "compression 'gzip' has the levels 1 to 12" },
		{ "lz4:2", "compression 'lz4' has the levels 1 and 12" },
		{ "none:1", "compression 'none' has no levels" },
	};
	const struct ch_squash_options odd = { .block_size = 5000 };
	struct ch_squash_compress compress;
	struct ch_squash_writer *writer;
	struct ch_err err;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(ch_squash_compress_parse(cases[i].text, &compress, &err), -EINVAL);
		assert_string_equal(err.msg, cases[i].message);
	}
	assert_int_equal(ch_squash_writer_new(-1, &odd, &writer, &err), -EINVAL);
	assert_string_equal(err.msg, "a block size of 5000 bytes is none of SquashFS");
}

static void what_comes_again_replaces(void **state)
{
	(void)state;
	static const struct squashing_file files[] = {
		{ .path = "a", .size = 100, .seed = 1 },
		{ .path = "b", .link = "a" },
		{ .path = "a", .size = 3 * BLOCK, .seed = 2 }, /* b stays what it was */
		{ .path = "c", .link = "a" },
		{ .path = "a", .target = "c" },
		{ .path = "d/e/f/g", .size = 10 },
		{ .path = "d/e", .size = 20 }, /* with what was below */
		{ .path = "d/e", .mode = S_IFDIR | 0700 },
		{ .path = "d/e/h" },
		{ .path = "d/e", .mode = S_IFDIR | 0711, .user = "more" }, /* this stays */
		{ .path = "x/y", .size = 30, .seed = 3 },
		{ .path = "x", .link = "x/y" },
		{ .path = "c", .link = "c" },
		{ .path = "", .mode = S_IFDIR | 0700 },
		{ .path = "", .mode = S_IFDIR | 0711 },
	};
	struct squashing s = { .how.xattrs = true };

	squashing_check(&s, files, ARRAY_SIZE(files));
	squashing_done(&s);
}

static void holes_take_no_room(void **state)
{
	(void)state;
	static const struct squashing_file files[] = {
		{ .path = "edges", .size = 5 * GIB + 3, .fill = FILL_EDGES, .seed = 1 },
		{ .path = "none", .size = 1000 * GIB, .fill = FILL_NOTHING },
		{ .path = "some", .size = 3000000, .fill = FILL_SOME, .seed = 2 },
		{ .path = "small", .size = 100000, .fill = FILL_EDGES, .seed = 3 },
	};
	static const uint64_t stored[] = { BLOCK + CHUNK, 1, 3000000, 100000 };
	struct squashing s = { 0 };

	squashing_check(&s, files, ARRAY_SIZE(files));
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		struct ch_inode inode;

		squashing_find(&s, files[i].path, &inode);
		assert_true(inode.size - inode.sparse <= stored[i]);
	}
	assert_true(s.image.size < 3000000);
	squashing_done(&s);
}

static void what_is_the_same_is_there_once(void **state)
{
	(void)state;
	static const struct squashing_file files[] = {
		{ .path = "big1", .size = 5 * BLOCK + 1, .seed = 1 },
		{ .path = "other", .size = 5 * BLOCK + 1, .seed = 3 },
		{ .path = "small1", .size = 1000, .seed = 5 },
		{ .path = "big2", .size = 5 * BLOCK + 1, .seed = 1 },
		{ .path = "small2", .size = 1000, .seed = 5 },
		{ .path = "begins so", .size = 5 * BLOCK, .seed = 1 },
	};
	struct squashing s = { 0 };
	struct ch_inode one, two, part;

	squashing_check(&s, files, ARRAY_SIZE(files));

	squashing_find(&s, "big1", &one);
	squashing_find(&s, "big2", &two);
	squashing_find(&s, "begins so", &part);
	assert_int_equal(one.start, two.start);
	assert_int_not_equal(one.number, two.number);
	assert_int_not_equal(one.start, part.start);
	squashing_find(&s, "small1", &one);
	squashing_find(&s, "small2", &two);
	assert_int_equal(one.fragment, two.fragment);
	assert_int_equal(one.off, two.off);
	squashing_done(&s);
}

static void the_number_of_threads_does_not_matter(void **state)
{
	(void)state;
	static const unsigned threads[] = { 1, 2, 5 };
	void *first = NULL;
	size_t first_len = 0;

	for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
		struct squashing s = { .how.threads = threads[i], .how.block_size = 8192 };
		size_t len;
		void *bytes;

		squashing_begin(&s);
		for (unsigned n = 0; n < 400; n++) {
			char path[16];
			const struct squashing_file f = { .path = path,
							  .size = n * 97 % 50000,
							  .seed = n * 13 % 301 };

			snprintf(path, sizeof(path), "%u/%u", n % 7, n);
			assert_int_equal(squashing_add(&s, &f), 0);
		}
		squashing_end(&s);
		bytes = squashing_bytes(&s, &len);
		if (!first) {
			first = bytes;
			first_len = len;
			bytes = NULL;
		} else {
			assert_int_equal(len, first_len);
			assert_memory_equal(bytes, first, len);
		}
		free(bytes);
		squashing_done(&s);
	}
	free(first);
}

/* Where there are no contents. */
static void the_order_of_names_does_not_matter(void **state)
{
	(void)state;
	static struct squashing_file files[200];
	static char paths[ARRAY_SIZE(files)][32];
	void *bytes[2];
	size_t len[2];

	for (unsigned i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(paths[i], sizeof(paths[i]), "%u/%u/file%u", i % 3, i % 5, i);
		files[i] = (struct squashing_file){ .path = paths[i],
						    .mtime = i,
						    .user = i % 3 ? paths[i] : NULL };
	}
	for (unsigned turn = 0; turn < 2; turn++) {
		struct squashing s = { .how.xattrs = true };

		squashing_begin(&s);
		for (unsigned i = 0; i < ARRAY_SIZE(files); i++)
			squashing_add(&s, &files[turn ? i * 77 % ARRAY_SIZE(files) : i]);
		squashing_end(&s);
		bytes[turn] = squashing_bytes(&s, &len[turn]);
		squashing_done(&s);
	}
	assert_int_equal(len[0], len[1]);
	assert_memory_equal(bytes[0], bytes[1], len[0]);
	free(bytes[0]);
	free(bytes[1]);
}

/* ---- properties -------------------------------------------------------------------- */

static unsigned state_of_chance;

static unsigned chance(unsigned n)
{
	state_of_chance = state_of_chance * 1664525 + 1013904223;
	return (unsigned)((uint64_t)state_of_chance * n >> 32);
}

static const char *const names[] = { "a", "b", "c\xff", "a b", "-", "a.", "\1" };

static const char *any_name(void)
{
	return names[chance(ARRAY_SIZE(names))];
}

static void random_path(char *path, size_t size)
{
	size_t len = 0;

	path[0] = '\0';
	for (unsigned depth = 1 + chance(4); depth > 0; depth--)
		len += (size_t)snprintf(path + len, size - len, "%s%s", len ? "/" : "", any_name());
}

static void random_file(struct squashing_file *f, char *path, char *link)
{
	static const mode_t types[] = { S_IFDIR, S_IFDIR, S_IFLNK, S_IFIFO, S_IFREG };
	mode_t type = types[chance(8) % ARRAY_SIZE(types)];

	random_path(path, 64);
	random_path(link, 64);
	*f = (struct squashing_file){
		.path = path,
		.link = chance(6) == 0 ? link : NULL,
		.target = type == S_IFLNK ? any_name() : NULL,
		.mode = type | (type == S_IFLNK ? 0777 : chance(07777)),
		.mtime = chance(2000000000),
		.size = type == S_IFREG ? chance(chance(4) ? 9000 : 60000) : 0,
		.seed = chance(40),
		.fill = chance(3) == 0 ? chance(4) : FILL_ALL,
		.user = chance(4) == 0 ? any_name() : NULL,
		.capability = chance(9) == 0 ? "cap" : NULL,
	};
}

static void any_stream_gives_its_tree(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 60; round++) {
		struct squashing s = { .how.xattrs = round % 2,
				       .how.block_size = 4096U << round % 3,
				       .how.threads = 1 + round % 3,
				       .piece = 1 + chance(10000) };

		state_of_chance = round;
		squashing_begin(&s);
		for (unsigned n = chance(150); n > 0; n--) {
			struct squashing_file f;
			char path[64], link[64];

			random_file(&f, path, link);
			if (squashing_fits(&s, &f) && squashing_add(&s, &f) < 0)
				fail_msg("round %u: %s", round, s.err.msg);
		}
		squashing_end(&s);
		squashing_compare(&s);
		squashing_done(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_files_of_all_kinds),
		cmocka_unit_test(an_image_of_nothing_is_one),
		cmocka_unit_test(every_compression_can_be_read),
		cmocka_unit_test(every_block_size_can_be_read),
		cmocka_unit_test(tells_what_can_be_chosen),
		cmocka_unit_test(what_comes_again_replaces),
		cmocka_unit_test(holes_take_no_room),
		cmocka_unit_test(what_is_the_same_is_there_once),
		cmocka_unit_test(the_number_of_threads_does_not_matter),
		cmocka_unit_test(the_order_of_names_does_not_matter),
		cmocka_unit_test(any_stream_gives_its_tree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
