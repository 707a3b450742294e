/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/entry.h"
#include "archive/output.h"
#include "archive/read.h"
#include "archive/tar.h"
#include "archive/unpack.h"
#include "archive/walk.h"
#include "base/auto.h"
#include "base/err.h"
#include "cache_trees.h"
#include "unit.h"

/* The directory DIR as an archive; the caller's. */
static int pack(const char *dir, unsigned flags)
{
	ch_auto(fd) int root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ch_auto(fd) int fd = memfd_create("tar", MFD_CLOEXEC);
	struct ch_output_fd out = CH_OUTPUT_FD(fd, "archive");
	struct ch_sink *sink = NULL;
	struct ch_walked walked;
	struct ch_err err = { 0 };

	assert_int_equal(ch_tar_new(&out.out, flags, &sink, &err), 0);
	if (ch_walk_entries(root, &(struct ch_walk_how){ 0 }, sink, &walked, &err) < 0 ||
	    sink->end(sink, &err) < 0)
		fail_msg("%s", err.msg);
	ch_tar_free(sink);
	assert_int_equal(lseek(fd, 0, SEEK_CUR) % 512, 0);
	return ch_take_fd(&fd);
}

static void unpack(int fd, const char *dir)
{
	ch_auto(fd) int root = -1;
	struct ch_archive_got got;
	struct ch_err err = { 0 };

	assert_int_equal(mkdir(dir, 0755), 0);
	root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	if (ch_unpack_archive(fd, "archive", &(struct ch_unpack){ .root = root }, &got, &err) < 0)
		fail_msg("%s", err.msg);
}

/* What the reader cannot give back: modes are at least what its directories need, and fractions of
 * seconds before 1970, which libarchive takes for the other direction, are none. */
static int make_readable(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = -5 } };

	(void)type;
	(void)ftw;
	if (st->st_mtim.tv_sec < 0)
		utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW);
	if (S_ISDIR(st->st_mode))
		return chmod(path, (st->st_mode & 07777) | 0700);
	return S_ISREG(st->st_mode) ? chmod(path, (st->st_mode & 07777) | 0600) : 0;
}

static char *contents(int fd, size_t *ret_len)
{
	off_t len = lseek(fd, 0, SEEK_END);
	char *all = NOT_NULL(malloc((size_t)len + 1));

	assert_int_equal(pread(fd, all, (size_t)len, 0), len);
	all[len] = '\0';
	*ret_len = (size_t)len;
	return all;
}

static void random_trees_come_out_as_they_went_in(void **state)
{
	(void)state;
	for (unsigned round = 1; round <= 12; round++) {
		unsigned seed = round;
		struct place place;

		place_enter(&place);
		tree_make("in", &seed, 60);
		nftw("in", make_readable, 64, FTW_PHYS);

		ch_auto(fd) int fd = pack("in", 0);

		unpack(fd, "out");
		assert_same_trees("in", "out");
		place_leave(&place);
	}
}

/* By bytes of another order of creation, in another place. */
static void the_same_files_give_the_same_bytes(void **state)
{
	unsigned seed = 7;
	size_t len, len_again;
	struct place place;

	(void)state;
	place_enter(&place);
	tree_make("in", &seed, 60);
	nftw("in", make_readable, 64, FTW_PHYS);

	ch_auto(fd) int fd = pack("in", 0);

	unpack(fd, "out");

	ch_auto(fd) int again = pack("out", 0);
	ch_auto(str) char *a = contents(fd, &len);
	ch_auto(str) char *b = contents(again, &len_again);

	assert_int_equal(len, len_again);
	assert_memory_equal(a, b, len);
	place_leave(&place);
}

