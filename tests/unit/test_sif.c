/* SPDX-License-Identifier: Apache-2.0 */
#include "rt/sif.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "unit.h"

/* A file as Apptainer makes it, but with a short table. */
enum { TABLE = 4096, EACH = 585, SLOTS = 4, DATA = 8192, SIZE = 4096 };
enum { SQUASH = 1, EXT3 = 2, PRIMARY = 2, PARTITION = 0x4004, JSON = 0x4006 };

static uint8_t file[DATA + SIZE];

static void put(size_t at, uint64_t value, size_t bytes)
{
	value = htole64(value);
	memcpy(file + at, &value, bytes);
}

static void describe(unsigned slot, uint32_t type, uint32_t fs, uint32_t part)
{
	size_t at = TABLE + slot * EACH;

	put(at, type, 4);
	file[at + 4] = 1;
	put(at + 17, DATA, 8);
	put(at + 25, SIZE, 8);
	put(at + 201, fs, 4);
	put(at + 205, part, 4);
}

static int start(void **state)
{
	(void)state;
	memset(file, 0, sizeof(file));
	memcpy(file, "#!/usr/bin/env run-singularity\n", 31);
	memcpy(file + 32, "SIF_MAGIC", 10);
	memcpy(file + 42, "01", 3);
	put(88, SLOTS, 8);
	put(96, TABLE, 8);
	return 0;
}

/* Look at the first LEN bytes of the file. */
static int find(size_t len, struct ch_sif *sif, struct ch_err *err)
{
	ch_auto(fd) int fd = memfd_create("sif", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, file, len), len);
	return ch_sif_find(fd, sif, err);
}

static void the_primary_partition_is_found_wherever_it_is(void **state)
{
	(void)state;
	struct ch_err err;

	for (unsigned slot = 0; slot < SLOTS; slot++) {
		struct ch_sif sif = { 0 };

		start(NULL);
		for (unsigned i = 0; i < SLOTS; i++)
			describe(i, i % 2 ? 0x4001 : PARTITION, EXT3, 3);
		describe(slot, PARTITION, SQUASH, PRIMARY);

		assert_int_equal(find(sizeof(file), &sif, &err), 0);
		assert_int_equal(sif.offset, DATA);
		assert_int_equal(sif.size, SIZE);
	}
}

static void unused_descriptors_do_not_count(void **state)
{
	(void)state;
	struct ch_sif sif = { .size = 77 };
	struct ch_err err;

	describe(1, PARTITION, SQUASH, PRIMARY);
	file[TABLE + EACH + 4] = 0;

	assert_int_equal(find(sizeof(file), &sif, &err), -ENOTSUP);
	assert_string_equal(err.msg, "a SIF file without a primary system partition");
	assert_int_equal(sif.size, 77);
}

