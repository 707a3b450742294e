/* SPDX-License-Identifier: Apache-2.0 */
/* The cache of data blocks, on an image that is nothing but uncompressed blocks. */
#include "unit.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fs/ahead.h"
#include "fs/blocks.h"
#include "fs/squash.h"

#define SIZE	     ((size_t)1 << 20)
#define BLOCKS	     80 /* more than the cache holds: 64 MiB */
#define UNCOMPRESSED (1U << 24)

struct fixture {
	struct ch_squash image;
	struct ch_blocks *blocks;
	uint8_t *scratch;
};

static int setup(void **state)
{
	struct fixture *f = NOT_NULL(calloc(1, sizeof(*f)));

	f->image.fd = memfd_create("image", MFD_CLOEXEC);
	f->image.size = BLOCKS * SIZE;
	f->image.block_size = SIZE;
	f->image.ahead = NOT_NULL(ch_ahead_new(f->image.fd));
	assert_int_equal(ftruncate(f->image.fd, BLOCKS * SIZE), 0);
	for (uint8_t i = 0; i < BLOCKS; i++)
		assert_int_equal(pwrite(f->image.fd, &i, 1, (off_t)(i * SIZE)), 1);
	f->blocks = NOT_NULL(ch_blocks_new(&f->image, 4));
	f->scratch = NOT_NULL(malloc(SIZE));
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	ch_blocks_free(f->blocks);
	ch_ahead_free(f->image.ahead);
	close(f->image.fd);
	free(f->scratch);
	free(f);
	return 0;
}

static struct ch_block block(unsigned i)
{
	return (struct ch_block){ .pos = i * SIZE, .header = UNCOMPRESSED | SIZE };
}

/* Block I, pinned; its first byte says which one it is. */
static struct ch_pinned get(struct fixture *f, unsigned i)
{
	struct ch_pinned p;

	assert_int_equal(ch_blocks_get(f->blocks, block(i), f->scratch, &p), 0);
	assert_int_equal(p.len, SIZE);
	assert_int_equal(p.data[0], i);
	return p;
}

static bool was_there(struct fixture *f, unsigned i)
{
	struct ch_pinned p = get(f, i);

	ch_blocks_put(f->blocks, &p, 0);
	return !p.fresh;
}

static void a_block_is_unpacked_once(void **state)
{
	struct fixture *f = *state;
	struct ch_pinned first = get(f, 7);
	struct ch_pinned again = get(f, 7);

	assert_true(first.fresh);
	assert_false(again.fresh);
	assert_ptr_equal(first.data, again.data);
	ch_blocks_put(f->blocks, &first, 0);
	ch_blocks_put(f->blocks, &again, 0);
	assert_true(was_there(f, 7));
}

static void what_was_given_out_goes_first(void **state)
{
	struct fixture *f = *state;
	struct ch_pinned kept = get(f, 0);
	struct ch_pinned done = get(f, 1);

	ch_blocks_put(f->blocks, &kept, SIZE - 1);
	ch_blocks_put(f->blocks, &done, SIZE);

	struct ch_pinned next = get(f, 2);

	assert_ptr_equal(next.data, done.data);
	ch_blocks_put(f->blocks, &next, 0);
	assert_true(was_there(f, 0));
}

static void of_others_the_one_not_used_for_longest_goes(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 64; i++)
		assert_false(was_there(f, i));
	assert_true(was_there(f, 0));
	assert_false(was_there(f, 64));
	assert_true(was_there(f, 0));
	assert_false(was_there(f, 1));
}

static void a_pinned_block_stays(void **state)
{
	struct fixture *f = *state;
	struct ch_pinned p = get(f, 3);

	for (unsigned i = 4; i < BLOCKS; i++)
		was_there(f, i);
	assert_int_equal(p.data[0], 3);
	ch_blocks_put(f->blocks, &p, SIZE);
}

