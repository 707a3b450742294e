/* SPDX-License-Identifier: Apache-2.0 */
/* Images made to waste time, and what else only a made-up image can have. */
#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/ahead.h"
#include "fs/blockmap.h"
#include "fs/dir.h"
#include "fs/squash.h"
#include "fs/inode.h"
#include "fs/meta.h"
#include "fs/xattr.h"

#define UNCOMPRESSED 0x8000U

/* An image in memory: its metadata is one stream from position 0 on. */
struct made {
	struct ch_squash image;
	uint8_t *bytes;
	size_t len;
};

static void put(struct made *m, const void *data, size_t len)
{
	memcpy(m->bytes + m->len, data, len);
	m->len += len;
}

static void put16(struct made *m, unsigned n)
{
	const uint8_t b[] = { (uint8_t)n, (uint8_t)(n >> 8) };

	put(m, b, sizeof(b));
}

static void put32(struct made *m, uint32_t n)
{
	put16(m, n & 0xffff);
	put16(m, n >> 16);
}

static struct made begin(size_t max)
{
	struct made m = { .bytes = calloc(1, max) };

	assert_non_null(m.bytes);
	return m;
}

/* To a file, cut in metadata blocks of EACH bytes. */
static void finish(struct made *m, size_t each)
{
	int fd = memfd_create("image", MFD_CLOEXEC);
	size_t size = m->len + (m->len / each + 1) * 2;
	struct made file = begin(size);

	for (size_t at = 0; at < m->len; at += each) {
		size_t now = m->len - at < each ? m->len - at : each;

		put16(&file, UNCOMPRESSED | (unsigned)now);
		put(&file, m->bytes + at, now);
	}
	assert_true(write(fd, file.bytes, file.len) == (ssize_t)file.len);
	m->image.fd = fd;
	m->image.size = file.len;
	m->image.block_size = 4096;
	m->image.meta = NOT_NULL(ch_meta_new());
	m->image.ahead = NOT_NULL(ch_ahead_new(fd));
	free(file.bytes);
}

static void done(struct made *m)
{
	ch_meta_allow(UINT32_MAX);
	close(m->image.fd);
	ch_squash_done(&m->image);
	free(m->bytes);
}

static void reads_no_more_metadata_than_allowed(void **state)
{
	(void)state;
	struct made m = begin(5000);
	struct ch_meta_pos pos = { .block = 0 };

	m.len = 5000;
	finish(&m, 1);

	assert_int_equal(ch_meta_read(&m.image, &pos, NULL, 2000), 0);
	ch_meta_allow(1000);
	assert_int_equal(ch_meta_read(&m.image, &pos, NULL, 2000), -EIO);
	ch_meta_allow(2000);
	pos = (struct ch_meta_pos){ .block = 0 };
	assert_int_equal(ch_meta_read(&m.image, &pos, NULL, 1500), 0);
	done(&m);
}

static void a_seek_goes_on_where_the_last_one_had_to_stop(void **state)
{
	(void)state;
	struct made m = begin(40 * CH_META_SIZE);
	struct ch_inode inode = { .mode = S_IFREG, .fragment = CH_SQUASH_NONE, .start = 7 };
	struct ch_block b;
	int failures = 0;

	while (m.len < 40 * CH_META_SIZE)
		put32(&m, 3);
	inode.size = 40 * 2048 * 4096ULL;
	finish(&m, CH_META_SIZE);

	struct ch_blockmap *map = ch_blockmap_new(&m.image);

	assert_non_null(map);
	for (;; failures++) {
		ch_meta_allow(10);
		if (ch_blockmap_find(map, &inode, 40 * 2048 - 1, &b) == 0)
			break;
		assert_true(failures < 10);
	}
	assert_true(failures >= 3);
	assert_int_equal(b.pos, 7 + 3 * (40 * 2048 - 1));
	ch_blockmap_free(map);
	done(&m);
}

/* One inode with COUNT names of TYPE, LEN long, and a table of ids behind. */
static struct made with_names(unsigned count, unsigned type, unsigned len)
{
	struct made m = begin(8 + (size_t)count * (8 + len + 8) + 1000);
	char name[256];

	memset(name, 'n', sizeof(name));
	for (unsigned i = 0; i < count; i++) {
		put16(&m, i ? type : 0);
		put16(&m, i ? len : 1);
		put(&m, name, i ? len : 1);
		put32(&m, 1);
		put(&m, "v", 1);
	}
	finish(&m, CH_META_SIZE);

	/* the id, and the list of one block with ids, as ch_squash_table() wants them */
	uint8_t tail[18 + 16 + 8] = { 16, 0x80 };
	uint64_t at = m.image.size;

	memcpy(tail + 2 + 8, &(uint32_t){ UINT32_MAX }, 4);
	memcpy(tail + 18 + 16, &at, 8);
	assert_true(pwrite(m.image.fd, tail, sizeof(tail), (off_t)at) == sizeof(tail));
	m.image.xattr_table = at + 18;
	m.image.xattrs = 1;
	m.image.size += sizeof(tail);
	return m;
}

