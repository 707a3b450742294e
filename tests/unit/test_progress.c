/* SPDX-License-Identifier: Apache-2.0 */
/* A pseudo-terminal is standard error. */
#include "base/progress.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/log.h"
#include "unit.h"

/* Longer than what is not shown at all. */
#define LONG_MS 350

struct terminal {
	int master, saved;
	char text[65536]; /* what appeared on it since it was last read */
};

static void print(enum ch_level level, const char *line, void *data)
{
	(void)level;
	(void)data;
	dprintf(STDERR_FILENO, "%s\n", line);
}

static int open_terminal(void **state)
{
	struct terminal *t = NOT_NULL(calloc(1, sizeof(*t)));

	*state = t;
	t->master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (t->master < 0 || grantpt(t->master) < 0 || unlockpt(t->master) < 0)
		return -1;

	ch_auto(fd) int slave = open(ptsname(t->master), O_RDWR | O_NOCTTY | O_CLOEXEC);

	t->saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	setenv("TERM", "xterm", 1);
	ch_log_to(print, NULL, CH_INFO);
	return slave < 0 || t->saved < 0 || dup2(slave, STDERR_FILENO) < 0 ? -1 : 0;
}

static int close_terminal(void **state)
{
	struct terminal *t = *state;

	ch_log_to(NULL, NULL, CH_ERROR);
	if (dup2(t->saved, STDERR_FILENO) < 0)
		return -1;
	close(t->saved);
	close(t->master);
	free(t);
	return 0;
}

static void resize(struct terminal *t, unsigned short rows, unsigned short columns)
{
	struct winsize size = { .ws_row = rows, .ws_col = columns };

	assert_int_equal(ioctl(t->master, TIOCSWINSZ, &size), 0);
}

static const char *seen(struct terminal *t)
{
	size_t len = 0;
	ssize_t n;

	while ((n = read(t->master, t->text + len, sizeof(t->text) - 1 - len)) > 0)
		len += (size_t)n;
	t->text[len] = '\0';
	return t->text;
}

static void pass(unsigned ms)
{
	struct timespec time = { .tv_nsec = ms * 1000000L };

	assert_int_equal(nanosleep(&time, NULL), 0);
}

static void one_says_how_far_it_is(void **state)
{
	struct terminal *t = *state;
	struct ch_progress *p = NOT_NULL(ch_progress_new("check-out", CH_PROGRESS_FILES, 1000));

	pass(LONG_MS);
	ch_progress_add(p, 250);

	assert_true(strncmp(seen(t), "check-out: 250 of 1000 files, 25%, ", 35) == 0);
	assert_non_null(strstr(t->text, "/s, 0:01 left"));

	ch_progress_done(p);

	assert_string_equal(seen(t), "\r\033[J");
}

static void bytes_have_units_and_a_total_may_come_later(void **state)
{
	struct terminal *t = *state;
	struct ch_progress *p = NOT_NULL(ch_progress_new("layer", CH_PROGRESS_BYTES, 0));

	pass(LONG_MS);
	ch_progress_add(p, 512);
	assert_true(strncmp(seen(t), "layer: 512 B, 1.", 16) == 0);
	assert_null(strstr(t->text, "left"));
	ch_progress_expect(p, 3ULL << 30);
	pass(LONG_MS);
	ch_progress_add(p, (1ULL << 30) - 512);

	assert_true(strncmp(seen(t), "\r\033[Jlayer: 1.0 GiB of 3.0 GiB, 33%, ", 35) == 0);
	ch_progress_done(p);
}

static void what_is_short_is_not_shown(void **state)
{
	struct terminal *t = *state;
	struct ch_progress *p = NOT_NULL(ch_progress_new("commit", CH_PROGRESS_FILES, 2));

	ch_progress_add(p, 1);
	ch_log(CH_INFO, "done");
	ch_progress_done(p);

	assert_string_equal(seen(t), "done\r\n");
}

static void several_have_a_line_each_and_messages_are_above(void **state)
{
	struct terminal *t = *state;
	struct ch_progress *a = NOT_NULL(ch_progress_new("a", CH_PROGRESS_FILES, 10));
	struct ch_progress *b = NOT_NULL(ch_progress_new("b\033[m", CH_PROGRESS_FILES, 10));

	pass(LONG_MS);
	ch_progress_add(a, 1);
	assert_non_null(strstr(seen(t), "left\r\nb?[m: 0 of 10 files, 0%, 0/s"));

	ch_log(CH_INFO, "a message");

	assert_true(strncmp(seen(t), "\033[1A\r\033[Ja message\r\na: 1 of 10", 29) == 0);

	ch_progress_done(a);

	assert_true(strncmp(seen(t), "\033[1A\r\033[Jb?[m: 0 of", 18) == 0);
	ch_progress_done(b);
	assert_string_equal(seen(t), "\r\033[J");
}

