/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/text.h"

static struct {
	ch_log_sink *sink;
	void *data;
	enum ch_level max;
} log_;

static const struct ch_log_frame *_Atomic frame_;

void ch_log_to(ch_log_sink *sink, void *data, enum ch_level max)
{
	log_.sink = sink;
	log_.data = data;
	log_.max = max;
}

bool ch_log_is_on(enum ch_level level)
{
	return log_.sink && level <= log_.max;
}

void ch_log_frame(const struct ch_log_frame *frame)
{
	atomic_store(&frame_, frame);
}

void ch_log(enum ch_level level, const char *fmt, ...)
{
	const struct ch_log_frame *frame = atomic_load(&frame_);
	char line[1024];
	va_list ap;

	if (!ch_log_is_on(level))
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	ch_text_one_line(line);
	if (frame)
		frame->before();
	log_.sink(level, line, log_.data);
	if (frame)
		frame->after();
}
