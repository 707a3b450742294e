/* SPDX-License-Identifier: Apache-2.0 */
/* test_squash_write - what the SquashFS writer is given, is in the image */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "squashing.h"
#include "torture.h"
#include "unit.h"

#include "base/auto.h"
#include "fs/dir.h"

#define BLOCK (128 * 1024)
#define GIB   (1ULL << 30)

static const struct squashing_file kinds[] = {
	{ .path = "", .mode = S_IFDIR | 0750, .mtime = 1000000, .user = "root's" },
	{ .path = "bin/su", .mode = S_IFREG | 04711, .size = 10000, .capability = "\1\2\3" },
	{ .path = "bin", .mode = S_IFDIR | 01777, .mtime = 12345, .user = "late" },
	{ .path = "empty", .mtime = 1 },
	{ .path = "one", .size = 1, .seed = 1 },
	{ .path = "block", .size = BLOCK, .seed = 2 },
	{ .path = "blocks", .size = 3 * BLOCK + 7, .seed = 3, .user = "u", .capability = "c" },
	{ .path = "almost", .size = BLOCK - 1, .seed = 5 },
	{ .path = "above", .size = BLOCK + 1, .seed = 4 },
	{ .path = "zeros", .size = 2 * BLOCK + 1, .fill = FILL_NOTHING },
	{ .path = "few zeros", .size = 100, .fill = FILL_NOTHING },
	{ .path = "again", .link = "blocks" },
	{ .path = "sub/again", .link = "blocks" },
	{ .path = "link", .target = "/no/\377\1such \n thing" },
	{ .path = "sub/link2", .link = "link" },
	{ .path = "pipe", .mode = S_IFIFO | 0600, .user = "fifo" },
	{ .path = "socket", .mode = S_IFSOCK | 0777 },
	{ .path = "\1\377 name\n", .size = 5, .mtime = -5 },
	{ .path = "future", .mtime = 1LL << 40 },
	{ .path = "empty dir", .mode = S_IFDIR },
};

static void keeps_files_of_all_kinds(void **state)
{
	(void)state;
	for (int xattrs = 0; xattrs < 2; xattrs++) {
		struct squashing s = { .how.xattrs = xattrs };

		squashing_check(&s, kinds, ARRAY_SIZE(kinds));
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
		squashing_check(&s, kinds, ARRAY_SIZE(kinds));
		squashing_done(&s);
	}
}

