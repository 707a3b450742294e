/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/text.h"

static struct {
	ch_log_sink *sink;
	void *data;
	enum ch_level max;
} log_;

void ch_log_to(ch_log_sink *sink, void *data, enum ch_level max)
{
	log_.sink = sink;
	log_.data = data;
	log_.max = max;
}

void ch_log(enum ch_level level, const char *fmt, ...)
{
	char line[1024];
	va_list ap;

	if (!log_.sink || level > log_.max)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	ch_text_one_line(line);
	log_.sink(level, line, log_.data);
}
