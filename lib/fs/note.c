/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/note.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "sys/syslog.h"

#define EVERY 10 /* seconds */

static int log_fd = -1;
static atomic_long last = -EVERY;
static atomic_uint left_out;

void ch_note_open(void)
{
	log_fd = ch_syslog_open();
}

static void __attribute__((format(printf, 2, 0))) note(unsigned more, const char *fmt, va_list ap)
{
	char line[512];
	int n;

	n = snprintf(line, sizeof(line), "ch-server[%d]: ", (int)getpid());
	vsnprintf(line + n, sizeof(line) - (size_t)n, fmt, ap);
	if (more) {
		size_t len = strlen(line);

		snprintf(line + len, sizeof(line) - len, " (and %u more)", more);
	}
	ch_syslog_send(log_fd, LOG_USER | LOG_WARNING, line);
}

void ch_note(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	note(0, fmt, ap);
	va_end(ap);
}

void ch_note_rarely(const char *fmt, ...)
{
	struct timespec now;
	va_list ap;

	clock_gettime(CLOCK_MONOTONIC, &now);

	long before = atomic_load(&last);

	if (now.tv_sec - before < EVERY ||
	    !atomic_compare_exchange_strong(&last, &before, (long)now.tv_sec)) {
		atomic_fetch_add(&left_out, 1);
		return;
	}
	va_start(ap, fmt);
	note(atomic_exchange(&left_out, 0), fmt, ap);
	va_end(ap);
}