static void a_block_that_cannot_be_read_is_tried_again(void **state)
{
	struct fixture *f = *state;
	struct ch_pinned p;

	assert_int_equal(ftruncate(f->image.fd, SIZE), 0);
	assert_int_equal(ch_blocks_get(f->blocks, block(5), f->scratch, &p), -EIO);
	assert_int_equal(ftruncate(f->image.fd, BLOCKS * SIZE), 0);
	assert_int_equal(ch_blocks_get(f->blocks, block(5), f->scratch, &p), 0);
	ch_blocks_put(f->blocks, &p, 0);
}

static void impossible_blocks_are_refused(void **state)
{
	struct fixture *f = *state;
	const struct ch_block bad[] = {
		{ .pos = 0, .header = UNCOMPRESSED },
		{ .pos = 0, .header = UNCOMPRESSED | (SIZE + 1) },
		{ .pos = BLOCKS * SIZE - 1, .header = UNCOMPRESSED | 2 },
		{ .pos = UINT64_MAX, .header = UNCOMPRESSED | 2 },
	};
	struct ch_pinned p;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(ch_blocks_get(f->blocks, bad[i], f->scratch, &p), -EIO);
}

/* ---- several threads ---------------------------------------------------------- */

enum { THREADS = 4, ROUNDS = 400 };

struct reader {
	struct fixture *f;
	unsigned seed;
	unsigned wrong;
};

static void *read_blocks(void *arg)
{
	struct reader *r = arg;
	uint8_t *scratch = malloc(SIZE);

	for (unsigned i = 0; i < ROUNDS && scratch; i++) {
		unsigned n = (i * 7 + r->seed * (i % 3)) % BLOCKS;
		struct ch_pinned p;

		if (ch_blocks_get(r->f->blocks, block(n), scratch, &p) < 0 || p.data[0] != n)
			r->wrong++;
		else
			ch_blocks_put(r->f->blocks, &p, n % 2 ? SIZE : 1);
	}
	r->wrong += !scratch;
	free(scratch);
	return NULL;
}

static void threads_get_what_they_asked_for(void **state)
{
	struct reader readers[THREADS];
	pthread_t ids[THREADS];

	for (unsigned i = 0; i < THREADS; i++) {
		readers[i] = (struct reader){ .f = *state, .seed = i };
		assert_int_equal(pthread_create(&ids[i], NULL, read_blocks, &readers[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(ids[i], NULL);
		assert_int_equal(readers[i].wrong, 0);
	}
}

/* ---- who asks while another one unpacks ----------------------------------------- */

struct crowd {
	struct fixture *f;
	pthread_barrier_t together;
	_Atomic unsigned fresh;
	_Atomic unsigned wrong;
};

/* The cache has forgotten a block when its turn comes again. */
static void *ask_together(void *arg)
{
	struct crowd *c = arg;
	uint8_t *scratch = malloc(SIZE);

	for (unsigned i = 0; i < 2 * BLOCKS; i++) {
		struct ch_pinned p;

		pthread_barrier_wait(&c->together);
		if (!scratch || ch_blocks_get(c->f->blocks, block(i % BLOCKS), scratch, &p) < 0) {
			c->wrong++;
			continue;
		}
		c->fresh += p.fresh;
		c->wrong += p.data[0] != i % BLOCKS || p.len != SIZE;
		ch_blocks_put(c->f->blocks, &p, 1);
	}
	free(scratch);
	return NULL;
}

static void of_those_who_ask_at_once_one_unpacks(void **state)
{
	struct crowd c = { .f = *state };
	pthread_t ids[THREADS];

	assert_int_equal(pthread_barrier_init(&c.together, NULL, THREADS), 0);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&ids[i], NULL, ask_together, &c), 0);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(ids[i], NULL);
	pthread_barrier_destroy(&c.together);
	assert_int_equal(c.wrong, 0);
	assert_int_equal(c.fresh, 2 * BLOCKS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_block_is_unpacked_once),
		TEST(what_was_given_out_goes_first),
		TEST(of_others_the_one_not_used_for_longest_goes),
		TEST(a_pinned_block_stays),
		TEST(a_block_that_cannot_be_read_is_tried_again),
		TEST(impossible_blocks_are_refused),
		TEST(threads_get_what_they_asked_for),
		TEST(of_those_who_ask_at_once_one_unpacks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
