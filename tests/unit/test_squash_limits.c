/* SPDX-License-Identifier: Apache-2.0 */
/* test_squash_limits - the SquashFS writer: what is large, and what cannot be */
#include <signal.h>
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

/* As archives can have them, and listxattr(2) cannot tell them. */
static void refuses_more_xattrs_than_a_file_can_have(void **state)
{
	(void)state;
	enum { N = 65536 / sizeof("user.0000") };
	static char names[N + 1][sizeof("user.0000")];
	static struct ch_entry_xattr xattrs[N + 1];
	struct ch_entry e = { .path = "f", .mode = S_IFREG | 0600, .xattrs = xattrs };
	struct squashing s = { .how.xattrs = true };

	for (unsigned i = 0; i <= N; i++) {
		snprintf(names[i], sizeof(names[i]), "user.%04x", i);
		xattrs[i] = (struct ch_entry_xattr){ names[i], "", 0 };
	}
	squashing_begin(&s);

	e.n_xattrs = N;
	assert_int_equal(s.sink->add(s.sink, &e, &s.err), 0);
	e.n_xattrs = N + 1;
	assert_int_equal(s.sink->add(s.sink, &e, &s.err), -E2BIG);

	assert_string_equal(s.err.msg, "'f': more extended attributes than a file can have");
	squashing_done(&s);
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
		for (size_t k = 0; k < SQUASHING_KINDS && rc == 0; k++)
			rc = squashing_add(&s, &squashing_kinds[k]);
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
	for (size_t i = 0; i < SQUASHING_KINDS && rc == 0; i++) {
		const struct squashing_file *f = &squashing_kinds[i];
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_what_no_file_system_has),
		cmocka_unit_test(refuses_more_xattrs_than_a_file_can_have),
		cmocka_unit_test(contents_stay_within_their_file),
		cmocka_unit_test(large_directories_have_an_index),
		cmocka_unit_test(listings_of_every_length_are_right),
		cmocka_unit_test(depth_needs_no_stack),
		cmocka_unit_test(a_full_disk_is_told),
		cmocka_unit_test(no_memory_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