static void no_line_is_wider_than_the_terminal_and_not_all_need_have_room(void **state)
{
	struct terminal *t = *state;
	struct ch_progress *p[3];

	resize(t, 3, 24);
	for (size_t i = 0; i < ARRAY_SIZE(p); i++)
		p[i] = NOT_NULL(ch_progress_new("something", CH_PROGRESS_FILES, 10));
	pass(LONG_MS);
	ch_progress_add(p[0], 1);

	/* No number is cut. */
	assert_string_equal(seen(t), "something: 1 of 10\r\nsomething: 0 of 10");
	for (size_t i = 0; i < ARRAY_SIZE(p); i++)
		ch_progress_done(p[i]);
	resize(t, 24, 29);
	p[0] = NOT_NULL(ch_progress_new("something", CH_PROGRESS_FILES, 10));
	pass(LONG_MS);
	ch_progress_add(p[0], 1);

	assert_non_null(strstr(seen(t), "something: 1 of 10 files"));
	assert_null(strchr(t->text, '%'));
	ch_progress_done(p[0]);
}

static void of_too_little_nobody_tells_how_long_it_takes(void **state)
{
	struct terminal *t = *state;
	struct ch_progress *p = NOT_NULL(ch_progress_new("scan", CH_PROGRESS_FILES, 1000));

	pass(LONG_MS);
	ch_progress_add(p, 9);
	assert_non_null(strstr(seen(t), "scan: 9 of 1000 files"));
	assert_null(strstr(t->text, "left"));
	ch_progress_done(p);
}

/* What a handler does leaves a terminal without lines, whoever goes on to work. */
static void in_the_end_they_are_wiped_away(void **state)
{
	struct terminal *t = *state;
	struct ch_progress *p[2];

	for (size_t i = 0; i < ARRAY_SIZE(p); i++)
		p[i] = NOT_NULL(ch_progress_new("scan", CH_PROGRESS_FILES, 10));
	pass(LONG_MS);
	ch_progress_add(p[0], 1);
	seen(t);
	ch_progress_wipe();
	pass(LONG_MS);
	ch_progress_add(p[0], 1);
	ch_progress_done(p[0]);
	ch_progress_done(p[1]);

	assert_string_equal(seen(t), "\033[A\r\033[J");
}

static void *work(void *p)
{
	for (int i = 0; i < 50000; i++) {
		ch_progress_expect(p, 1);
		ch_progress_add(p, 1);
		if (i % 5000 == 0)
			ch_log(CH_INFO, "still at it");
	}
	return NULL;
}

static void threads_may_work_at_the_same_and_it_is_drawn_some_times_a_second(void **state)
{
	struct terminal *t = *state;
	struct ch_progress *p = NOT_NULL(ch_progress_new("work", CH_PROGRESS_FILES, 0));
	struct timespec from, to;
	pthread_t thread[4];
	unsigned draws = 0, messages = 0;
	double seconds;

	pass(LONG_MS);
	clock_gettime(CLOCK_MONOTONIC, &from);
	for (size_t i = 0; i < ARRAY_SIZE(thread); i++)
		assert_int_equal(pthread_create(&thread[i], NULL, work, p), 0);
	for (size_t i = 0; i < ARRAY_SIZE(thread); i++)
		assert_int_equal(pthread_join(thread[i], NULL), 0);
	clock_gettime(CLOCK_MONOTONIC, &to);
	seconds = (double)(to.tv_sec - from.tv_sec) + 1e-9 * (double)(to.tv_nsec - from.tv_nsec);
	for (const char *at = seen(t); (at = strstr(at, "work: ")); at++)
		draws++;
	for (const char *at = t->text; (at = strstr(at, "still at it\r\n")); at++)
		messages++;

	assert_int_equal(messages, 40);
	assert_in_range(draws, messages, messages + 2 + (unsigned)(10 * seconds));
	ch_log(CH_INFO, "end");
	assert_non_null(strstr(seen(t), "work: 200000 of 200000 files, 100%"));
	ch_progress_done(p);
}

static void where_nobody_sees_it_there_is_none(void **state)
{
	struct terminal *t = *state;
	struct ch_progress *p;

	ch_log_to(print, NULL, CH_WARN);
	assert_null(ch_progress_new("quiet", CH_PROGRESS_FILES, 1));
	ch_log_to(print, NULL, CH_INFO);
	setenv("TERM", "dumb", 1);
	assert_null(ch_progress_new("dumb", CH_PROGRESS_FILES, 1));
	setenv("TERM", "xterm", 1);

	ch_auto(fd) int terminal = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	ch_auto(fd) int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	assert_true(dup2(null, STDERR_FILENO) >= 0);
	p = ch_progress_new("no terminal", CH_PROGRESS_FILES, 1);
	assert_null(p);
	ch_progress_expect(p, 1);
	ch_progress_add(p, 1);
	ch_progress_done(p);
	assert_true(dup2(terminal, STDERR_FILENO) >= 0);
	assert_string_equal(seen(t), "");
}

#define ON_TERMINAL(test) cmocka_unit_test_setup_teardown(test, open_terminal, close_terminal)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_TERMINAL(one_says_how_far_it_is),
		ON_TERMINAL(bytes_have_units_and_a_total_may_come_later),
		ON_TERMINAL(what_is_short_is_not_shown),
		ON_TERMINAL(several_have_a_line_each_and_messages_are_above),
		ON_TERMINAL(no_line_is_wider_than_the_terminal_and_not_all_need_have_room),
		ON_TERMINAL(of_too_little_nobody_tells_how_long_it_takes),
		ON_TERMINAL(threads_may_work_at_the_same_and_it_is_drawn_some_times_a_second),
		ON_TERMINAL(where_nobody_sees_it_there_is_none),
		ON_TERMINAL(in_the_end_they_are_wiped_away), /* nothing is shown any more */
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