static void other_partitions_are_refused_by_name(void **state)
{
	(void)state;
	static const struct {
		uint32_t fs;
		const char *what;
	} cases[] = {
		{ 0, "is a file system of unknown type" },
		{ EXT3, "is an ext3 file system; build" },
		{ 3, "is an archive; build" },
		{ 4, "is raw data; build" },
		{ 5, "is encrypted; build" },
		{ 6, "is a file system of unknown type" },
		{ UINT32_MAX, "is a file system of unknown type" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ch_sif sif;
		struct ch_err err;

		describe(0, PARTITION, cases[i].fs, PRIMARY);
		assert_int_equal(find(sizeof(file), &sif, &err), -ENOTSUP);
		assert_non_null(strstr(err.msg, "a SIF image whose system partition "));
		assert_non_null(strstr(err.msg, cases[i].what));
	}
}

static void layers_of_oci_are_named(void **state)
{
	(void)state;
	struct ch_sif sif;
	struct ch_err err;

	describe(0, 0x400b, 0, 0);
	describe(1, 0x400a, 0, 0);
	assert_int_equal(find(sizeof(file), &sif, &err), -ENOTSUP);
	assert_non_null(strstr(err.msg, "holds OCI layers"));
}

static void every_truncated_file_is_refused(void **state)
{
	(void)state;
	struct ch_err err;

	describe(SLOTS - 1, PARTITION, SQUASH, PRIMARY);
	for (size_t len = 0; len < sizeof(file); len += len < DATA ? 97 : 511) {
		struct ch_sif sif = { .size = 77 };

		assert_int_equal(find(len, &sif, &err), -EPROTO);
		assert_int_equal(sif.size, 77);
		assert_non_null(strstr(err.msg, "truncated"));
	}
}

static void impossible_numbers_are_refused(void **state)
{
	(void)state;
	static const struct {
		size_t at;
		uint64_t value;
		const char *what;
	} cases[] = {
		{ 88, 4097, "impossible table" },
		{ 88, UINT64_MAX, "impossible table" },
		{ 88, UINT64_MAX / EACH + 2, "impossible table" },
		{ 96, 0, "impossible table" },
		{ 96, 127, "impossible table" },
		{ 96, UINT64_MAX, "impossible table" },
		{ 96, INT64_MAX, "truncated" },
		{ TABLE + 17, 0, "impossible position" },
		{ TABLE + 17, UINT64_MAX, "impossible position" },
		{ TABLE + 17, UINT64_MAX - SIZE + 1, "impossible position" },
		{ TABLE + 17, INT64_MAX, "truncated" },
		{ TABLE + 17, DATA + 1, "truncated" },
		{ TABLE + 25, 0, "impossible position" },
		{ TABLE + 25, UINT64_MAX, "impossible position" },
		{ TABLE + 25, INT64_MAX, "truncated" },
		{ TABLE + 25, SIZE + 1, "truncated" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ch_sif sif = { .size = 77 };
		struct ch_err err;

		start(NULL);
		describe(0, PARTITION, SQUASH, PRIMARY);
		put(cases[i].at, cases[i].value, 8);

		assert_int_equal(find(sizeof(file), &sif, &err), -EPROTO);
		assert_non_null(strstr(err.msg, cases[i].what));
		assert_int_equal(sif.size, 77);
	}
}

static void other_versions_and_files_are_refused(void **state)
{
	(void)state;
	struct ch_sif sif;
	struct ch_err err;

	describe(0, PARTITION, SQUASH, PRIMARY);
	file[43] = '2';
	assert_int_equal(find(sizeof(file), &sif, &err), -ENOTSUP);
	assert_non_null(strstr(err.msg, "version"));
	file[41] = 'x';
	assert_int_equal(find(sizeof(file), &sif, &err), -EPROTO);
	assert_string_equal(err.msg, "not a SIF file");
}

static void it_is_told_by_its_magic(void **state)
{
	(void)state;
	assert_true(ch_sif_is(file, sizeof(file)));
	assert_true(ch_sif_is(file, 42));
	assert_false(ch_sif_is(file, 41));
	assert_false(ch_sif_is(file, 0));
	file[0] = 'x';
	assert_true(ch_sif_is(file, sizeof(file)));
	file[32] = 'x';
	assert_false(ch_sif_is(file, sizeof(file)));
}

/* An object with a name */
static void name_it(unsigned slot, uint32_t type, const char *name)
{
	describe(slot, type, 0, 0);
	memcpy(file + TABLE + slot * EACH + 73, name, strlen(name));
}

static int find_json(const char *name, struct ch_sif *sif, struct ch_err *err)
{
	ch_auto(fd) int fd = memfd_create("sif", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, file, sizeof(file)), sizeof(file));
	return ch_sif_find_json(fd, name, sif, err);
}

static void objects_are_found_by_name(void **state)
{
	(void)state;
	struct ch_sif sif = { .size = 77 };
	struct ch_err err;

	name_it(0, JSON, "other.json");
	name_it(1, 0x4007, "a.json");
	assert_int_equal(find_json("a.json", &sif, &err), 0);
	assert_int_equal(sif.size, 77);

	name_it(2, JSON, "a.json");
	assert_int_equal(find_json("a.json", &sif, &err), 1);
	assert_int_equal(sif.offset, DATA);
	assert_int_equal(sif.size, SIZE);

	put(TABLE + 2 * EACH + 25, SIZE + 1, 8);
	assert_int_equal(find_json("a.json", &sif, &err), -EPROTO);
	assert_non_null(strstr(err.msg, "truncated SIF image"));
}

static void the_architecture_is_told(void **state)
{
	(void)state;
	static const struct {
		const char *digits, *name;
	} cases[] = {
		{ "02", "amd64" }, { "04", "arm64" }, { "12", "riscv64" },
		{ "00", NULL },	   { "13", NULL },    { "99", NULL },
		{ "x2", NULL },	   { "2", NULL },     { "", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ch_auto(fd) int fd = memfd_create("sif", MFD_CLOEXEC);
		const char *got;

		memset(file + 45, 0, 3);
		memcpy(file + 45, cases[i].digits, strlen(cases[i].digits));
		assert_int_equal(write(fd, file, sizeof(file)), sizeof(file));
		got = ch_sif_arch(fd);
		assert_string_equal(got ? got : "", cases[i].name ? cases[i].name : "");
	}
}

#define TEST(name) cmocka_unit_test_setup(name, start)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_primary_partition_is_found_wherever_it_is),
		TEST(unused_descriptors_do_not_count),
		TEST(other_partitions_are_refused_by_name),
		TEST(layers_of_oci_are_named),
		TEST(every_truncated_file_is_refused),
		TEST(impossible_numbers_are_refused),
		TEST(other_versions_and_files_are_refused),
		TEST(it_is_told_by_its_magic),
		TEST(objects_are_found_by_name),
		TEST(the_architecture_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