/* Make a file and its directories; a symbolic and a hard link lead to it. */
static void make_long(const char *path)
{
	ch_auto(str) char *copy = strdup(path);
	char link_name[8192], hard_name[8192];
	int fd;

	for (char *p = strchr(NOT_NULL(copy), '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		(void)!mkdir(copy, 0755);
		*p = '/';
	}
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	close(fd);
	snprintf(link_name, sizeof(link_name), "in/l%zu", strlen(path));
	assert_int_equal(symlink(path + 3, link_name), 0);
	snprintf(hard_name, sizeof(hard_name), "in/z%zu", strlen(path));
	assert_int_equal(link(path, hard_name), 0);
}

/* Around 100 and 155 bytes, the fields of a header end. */
static void paths_may_have_any_length(void **state)
{
	struct place place;

	(void)state;
	for (int binary = 0; binary < 2; binary++) {
		place_enter(&place);
		mkdir("in", 0755);
		for (size_t len = 90; len<270; len += len> 110 && len < 145 ? 7 : 1) {
			char path[512] = "in/", *p = path + 3;

			for (size_t left = len; left > 0;) {
				size_t part = left > 61 ? 60 : left;

				memset(p, binary ? 0xe4 : 'x', part);
				p[0] = left > 61 ? 'd' : 'f';
				p[part] = left > 61 ? '/' : '\0';
				p += part + 1;
				left -= part + (left > 61);
			}
			make_long(path);
		}

		ch_auto(fd) int fd = pack("in", 0);

		unpack(fd, "out");
		assert_same_trees("in", "out");
		place_leave(&place);
	}
}

static void set_id_bits_and_fractions_can_be_left_out(void **state)
{
	const struct timespec times[2] = { { 1, 5 }, { 1, 5 } };
	struct place place;
	struct stat st;

	(void)state;
	place_enter(&place);
	mkdir("in", 0755);
	assert_int_equal(mknod("in/f", S_IFREG | 0644, 0), 0);
	assert_int_equal(chmod("in/f", 07755), 0);
	assert_int_equal(utimensat(AT_FDCWD, "in/f", times, 0), 0);

	ch_auto(fd) int fd = pack("in", CH_TAR_NO_SETID | CH_TAR_SECONDS);

	unpack(fd, "out");
	assert_int_equal(stat("out/f", &st), 0);
	assert_int_equal(st.st_mode & 07777, 01755);
	assert_int_equal(st.st_mtim.tv_sec, 1);
	assert_int_equal(st.st_mtim.tv_nsec, 0);
	place_leave(&place);
}

/* ---- single entries -------------------------------------------------------------------------- */

/* What is written for the entry E; the caller's. */
static char *write_one(const struct ch_entry *e, size_t *ret_len)
{
	ch_auto(fd) int fd = memfd_create("tar", MFD_CLOEXEC);
	struct ch_output_fd out = CH_OUTPUT_FD(fd, "archive");
	struct ch_sink *sink = NULL;
	struct ch_err err = { 0 };

	assert_int_equal(ch_tar_new(&out.out, 0, &sink, &err), 0);
	if (sink->add(sink, e, &err) < 0)
		fail_msg("%s", err.msg);
	ch_tar_free(sink);
	return contents(fd, ret_len);
}

static void assert_has(const struct ch_entry *e, const char *record)
{
	size_t len;
	ch_auto(str) char *text = write_one(e, &len);

	assert_non_null(memmem(text, len, record, strlen(record)));
}

static void numbers_that_headers_cannot_tell_are_told(void **state)
{
	struct ch_entry e = { .path = "f", .mode = S_IFREG | 0644, .size = 1ULL << 33 };
	size_t len;

	(void)state;
	assert_has(&e, "19 size=8589934592\n");
	e.size--;
	free(write_one(&e, &len));
	assert_int_equal(len, 512);

	e.mtime = (struct timespec){ -2, 750000000 };
	assert_has(&e, "15 mtime=-1.25\n");
	e.mtime = (struct timespec){ -1, 500000000 };
	assert_has(&e, "14 mtime=-0.5\n");
	e.mtime = (struct timespec){ -7, 0 };
	assert_has(&e, "12 mtime=-7\n");
	e.mtime = (struct timespec){ 1LL << 33, 1 };
	assert_has(&e, "30 mtime=8589934592.000000001\n");
	e.mtime = (struct timespec){ (1LL << 33) - 1, 0 };
	free(write_one(&e, &len));
	assert_int_equal(len, 512);
}

/* The length of a record counts its own digits. */
static void lengths_of_records_are_right(void **state)
{
	char value[1100];

	(void)state;
	memset(value, 'v', sizeof(value));
	for (size_t len = 0; len < sizeof(value); len++) {
		const struct ch_entry_xattr xattr = { "user.x", value, len };
		const struct ch_entry e = {
			.path = "f", .mode = S_IFREG | 0644, .xattrs = &xattr, .n_xattrs = 1
		};
		size_t all;
		ch_auto(str) char *text = write_one(&e, &all);
		size_t told = strtoul(text + 512, NULL, 10);

		assert_true(told > len && 512 + told < all);
		assert_int_equal(text[512 + told - 1], '\n');
		assert_true(text[512 + told] == '\0' || told % 512 == 0);
	}
}

static void what_is_no_file_is_refused(void **state)
{
	struct ch_output_fd out = CH_OUTPUT_FD(-1, "archive");
	const struct ch_entry socket = { .path = "s", .mode = S_IFSOCK | 0644 };
	struct ch_sink *sink = NULL;
	struct ch_err err = { 0 };

	(void)state;
	assert_int_equal(ch_tar_new(&out.out, 0, &sink, &err), 0);
	assert_int_equal(sink->add(sink, &socket, &err), -EINVAL);
	assert_string_equal(err.msg, "archive '/s': not a type for archives");
	assert_int_equal(sink->data(sink, 0, "x", 1, &err), -EINVAL);
	assert_int_equal(sink->end(sink, &err), -EBADF);
	assert_non_null(strstr(err.msg, "write 'archive': "));
	ch_tar_free(sink);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_trees_come_out_as_they_went_in),
		cmocka_unit_test(the_same_files_give_the_same_bytes),
		cmocka_unit_test(paths_may_have_any_length),
		cmocka_unit_test(set_id_bits_and_fractions_can_be_left_out),
		cmocka_unit_test(numbers_that_headers_cannot_tell_are_told),
		cmocka_unit_test(lengths_of_records_are_right),
		cmocka_unit_test(what_is_no_file_is_refused),
	};

	umask(022);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