static void every_block_size_can_be_read(void **state)
{
	(void)state;
	for (uint32_t size = 4096; size <= 1 << 20; size *= 4) {
		struct squashing s = { .how.xattrs = true, .how.block_size = size, .piece = 1000 };

		squashing_check(&s, kinds, ARRAY_SIZE(kinds));
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

static void refuses_what_no_file_system_has(void **state)
{
	(void)state;
	static char name256[257], target4096[4097];
	memset(name256, 'n', sizeof(name256) - 1);
	memset(target4096, 't', sizeof(target4096) - 1);
	const struct {
		struct squashing_file file;
		int code;
		const char *message;
	} cases[] = {
		{ { .path = "f/g" }, -ENOTDIR, "'f/g': 'f' is no directory" },
		{ { .path = "l/g" }, -ENOTDIR, "'l/g': 'l' is no directory" },
		{ { .path = "f/g/h" }, -ENOTDIR, "'f/g/h': 'f' is no directory" },
		{ { .path = "" }, -ENOTDIR, "the root of the image is no directory" },
		{ { .path = "", .link = "f" }, -ENOTDIR, "the root of the image is no directory" },
		{ { .path = "h", .link = "no" }, -ENOENT, "hard link 'h': there is no 'no'" },
		{ { .path = "h", .link = "d" }, -EISDIR, "hard link 'h': 'd' is a directory" },
		{ { .path = "h", .link = "f/x" },
		  -ENOTDIR,
		  "hard link 'h': 'f/x': 'f' is no directory" },
		{ { .path = "../x" }, -EINVAL, "'../x' is no proper path" },
		{ { .path = "d/.." }, -EINVAL, "'d/..' is no proper path" },
		{ { .path = "d/./x" }, -EINVAL, "'d/./x' is no proper path" },
		{ { .path = "/x" }, -EINVAL, "'/x' is no proper path" },
		{ { .path = "d//x" }, -EINVAL, "'d//x' is no proper path" },
		{ { .path = "x", .target = "" }, -EINVAL, "symbolic link 'x' to nothing" },
		{ { .path = "x", .target = target4096 },
		  -ENAMETOOLONG,
		  "symbolic link 'x' to more than 4095 bytes" },
		{ { .path = name256 }, -ENAMETOOLONG, NULL },
		{ { .path = "x", .mode = S_IFCHR | 0600 },
		  -EINVAL,
		  "'x' is a device, or of unknown type" },
		{ { .path = "x", .size = 1ULL << 60, .fill = FILL_NOTHING },
		  -EFBIG,
		  "'x': files of an image can have 67108864 blocks of 128 KiB at most" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct squashing s = { 0 };

		squashing_begin(&s);
		squashing_add(&s, &(struct squashing_file){ .path = "f" });
		squashing_add(&s, &(struct squashing_file){ .path = "l", .target = "d" });
		squashing_add(&s, &(struct squashing_file){ .path = "d", .mode = S_IFDIR });
		assert_int_equal(squashing_add(&s, &cases[i].file), cases[i].code);
		if (cases[i].message)
			assert_string_equal(s.err.msg, cases[i].message);
		squashing_done(&s);
	}
}

static void contents_stay_within_their_file(void **state)
{
	(void)state;
	static const struct {
		uint64_t off;
		size_t len;
	} wrong[] = { { 11, 0 }, { 10, 1 }, { 0, 11 }, { UINT64_MAX, 2 }, { 2, 1 } };

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct squashing s = { 0 };
		const struct squashing_file f = { .path = "f", .size = 10, .fill = FILL_NOTHING };

		squashing_begin(&s);
		assert_int_equal(squashing_add(&s, &f), 0);
		assert_int_equal(s.sink->data(s.sink, 1, "ab", 2, &s.err), 0);
		assert_int_equal(
			s.sink->data(s.sink, wrong[i].off, "0123456789a", wrong[i].len, &s.err),
			-EINVAL);
		assert_string_equal(s.err.msg, "contents at a wrong place");
		squashing_done(&s);
	}
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

static void large_directories_have_an_index(void **state)
{
	(void)state;
	enum { MANY = 70000 };
	struct squashing s = { 0 };
	struct ch_inode dir;
	struct ch_dirent e;

	squashing_begin(&s);
	for (unsigned i = 0; i < MANY; i++) {
		char path[32];
		const struct ch_entry entry = { .path = path, .mode = S_IFREG | 0600 };

		snprintf(path, sizeof(path), "dir/name %u", i * 7919 % MANY);
		assert_int_equal(s.sink->add(s.sink, &entry, &s.err), 0);
	}
	squashing_end(&s);

	squashing_find(&s, "dir", &dir);
	assert_true(dir.indexes > 100);
	for (unsigned i = 0; i < MANY; i += 97) {
		char name[32];

		snprintf(name, sizeof(name), "name %u", i);
		assert_int_equal(ch_dir_lookup(&s.image, &dir, name, &e), 0);
	}
	assert_int_equal(ch_dir_lookup(&s.image, &dir, "name 7a", &e), -ENOENT);
	squashing_done(&s);
}

/* Listings of about 64 KiB: the length is of 16 bits in small inodes. */
static void listings_of_every_length_are_right(void **state)
{
	(void)state;
	struct squashing s = { 0 };

	squashing_begin(&s);
	for (unsigned extra = 0; extra < 16; extra++) {
		for (unsigned i = 0; i < 4064; i++) {
			char path[64];
			const struct ch_entry entry = { .path = path, .mode = S_IFIFO | 0600 };

			/* 16 runs; 8 bytes each and the name. */
			snprintf(path, sizeof(path), "%u/%08u%.*s", extra, i,
				 i == 0 ? (int)extra : 0, "xxxxxxxxxxxxxxxx");
			assert_int_equal(s.sink->add(s.sink, &entry, &s.err), 0);
		}
	}
	squashing_end(&s);
	for (unsigned extra = 0; extra < 16; extra++) {
		char name[16];
		struct ch_inode inode;
		struct ch_dir dir;
		struct ch_dirent e;
		unsigned n = 0;

		snprintf(name, sizeof(name), "%u", extra);
		squashing_find(&s, name, &inode);
		assert_int_equal(ch_dir_open(&s.image, &inode, CH_DIR_FIRST, NULL, &dir), 0);
		while (ch_dir_next(&dir, &e) > 0)
			n++;
		assert_int_equal(n, 4064);
	}
	squashing_done(&s);
}

static void depth_needs_no_stack(void **state)
{
	(void)state;
	enum { DEPTH = 10000 };
	static char path[2 * DEPTH + 1];
	struct squashing s = { 0 };
	struct ch_entry entry = { .path = path, .mode = S_IFREG | 0600 };
	struct ch_inode inode;

	for (int i = 0; i < DEPTH; i++)
		memcpy(path + 2 * i, "d/", 2);
	path[2 * DEPTH - 1] = '\0';
	squashing_begin(&s);
	for (int i = 0; i < 2; i++) {
		path[2 * DEPTH - 2] = (char)('a' + i);
		assert_int_equal(s.sink->add(s.sink, &entry, &s.err), 0);
	}
	squashing_end(&s);
	squashing_find(&s, path, &inode);
	assert_true(S_ISREG(inode.mode));
	assert_int_equal(s.image.inodes, DEPTH + 2);
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

static void a_full_disk_is_told(void **state)
{
	(void)state;
	static const rlim_t limits[] = { 0, 50, 100, 200000, 500000, 530000 };
	struct rlimit before, small;
	unsigned failed = 0;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	signal(SIGXFSZ, SIG_IGN);
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		struct squashing s = { .how.xattrs = true, .how.compress.alg = CH_SQUASH_NOTHING };
		int rc = 0;

		squashing_begin(&s);
		small = (struct rlimit){ limits[i], before.rlim_max };
		setrlimit(RLIMIT_FSIZE, &small);
		for (size_t k = 0; k < ARRAY_SIZE(kinds) && rc == 0; k++)
			rc = squashing_add(&s, &kinds[k]);
		if (rc == 0)
			rc = s.sink->end(s.sink, &s.err);
		setrlimit(RLIMIT_FSIZE, &before);
		if (rc < 0) {
			assert_int_equal(rc, -EFBIG);
			assert_string_equal(s.err.msg, "write the image: File too large");
			failed++;
		}
		squashing_done(&s);
	}
	assert_int_equal(failed, ARRAY_SIZE(limits));
}

static int write_all(void *data)
{
	struct squashing *s = data;
	int rc = ch_squash_writer_new(s->fd, &s->how, &s->writer, &s->err);

	if (rc < 0)
		return rc;
	s->sink = ch_squash_writer_sink(s->writer);
	for (size_t i = 0; i < ARRAY_SIZE(kinds) && rc == 0; i++) {
		const struct squashing_file *f = &kinds[i];
		const struct ch_entry_xattr xattr = { "user.x", "y", 1 };
		const struct ch_entry entry = {
			.path = f->path,
			.link = f->link,
			.target = f->target,
			.mode = f->target ? S_IFLNK
				: f->mode ? f->mode
					  : S_IFREG,
			.size = f->size,
			.xattrs = &xattr,
			.n_xattrs = 1,
		};

		rc = s->sink->add(s->sink, &entry, &s->err);
		if (rc == 0 && S_ISREG(entry.mode) && !f->link && f->size > 0)
			rc = s->sink->data(s->sink, 0, "x", 1, &s->err);
	}
	if (rc == 0)
		rc = s->sink->end(s->sink, &s->err);
	ch_squash_writer_free(ch_take(s->writer));
	return rc;
}

static void no_memory_is_told(void **state)
{
	(void)state;
	struct squashing s = { .how.xattrs = true, .fd = memfd_create("image", MFD_CLOEXEC) };

	assert_true(torture(write_all, &s) > 10);
	s.how.compress.alg = CH_SQUASH_GZIP;
	assert_true(torture(write_all, &s) > 10);
	close(s.fd);
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
		cmocka_unit_test(refuses_what_no_file_system_has),
		cmocka_unit_test(contents_stay_within_their_file),
		cmocka_unit_test(holes_take_no_room),
		cmocka_unit_test(what_is_the_same_is_there_once),
		cmocka_unit_test(large_directories_have_an_index),
		cmocka_unit_test(listings_of_every_length_are_right),
		cmocka_unit_test(depth_needs_no_stack),
		cmocka_unit_test(the_number_of_threads_does_not_matter),
		cmocka_unit_test(the_order_of_names_does_not_matter),
		cmocka_unit_test(a_full_disk_is_told),
		cmocka_unit_test(no_memory_is_told),
		cmocka_unit_test(any_stream_gives_its_tree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
