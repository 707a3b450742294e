/* SPDX-License-Identifier: Apache-2.0 */
/* log.h - where diagnostics go
 *
 * Programs install a sink; without one, nothing is printed. Library code logs only at
 * CH_DEBUG and returns its errors, which are printed once: by main() or a SPANK hook. */
#ifndef CH_BASE_LOG_H
#define CH_BASE_LOG_H

#include <stdbool.h>

enum ch_level { CH_ERROR, CH_WARN, CH_INFO, CH_DEBUG };

typedef void ch_log_sink(enum ch_level level, const char *line, void *data);

/* Send lines up to MAX to SINK. SINK NULL: nothing. Not thread-safe. */
void ch_log_to(ch_log_sink *sink, void *data, enum ch_level max);

/* Would a line of LEVEL be printed? */
bool ch_log_is_on(enum ch_level level);

/* What is called around each line that is printed: for one who has the terminal otherwise
 * (progress.c). FRAME is not copied. By any thread. */
struct ch_log_frame {
	void (*before)(void);
	void (*after)(void);
};

void ch_log_frame(const struct ch_log_frame *frame);

void ch_log(enum ch_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
