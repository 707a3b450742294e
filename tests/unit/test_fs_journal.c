/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <linux/fuse.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fs/journal.h"

/* What a read(2) of a request leaves in slot I. */
static void arrive(struct ch_journal *j, unsigned i, uint64_t unique, uint32_t len)
{
	size_t size;
	struct fuse_in_header *h = ch_journal_buffer(j, i, &size);

	h->unique = unique;
	h->len = len;
}

static void is_empty_at_first(void **state)
{
	(void)state;
	struct ch_journal *j = ch_journal_new(3, 10000);

	assert_non_null(j);
	assert_int_equal(ch_journal_slots(j), 3);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(ch_journal_left(j, i), 0);
	assert_int_equal(ch_journal_served(j), 0);
}

static void keeps_what_a_dead_process_was_at(void **state)
{
	(void)state;
	struct ch_journal *j = ch_journal_new(2, 10000);
	pid_t pid = fork();

	if (pid == 0) {
		arrive(j, 1, 77, 56);
		_exit(0);
	}
	waitpid(pid, NULL, 0);

	assert_int_equal(ch_journal_left(j, 0), 0);
	assert_int_equal(ch_journal_left(j, 1), 56);
}

static void clearing_counts_requests_but_not_forgets(void **state)
{
	(void)state;
	struct ch_journal *j = ch_journal_new(1, 10000);

	ch_journal_clear(j, 0);
	arrive(j, 0, 5, 40);
	ch_journal_clear(j, 0);
	arrive(j, 0, 0, 48); /* FORGETs have no number, and get no reply */
	ch_journal_clear(j, 0);

	assert_int_equal(ch_journal_left(j, 0), 0);
	assert_int_equal(ch_journal_served(j), 1);
}

static void gives_up_after_two_faults(void **state)
{
	(void)state;
	struct ch_journal *j = ch_journal_new(1, 10000);

	arrive(j, 0, 5, 40);
	assert_true(ch_journal_attempt(j, 0, true));
	assert_true(ch_journal_attempt(j, 0, false));
	assert_false(ch_journal_attempt(j, 0, true));
	ch_journal_clear(j, 0);
	assert_true(ch_journal_attempt(j, 0, true));
}

static void gives_up_after_ten_kills(void **state)
{
	(void)state;
	struct ch_journal *j = ch_journal_new(2, 10000);

	arrive(j, 0, 5, 40);
	for (int i = 1; i < 10; i++)
		assert_true(ch_journal_attempt(j, 0, false));
	assert_false(ch_journal_attempt(j, 0, false));
	assert_true(ch_journal_attempt(j, 1, false));
	ch_journal_clear(j, 0);
	assert_true(ch_journal_attempt(j, 0, false));
}

static void does_not_believe_impossible_lengths(void **state)
{
	(void)state;
	struct ch_journal *j = ch_journal_new(1, 8192);

	arrive(j, 0, 5, 39);
	assert_int_equal(ch_journal_left(j, 0), 0);
	arrive(j, 0, 5, 8193);
	assert_int_equal(ch_journal_left(j, 0), 0);
}

static void slots_do_not_overlap(void **state)
{
	(void)state;
	struct ch_journal *j = ch_journal_new(3, 5000);

	for (unsigned i = 0; i < 3; i++) {
		size_t size;
		void *buf = ch_journal_buffer(j, i, &size);

		assert_true(size >= 5000);
		memset(buf, (int)i + 1, size);
	}
	for (unsigned i = 0; i < 3; i++) {
		size_t size;
		const unsigned char *buf = ch_journal_buffer(j, i, &size);

		assert_int_equal(buf[0], i + 1);
		assert_int_equal(buf[size - 1], i + 1);
	}
}

static void tells_once_of_a_request_that_stays(void **state)
{
	(void)state;
	struct ch_journal *j = ch_journal_new(2, 10000);

	assert_false(ch_journal_is_stuck(j));
	arrive(j, 0, 5, 40);
	assert_false(ch_journal_is_stuck(j));
	assert_true(ch_journal_is_stuck(j));
	assert_false(ch_journal_is_stuck(j));
	arrive(j, 1, 6, 40);
	assert_false(ch_journal_is_stuck(j));
	assert_true(ch_journal_is_stuck(j));
	ch_journal_clear(j, 0);
	arrive(j, 0, 7, 40);
	ch_journal_clear(j, 1);
	assert_false(ch_journal_is_stuck(j));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_empty_at_first),
		cmocka_unit_test(keeps_what_a_dead_process_was_at),
		cmocka_unit_test(clearing_counts_requests_but_not_forgets),
		cmocka_unit_test(gives_up_after_two_faults),
		cmocka_unit_test(gives_up_after_ten_kills),
		cmocka_unit_test(does_not_believe_impossible_lengths),
		cmocka_unit_test(slots_do_not_overlap),
		cmocka_unit_test(tells_once_of_a_request_that_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
