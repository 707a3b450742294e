/* SPDX-License-Identifier: Apache-2.0 */
#include "base/progress.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/text.h"

enum {
	DELAY_MS = 300, /* what is done by then is not shown at all */
	DRAW_MS = 100,
	SMOOTH_MS = 3000, /* what the rate is an average of, about */
	TEXT_MAX = 16 << 10,
	WHAT_MAX = 80,
	MARGIN = 3, /* columns: for the cursor, and for the "^C" of who interrupts us */
};

struct ch_progress {
	struct ch_progress *next;
	char what[WHAT_MAX];
	enum ch_progress_unit unit;
	atomic_ullong total, finished;
	int64_t began; /* ms */
	/* At the last drawing: */
	int64_t drawn; /* ms */
	uint64_t drawn_finished;
	double rate; /* per second */
};

/* Everything of all that are shown, and of the terminal; the time alone is free for all. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct ch_progress *all;
static unsigned lines; /* on the terminal now; the cursor is at the end of the last one */
static atomic_llong due;
/* For signal handlers. */
static atomic_uint shown; /* lines that the terminal has by now */
static atomic_bool is_over;

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- a line ---- */

static void add_amount(struct ch_buf *line, enum ch_progress_unit unit, double n)
{
	static const char *const names[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	size_t i = 0;

	if (unit == CH_PROGRESS_FILES) {
		ch_buf_addf(line, "%.0f", n);
		return;
	}
	for (; n >= 1024 && i + 1 < sizeof(names) / sizeof(names[0]); i++)
		n /= 1024;
	ch_buf_addf(line, i == 0 ? "%.0f %s" : "%.1f %s", n, names[i]);
}

static void add_left(struct ch_buf *line, double seconds)
{
	unsigned s;

	if (seconds > 100 * 3600) /* who knows */
		return;
	s = (unsigned)(seconds + 0.5);
	if (s >= 3600)
		ch_buf_addf(line, ", %u:%02u:%02u left", s / 3600, s / 60 % 60, s % 60);
	else
		ch_buf_addf(line, ", %u:%02u left", s / 60, s % 60);
}

static void update_rate(struct ch_progress *p, uint64_t finished, int64_t now)
{
	int64_t ms = now - (p->drawn ? p->drawn : p->began);
	double rate;

	if (ms <= 0)
		return;
	rate = (double)(finished - p->drawn_finished) * 1000 / (double)ms;
	if (p->drawn)
		rate = p->rate + (rate - p->rate) * (double)ms / (double)(ms + SMOOTH_MS);
	p->rate = rate;
	p->drawn = now;
	p->drawn_finished = finished;
}

static void add_line(struct ch_buf *line, struct ch_progress *p, int64_t now)
{
	uint64_t finished = atomic_load(&p->finished), total = atomic_load(&p->total);

	update_rate(p, finished, now);
	ch_buf_addf(line, "%s: ", p->what);
	add_amount(line, p->unit, (double)finished);
	if (total) {
		ch_buf_adds(line, " of ");
		add_amount(line, p->unit, (double)total);
	}
	if (p->unit == CH_PROGRESS_FILES)
		ch_buf_adds(line, " files");
	if (total)
		ch_buf_addf(line, ", %.0f%%",
			    finished < total ? 100 * (double)finished / (double)total : 100.0);
	ch_buf_adds(line, ", ");
	add_amount(line, p->unit, p->rate);
	ch_buf_adds(line, "/s");
	/* Of less, nobody can tell. */
	if (finished < total && finished >= total / 100 && p->rate > 0)
		add_left(line, (double)(total - finished) / p->rate);
}

/* ---- the terminal; the lock is held ---- */

static void add_erasure(struct ch_buf *out)
{
	if (lines > 1)
		ch_buf_addf(out, "\033[%uA", lines - 1);
	if (lines > 0)
		ch_buf_adds(out, "\r\033[J");
	lines = 0;
}

/* If it goes wrong, nothing is to be done about it. */
static void emit(const struct ch_buf *out)
{
	if (atomic_load(&is_over))
		return;
	for (size_t at = 0; !ch_buf_bad(out) && at < out->len;) {
		ssize_t n = write(STDERR_FILENO, out->data + at, out->len - at);

		if (n < 0 && errno != EINTR)
			return;
		at += n < 0 ? 0 : (size_t)n;
	}
	atomic_store(&shown, lines);
}

/* Cut LINE off in front of what WIDTH has no room for: half a number would be another number. */
static void fit(char *line, size_t width)
{
	static const char *const ends[] = { ", ", " " };

	if (strlen(line) <= width)
		return;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		for (char *at = line + width; at > line; at--)
			if (strncmp(at, ends[i], strlen(ends[i])) == 0) {
				*at = '\0';
				return;
			}
	ch_text_cut(line, width);
}

/* Bytes are never fewer than columns: no line is wrapped. One line is left to what is above. */
static void add_lines(struct ch_buf *out, int64_t now)
{
	struct winsize size;
	unsigned columns = 80, rows = 24;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0) {
		columns = size.ws_col > 1 ? size.ws_col : columns;
		rows = size.ws_row > 1 ? size.ws_row : rows;
	}
	for (struct ch_progress *p = all; p && lines + 1 < rows; p = p->next) {
		ch_auto(buf) struct ch_buf line = CH_BUF_INIT(1024);

		if (now - p->began < DELAY_MS)
			continue;
		add_line(&line, p, now);
		if (ch_buf_bad(&line))
			continue;
		fit(line.data, columns > MARGIN ? columns - MARGIN : 1);
		ch_buf_addf(out, "%s%s", lines ? "\n" : "", line.data);
		lines++;
	}
}

