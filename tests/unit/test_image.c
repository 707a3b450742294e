/* SPDX-License-Identifier: Apache-2.0 */
#include "rt/image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "unit.h"

static char dir[] = "/tmp/ch-test-image.XXXXXX";

static const char *path_of(const char *name)
{
	static char path[sizeof(dir) + 64];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void write_file(const char *name, const char *data, size_t len)
{
	ch_auto(fd) int fd = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
}

static int make_dir(void **state)
{
	(void)state;
	memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	static const char *const names[] = { "file",   "link",	       "fifo",
					     "x/file", "x/oci-layout", "x/index.json",
					     "x",      "xy/file",      "xy" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		remove(path_of(names[i]));
	return rmdir(dir);
}

static void directories_and_squashfs_files_are_images(void **state)
{
	(void)state;
	ch_auto(image) struct ch_image image = CH_IMAGE_INIT;
	ch_auto(image) struct ch_image file = CH_IMAGE_INIT;
	ch_auto(image) struct ch_image link = CH_IMAGE_INIT;
	struct ch_err err;
	struct stat st, same;

	write_file("file", "hsqs and so on", 14);
	assert_int_equal(symlink("file", path_of("link")), 0);

	assert_int_equal(ch_image_open(dir, &image, &err), 0);
	assert_int_equal(image.kind, CH_IMAGE_DIR);
	assert_int_equal(ch_image_open(path_of("file"), &file, &err), 0);
	assert_int_equal(file.kind, CH_IMAGE_SQUASH);
	assert_int_equal(ch_image_open(path_of("link"), &link, &err), 0);
	assert_int_equal(fstat(link.fd, &st), 0);
	assert_int_equal(fstat(file.fd, &same), 0);
	assert_true(st.st_dev == same.st_dev && st.st_ino == same.st_ino);
	assert_true(fcntl(file.fd, F_GETFD) & FD_CLOEXEC);
}

static void other_files_are_named_for_what_they_look_like(void **state)
{
	(void)state;
#define DATA(text) text, sizeof(text) - 1
	static const struct {
		const char *data;
		size_t len;
		const char *what;
	} cases[] = {
		{ DATA(""), "empty" },
		{ DATA("h"), "a text file" },
		{ DATA("hsq"), "a text file" },
		{ DATA("hello\tthere\r\n"), "a text file" },
		{ DATA("\xc3\xa4 text"), "a text file" },
		{ DATA("\0\0\0\0\0"), "something unknown" },
		{ DATA("a\x1b"
		       "b"),
		  "something unknown" },
		{ DATA("\x1f\x8b\x08"), "a gzip file" },
		{ DATA("\x28\xb5\x2f\xfd"), "a zstd file" },
		{ DATA("\xfd"
		       "7zXZ\0"),
		  "an xz file" },
		{ DATA("#!/bin/sh"), "a script" },
		{ DATA("\x7f"
		       "ELF\2\1"),
		  "a program" },
		{ DATA("sqsh....."), "a big-endian SquashFS file" },
		{ DATA("BZh9"), "a bzip2 file" },
		{ DATA("\x04\x22\x4d\x18\x40"), "an lz4 file" },
		{ DATA("PK\x03\x04\x14"), "a zip archive" },
		{ DATA("XFSB\0\0"), "an XFS file system" },
		{ DATA("LUKS\xba\xbe\0"), "an encrypted volume" },
		{ DATA("QFI\xfb\0"), "a disk image" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ch_image image = { .fd = 77 };
		struct ch_err err;

		write_file("file", cases[i].data, cases[i].len);

		assert_int_equal(ch_image_open(path_of("file"), &image, &err), -EINVAL);
		assert_int_equal(image.fd, 77);
		assert_memory_equal(err.msg, "image '/tmp/ch-test-image.", 26);
		assert_non_null(strstr(err.msg, "but "));
		assert_memory_equal(strstr(err.msg, "but ") + 4, cases[i].what,
				    strlen(cases[i].what));
	}
}

static void a_tar_archive_is_recognised_by_its_header(void **state)
{
	(void)state;
	char data[512] = "name";
	struct ch_image image;
	struct ch_err err;

	memcpy(data + 257, "ustar", 5);
	write_file("file", data, sizeof(data));

	assert_int_equal(ch_image_open(path_of("file"), &image, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "but a tar archive; convert it with ch-convert"));
}

static void archives_of_layers_are_no_tree(void **state)
{
	(void)state;
	static const struct {
		const char *first, *what;
	} cases[] = {
		{ "blobs/", "an archive of container layers" },
		{ "blobs/sha256/", "an archive of container layers" },
		{ "oci-layout", "an archive of container layers" },
		{ "manifest.json", "an archive of container layers" },
		{ "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef/",
		  "an archive of container layers" },
		{ "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.json",
		  "an archive of container layers" },
		{ "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0",
		  "a tar archive" },
		{ "bin/", "a tar archive" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char data[512] = "";
		struct ch_image image;
		struct ch_err err;

		snprintf(data, sizeof(data), "%s", cases[i].first);
		memcpy(data + 257, "ustar", 5);
		write_file("file", data, sizeof(data));
		assert_int_equal(ch_image_open(path_of("file"), &image, &err), -EINVAL);
		assert_non_null(strstr(err.msg, cases[i].what));
	}
}

static void file_systems_are_told_by_their_superblocks(void **state)
{
	(void)state;
	static const struct {
		size_t at;
		const char *magic, *what;
	} cases[] = {
		{ 1080, "\x53\xef", "an ext file system" },
		{ 1024, "\xe2\xe1\xf5\xe0", "an EROFS file system" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char data[2048] = "";
		struct ch_image image;
		struct ch_err err;

		memcpy(data + cases[i].at, cases[i].magic, strlen(cases[i].magic));
		write_file("file", data, sizeof(data));
		assert_int_equal(ch_image_open(path_of("file"), &image, &err), -EINVAL);
		assert_non_null(strstr(err.msg, cases[i].what));
		/* Its first part alone is nothing that is known. */
		write_file("file", data, cases[i].at + 1);
		assert_int_equal(ch_image_open(path_of("file"), &image, &err), -EINVAL);
		assert_non_null(strstr(err.msg, "something unknown"));
	}
}

static void an_oci_layout_is_no_root_directory(void **state)
{
	(void)state;
	ch_auto(image) struct ch_image image = CH_IMAGE_INIT;
	struct ch_err err;

	assert_int_equal(mkdir(path_of("x"), 0755), 0);
	write_file("x/oci-layout", "{}", 2);
	assert_int_equal(ch_image_open(path_of("x"), &image, &err), 0);
	ch_image_done(&image);
	write_file("x/index.json", "{}", 2);
	assert_int_equal(ch_image_open(path_of("x"), &image, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "an OCI layout"));
}

static void special_files_are_refused_without_waiting(void **state)
{
	(void)state;
	struct ch_image image;
	struct ch_err err;

	assert_int_equal(mkfifo(path_of("fifo"), 0644), 0);

	assert_int_equal(ch_image_open(path_of("fifo"), &image, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "neither a directory nor a regular file"));
	assert_int_equal(ch_image_open("/dev/zero", &image, &err), -EINVAL);
}

static void what_is_missing_is_named(void **state)
{
	(void)state;
	struct ch_image image;
	struct ch_err err;

	assert_int_equal(ch_image_open("/nonexistent", &image, &err), -ENOENT);
	assert_string_equal(err.msg, "image '/nonexistent': No such file or directory");
	write_file("file", "x", 1);
	assert_int_equal(ch_image_open(path_of("file/x"), &image, &err), -ENOTDIR);
}

static void only_images_below_allowed_directories_pass(void **state)
{
	(void)state;
	static const struct {
		const char *allowed; /* %s: our directory */
		int code;
	} cases[] = {
		{ "/", 0 },
		{ "%s", 0 },
		{ "%s/", 0 },
		{ "%s/x", 0 },
		{ "%s/x///", 0 },
		{ "%s/xy:%s/x", 0 },
		{ "/nonexistent:%s", 0 },
		{ "%s/xy", -EACCES },
		{ "%s/nonexistent", -EACCES },
		{ "", -EACCES },
		{ ":", -EACCES },
		{ "/nonexistent", -EACCES },
	};
	ch_auto(image) struct ch_image image = CH_IMAGE_INIT;
	struct ch_err err;

	assert_int_equal(mkdir(path_of("x"), 0755), 0);
	assert_int_equal(mkdir(path_of("xy"), 0755), 0);
	write_file("x/file", "hsqs", 4);
	assert_int_equal(ch_image_open(path_of("x/file"), &image, &err), 0);

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char allowed[200] = "";

		for (const char *p = cases[i].allowed; *p; p++) {
			size_t n = strlen(allowed);

			if (p[0] == '%')
				snprintf(allowed + n, sizeof(allowed) - n, "%s", dir);
			else if (p == cases[i].allowed || p[-1] != '%')
				snprintf(allowed + n, sizeof(allowed) - n, "%c", *p);
		}

		assert_int_equal(ch_image_check_allowed(&image, allowed, &err), cases[i].code);
		if (cases[i].code)
			assert_non_null(strstr(err.msg, "allowed_images"));
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_dir, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(directories_and_squashfs_files_are_images),
		TEST(other_files_are_named_for_what_they_look_like),
		TEST(a_tar_archive_is_recognised_by_its_header),
		TEST(archives_of_layers_are_no_tree),
		TEST(file_systems_are_told_by_their_superblocks),
		TEST(an_oci_layout_is_no_root_directory),
		TEST(special_files_are_refused_without_waiting),
		TEST(what_is_missing_is_named),
		TEST(only_images_below_allowed_directories_pass),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
