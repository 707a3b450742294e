/* SPDX-License-Identifier: Apache-2.0 */
/* What is pushed, as the kernel would get it. */
#include "unit.h"

#include <fcntl.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "fs/ahead.h"
#include "fs/data.h"
#include "fs/inode.h"
#include "fs/meta.h"
#include "fs/push.h"
#include "fs/squash.h"

#define SIZE	     ((size_t)256 << 10)
#define UNCOMPRESSED (1U << 24)
#define META_PLAIN   0x8000U
#define PIECE	     4096

#define BLOCKS 3

/* An image of three blocks, whose list of blocks is behind them; and a file in it. */
struct fixture {
	struct ch_squash image;
	struct ch_inode inode;
	struct ch_data *data;
	struct ch_reader *reader;
	int kernel; /* what is pushed arrives here */
};

struct pushed {
	struct fuse_out_header head;
	struct fuse_notify_store_out what;
	uint8_t data[SIZE];
};

static void *run(void *arg)
{
	ch_push_run(arg);
}

static void write_image(int fd)
{
	static uint8_t bytes[SIZE];
	const uint8_t header[] = { 4 * BLOCKS, META_PLAIN >> 8 };
	const uint8_t block[] = { 0, (SIZE >> 8) & 0xff, (SIZE >> 16) & 0xff, 1 };

	for (size_t i = 0; i < SIZE; i++)
		bytes[i] = (uint8_t)(i / PIECE);
	for (int i = 0; i < BLOCKS; i++)
		assert_int_equal(write(fd, bytes, SIZE), SIZE);
	assert_int_equal(write(fd, header, sizeof(header)), sizeof(header));
	for (int i = 0; i < BLOCKS; i++)
		assert_int_equal(write(fd, block, sizeof(block)), sizeof(block));
}

/* Of each test: its thread never ends, so neither does what it uses. */
static struct fixture fixtures[6];

static struct fixture *make(uint64_t file_size)
{
	static size_t used;
	struct fixture *f = &fixtures[used++];
	struct ch_err err;
	pthread_t id;
	int fds[2];

	f->image.fd = memfd_create("image", MFD_CLOEXEC);
	write_image(f->image.fd);
	f->image.size = BLOCKS * SIZE + 2 + 4 * BLOCKS;
	f->image.block_size = SIZE;
	f->image.meta = NOT_NULL(ch_meta_new());
	f->image.ahead = NOT_NULL(ch_ahead_new(f->image.fd));
	f->inode = (struct ch_inode){ .ref = 5,
				      .mode = S_IFREG,
				      .size = file_size,
				      .fragment = CH_SQUASH_NONE,
				      .next = { .block = BLOCKS * SIZE } };
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	f->kernel = fds[0];
	assert_int_equal(fcntl(f->kernel, F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &(int){ 4 * SIZE }, sizeof(int)),
			 0);
	assert_int_equal(ch_data_new(&f->image, 1, fds[1], &f->data, &err), 0);
	assert_int_equal(ch_reader_new(f->data, &f->reader, &err), 0);
	assert_int_equal(pthread_create(&id, NULL, run, NOT_NULL(ch_data_push(f->data))), 0);
	pthread_detach(id);
	return f;
}

/* Read a piece at OFF. */
static void read_at(struct fixture *f, uint64_t off, size_t len)
{
	const struct iovec *parts;
	unsigned n;

	assert_int_equal(ch_data_get(f->reader, &f->inode, off, PIECE, &parts, &n), len);
	assert_int_equal(n, 1);
	assert_int_equal(*(const uint8_t *)parts[0].iov_base, off % SIZE / PIECE);
	ch_data_done(f->reader);
}

/* The next message, of LEN bytes for OFF. */
static void expect(struct fixture *f, uint64_t off, size_t len)
{
	static struct pushed p;
	const size_t heads = sizeof(p.head) + sizeof(p.what);
	ssize_t n;

	for (int try = 0; (n = read(f->kernel, &p, sizeof(p))) < 0 && try < 1000; try++)
		usleep(10000);
	assert_int_equal(n, heads + len);
	assert_int_equal(p.head.len, n);
	assert_int_equal(p.head.unique, 0);
	assert_int_equal(p.head.error, FUSE_NOTIFY_STORE);
	assert_int_equal(p.what.nodeid, 5 + 2);
	assert_int_equal(p.what.offset, off);
	assert_int_equal(p.what.size, len);
	assert_int_equal(p.data[0], off % SIZE / PIECE);
	assert_int_equal(p.data[len - 1], (off + len - 1) % SIZE / PIECE);
}

static void expect_nothing(struct fixture *f)
{
	char c;

	usleep(50000);
	assert_int_equal(read(f->kernel, &c, 1), -1);
}

/* Whether there is a thread yet, no one knows: it takes offers from then on. */
static struct fixture *ready(uint64_t file_size)
{
	struct fixture *f = make(file_size);

	usleep(100000);
	return f;
}

static void what_is_behind_comes_first_then_what_is_before(void **state)
{
	struct fixture *f = ready(SIZE);

	(void)state;
	read_at(f, 3 * PIECE, PIECE);
	expect(f, 4 * PIECE, SIZE - 4 * PIECE);
	expect(f, 0, 3 * PIECE);
	expect_nothing(f);
}

static void nothing_behind_the_end_of_the_file(void **state)
{
	struct fixture *f = ready(6 * PIECE + 10);

	(void)state;
	read_at(f, 3 * PIECE, PIECE);
	expect(f, 4 * PIECE, 2 * PIECE + 10);
	expect(f, 0, 3 * PIECE);
	expect_nothing(f);
}

static void at_the_end_only_what_is_before(void **state)
{
	struct fixture *f = ready(6 * PIECE + 10);

	(void)state;
	read_at(f, 6 * PIECE, 10);
	expect(f, 0, 6 * PIECE);
	expect_nothing(f);
}

static void a_block_entered_at_its_beginning_is_left_alone(void **state)
{
	struct fixture *f = ready(SIZE);

	(void)state;
	read_at(f, 0, PIECE);
	expect_nothing(f);
}

/* What was unpacked ahead is not pushed. */
static void who_begins_the_second_block_will_find_the_third(void **state)
{
	struct fixture *f = ready(BLOCKS * SIZE);

	(void)state;
	read_at(f, SIZE, PIECE);
	expect_nothing(f);
	read_at(f, 2 * SIZE + PIECE, PIECE);
	expect_nothing(f);
}

static void who_begins_a_file_does_not_get_the_second_block(void **state)
{
	struct fixture *f = ready(BLOCKS * SIZE);

	(void)state;
	read_at(f, 0, PIECE);
	expect_nothing(f);
	read_at(f, SIZE + PIECE, PIECE);
	expect(f, SIZE + 2 * PIECE, SIZE - 2 * PIECE);
	expect(f, SIZE, PIECE);
	expect_nothing(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_behind_comes_first_then_what_is_before),
		cmocka_unit_test(nothing_behind_the_end_of_the_file),
		cmocka_unit_test(at_the_end_only_what_is_before),
		cmocka_unit_test(a_block_entered_at_its_beginning_is_left_alone),
		cmocka_unit_test(who_begins_the_second_block_will_find_the_third),
		cmocka_unit_test(who_begins_a_file_does_not_get_the_second_block),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