static void names_that_are_not_listed_count_too(void **state)
{
	(void)state;
	struct made m = with_names(2000, 1, 100);
	struct ch_inode inode = { .xattr = 0 };
	char buf[1000];

	ch_meta_allow(20);
	assert_int_equal(ch_xattr_list(&m.image, &inode, buf, sizeof(buf)), -EIO);
	assert_int_equal(ch_xattr_get(&m.image, &inode, "user.absent", buf, sizeof(buf)), -EIO);
	/* it was the names, not the time */
	ch_meta_allow(20);
	assert_int_equal(ch_xattr_get(&m.image, &inode, "user.n", buf, sizeof(buf)), 1);
	done(&m);
}

/* The count of names is a lie here, too; the end is met as damage. */
static void unknown_prefixes_are_skipped(void **state)
{
	(void)state;
	struct made m = with_names(3, 9, 20);
	struct ch_inode inode = { .xattr = 0 };
	uint64_t id = m.image.xattr_table - 16;
	char buf[1000];

	assert_true(pwrite(m.image.fd, &(uint32_t){ 3 }, 4, (off_t)id + 8) == 4);

	assert_int_equal(ch_xattr_list(&m.image, &inode, buf, sizeof(buf)), 7);
	assert_string_equal(buf, "user.n");
	assert_int_equal(ch_xattr_get(&m.image, &inode, "nnnn", buf, sizeof(buf)), -ENODATA);
	done(&m);
}

/* A listing of RUNS runs of 200 entries with names of three characters. */
static struct made with_listing(unsigned runs)
{
	struct made m = begin((size_t)runs * (12 + 200 * 11));

	for (unsigned run = 0; run < runs; run++) {
		put32(&m, 199);
		put32(&m, 0);
		put32(&m, run * 200);
		for (unsigned i = 0; i < 200; i++) {
			const char name[] = { (char)('A' + run), (char)('0' + i / 20),
					      (char)('a' + i % 20) };

			put16(&m, 0);
			put16(&m, i);
			put16(&m, 2);
			put16(&m, 2);
			put(&m, name, sizeof(name));
		}
	}
	finish(&m, CH_META_SIZE);
	return m;
}

static void listings_go_on_from_anywhere_with_and_without_memory(void **state)
{
	(void)state;
	struct made m = with_listing(20);
	struct ch_inode inode = { .mode = S_IFDIR, .size = (uint32_t)m.len + 3 };
	struct ch_dir_ends *ends = ch_dir_ends_new();
	uint64_t next[4001] = { CH_DIR_FIRST };
	struct ch_dir dir;
	struct ch_dirent e;

	assert_non_null(ends);
	assert_int_equal(ch_dir_open(&m.image, &inode, CH_DIR_FIRST, NULL, &dir), 0);
	for (size_t i = 1; i <= 4000; i++) {
		assert_int_equal(ch_dir_next(&dir, &e), 1);
		assert_int_equal(e.number, i - 1);
		next[i] = e.next;
	}
	assert_int_equal(ch_dir_next(&dir, &e), 0);
	for (size_t i = 0; i < 20000; i++) {
		size_t n = i * 7919 % 4001;

		assert_int_equal(ch_dir_open(&m.image, &inode, next[n], i % 2 ? ends : NULL, &dir),
				 0);
		if (i % 3 == 0)
			ch_dir_remember(ends, &inode, &dir);
		assert_int_equal(ch_dir_next(&dir, &e), n < 4000);
		if (n < 4000)
			assert_int_equal(e.number, n);
	}
	ch_dir_ends_free(ends);
	done(&m);
}

static void a_remembered_place_is_found_without_what_is_before(void **state)
{
	(void)state;
	struct made m = with_listing(20);
	struct ch_inode inode = { .mode = S_IFDIR, .size = (uint32_t)m.len + 3 };
	struct ch_dir_ends *ends = ch_dir_ends_new();
	struct ch_dirent e = { .next = CH_DIR_FIRST };
	struct ch_dir dir;

	assert_non_null(ends);
	assert_int_equal(ch_dir_open(&m.image, &inode, e.next, ends, &dir), 0);
	for (size_t i = 0; i < 3900; i++)
		assert_int_equal(ch_dir_next(&dir, &e), 1);
	ch_dir_remember(ends, &inode, &dir);

	struct ch_inode other = inode;

	other.ref = 5;
	ch_meta_allow(0);
	assert_int_equal(ch_dir_open(&m.image, &inode, e.next, ends, &dir), 0);
	assert_int_equal(ch_dir_open(&m.image, &other, e.next, ends, &dir), -EIO);
	assert_int_equal(ch_dir_open(&m.image, &inode, e.next, NULL, &dir), -EIO);
	ch_dir_ends_free(ends);
	done(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_no_more_metadata_than_allowed),
		cmocka_unit_test(a_seek_goes_on_where_the_last_one_had_to_stop),
		cmocka_unit_test(names_that_are_not_listed_count_too),
		cmocka_unit_test(unknown_prefixes_are_skipped),
		cmocka_unit_test(listings_go_on_from_anywhere_with_and_without_memory),
		cmocka_unit_test(a_remembered_place_is_found_without_what_is_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
