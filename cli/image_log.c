/* SPDX-License-Identifier: Apache-2.0 */
#include "image_log.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/log.h"
#include "base/words.h"

enum { KEPT_MAX = 100 };

/* Any thread may say something. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct ch_words kept; /* warnings, the first of them */
static size_t count;	     /* all */
static FILE *file;	     /* instead of standard error, if the environment says so */

/* Who says it, and when, if the environment wants it. */
static void put_festoon(FILE *out)
{
	time_t now = time(NULL);
	struct tm tm;
	char text[32];

	if (getenv("CH_LOG_FESTOON") && localtime_r(&now, &tm) &&
	    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S%z", &tm) > 0)
		fprintf(out, "%d %s  ", (int)getpid(), text);
}

static void print(const struct ch_image_common *common, enum ch_level level, const char *line)
{
	FILE *out = file ? file : stderr;
	bool is_coloured = level <= CH_WARN && ch_color_is_wanted(common->color, fileno(out));
	const char *color = level == CH_ERROR ? CH_COLOR_RED : CH_COLOR_YELLOW;

	put_festoon(out);
	fprintf(out, "%s%s%s%s\n", is_coloured ? color : "",
		level == CH_ERROR  ? "ch-image: error: "
		: level == CH_WARN ? "ch-image: warning: "
				   : "",
		line, is_coloured ? CH_COLOR_OFF : "");
	fflush(out);
}

/* DATA: the options. */
static void sink(enum ch_level level, const char *line, void *data)
{
	pthread_mutex_lock(&lock);
	if (level == CH_WARN && count++ < KEPT_MAX)
		ch_words_add(&kept, line);
	print(data, level, line);
	pthread_mutex_unlock(&lock);
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
	const char *name = getenv("CH_LOG_FILE");

	static bool is_told;
	const char *why = NULL;

	if (name && name[0] && !file && !(file = fopen(name, "ae")))
		why = strerrordesc_np(errno);
	/* What is passed on to the sink is not changed there. */
	ch_log_to(sink, (void *)(uintptr_t)common, level_of(common));
	if (why && !is_told)
		ch_log(CH_WARN, "CH_LOG_FILE: '%s': %s; messages go to standard error", name, why);
	is_told = why;
}

void ch_image_log_end(void)
{
	ch_log_to(NULL, NULL, CH_ERROR);
	ch_words_done(&kept);
	count = 0;
	ch_auto_file(&file);
	file = NULL;
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