static void draw(int64_t now)
{
	ch_auto(buf) struct ch_buf out = CH_BUF_INIT(TEXT_MAX);

	add_erasure(&out);
	add_lines(&out, now);
	atomic_store(&due, now + DRAW_MS);
	emit(&out);
}

/* ---- around messages ---- */

static void before_message(void)
{
	ch_auto(buf) struct ch_buf out = CH_BUF_INIT(64);

	pthread_mutex_lock(&lock);
	add_erasure(&out);
	emit(&out);
}

static void after_message(void)
{
	if (all)
		draw(now_ms());
	pthread_mutex_unlock(&lock);
}

static const struct ch_log_frame frame = { before_message, after_message };

/* ---- what others call ---- */

static bool is_seen(void)
{
	const char *term = getenv("TERM");

	return ch_log_is_on(CH_INFO) && term && strcmp(term, "dumb") != 0 && isatty(STDERR_FILENO);
}

struct ch_progress *ch_progress_new(const char *what, enum ch_progress_unit unit, uint64_t total)
{
	struct ch_progress *p = is_seen() ? calloc(1, sizeof(*p)) : NULL;
	struct ch_progress **last = &all;

	if (!p)
		return NULL;
	snprintf(p->what, sizeof(p->what), "%s", what);
	ch_text_one_line(p->what);
	p->unit = unit;
	atomic_init(&p->total, total);
	p->began = now_ms();
	pthread_mutex_lock(&lock);
	ch_log_frame(&frame);
	while (*last)
		last = &(*last)->next;
	*last = p;
	pthread_mutex_unlock(&lock);
	return p;
}

void ch_progress_expect(struct ch_progress *progress, uint64_t n)
{
	if (progress)
		atomic_fetch_add(&progress->total, n);
}

void ch_progress_add(struct ch_progress *progress, uint64_t n)
{
	int64_t now;

	if (!progress)
		return;
	atomic_fetch_add(&progress->finished, n);
	now = now_ms();
	/* Nobody waits for a terminal on which another one is drawing. */
	if (now < atomic_load(&due) || pthread_mutex_trylock(&lock) != 0)
		return;
	if (now >= atomic_load(&due))
		draw(now);
	pthread_mutex_unlock(&lock);
}

void ch_progress_wipe(void)
{
	static const char up[] = "\033[A", erase[] = "\r\033[J";
	unsigned n = atomic_load(&shown);
	ssize_t unused = 0;

	atomic_store(&is_over, true);
	for (unsigned i = 1; i < n; i++)
		unused += write(STDERR_FILENO, up, sizeof(up) - 1);
	if (n > 0)
		unused += write(STDERR_FILENO, erase, sizeof(erase) - 1);
	(void)unused;
}

void ch_progress_done(struct ch_progress *progress)
{
	struct ch_progress **at = &all;

	if (!progress)
		return;
	pthread_mutex_lock(&lock);
	while (*at != progress)
		at = &(*at)->next;
	*at = progress->next;
	if (lines)
		draw(now_ms());
	pthread_mutex_unlock(&lock);
	free(progress);
}
