/* SPDX-License-Identifier: Apache-2.0 */
#include "image_log.h"

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "base/words.h"

enum { KEPT_MAX = 100 };

/* Any thread may warn. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct ch_words kept; /* warnings, the first of them */
static size_t count;	     /* all */

static void keep(const char *line)
{
	pthread_mutex_lock(&lock);
	if (count++ < KEPT_MAX)
		ch_words_add(&kept, line);
	pthread_mutex_unlock(&lock);
}

static void print(const struct ch_image_common *common, enum ch_level level, const char *line)
{
	bool is_coloured = ch_color_is_wanted(common->color, STDERR_FILENO);
	const char *color = level == CH_ERROR ? CH_COLOR_RED : CH_COLOR_YELLOW;

	fprintf(stderr, "%sch-image: %s: %s%s\n", is_coloured ? color : "",
		level == CH_ERROR ? "error" : "warning", line, is_coloured ? CH_COLOR_OFF : "");
}

/* DATA: the options. */
static void to_stderr(enum ch_level level, const char *line, void *data)
{
	if (level > CH_WARN) {
		fprintf(stderr, "%s\n", line);
		return;
	}
	if (level == CH_WARN)
		keep(line);
	print(data, level, line);
}

static enum ch_level level_of(const struct ch_image_common *c)
{
	if (c->quiet > 1)
		return CH_ERROR;
	if (c->quiet == 1)
		return CH_WARN;
	return c->debug || c->verbose > 1 ? CH_DEBUG : CH_INFO;
}

void ch_image_log_begin(const struct ch_image_common *common)
{
	/* What is passed on to the sink is not changed there. */
	ch_log_to(to_stderr, (void *)(uintptr_t)common, level_of(common));
}

void ch_image_log_end(void)
{
	ch_log_to(NULL, NULL, CH_ERROR);
	ch_words_done(&kept);
	count = 0;
}

void ch_image_log_again(void)
{
	struct ch_words lines = kept;
	size_t n = count;

	/* Who wants nothing but warnings has them in front of him. */
	if (n == 0 || !ch_log_is_on(CH_INFO))
		return;
	kept = (struct ch_words){ 0 };
	count = 0;
	ch_log(CH_INFO, "reprinting %zu warning%s", n, n == 1 ? "" : "s");
	for (size_t i = 0; i < lines.n; i++)
		ch_log(CH_WARN, "%s", lines.v[i]);
	if (n > lines.n)
		ch_log(CH_INFO, "and %zu more", n - lines.n);
	ch_words_done(&lines);
}
