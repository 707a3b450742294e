/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/note.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/auto.h"

#define EVERY 10 /* seconds */

static int log_fd = -1;
static atomic_long last = -EVERY;
static atomic_uint left_out;

void ch_note_open(void)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX, .sun_path = "/dev/log" };
	ch_auto(fd) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
		log_fd = ch_take_fd(&fd);
}

static void __attribute__((format(printf, 2, 0))) note(unsigned more, const char *fmt, va_list ap)
{
	char line[512];
	int n;

	if (log_fd < 0)
		return;
	n = snprintf(line, sizeof(line), "<%d>ch-server[%d]: ", LOG_USER | LOG_WARNING,
		     (int)getpid());
	vsnprintf(line + n, sizeof(line) - (size_t)n, fmt, ap);
	if (more) {
		size_t len = strlen(line);

		snprintf(line + len, sizeof(line) - len, " (and %u more)", more);
	}
	/* Not send(2): a filter cannot look at its address. */
	(void)!write(log_fd, line, strlen(line));
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
