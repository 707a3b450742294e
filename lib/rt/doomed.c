/* SPDX-License-Identifier: Apache-2.0 */
#include "rt/doomed.h"

#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/auto.h"
#include "sys/msg.h"

enum { INTERVAL_MS = 4000, STRIKES = 2, TEXT_MAX = 8192 };

/* What follows NAME at the beginning of a line, or NULL. */
static const char *field(const char *text, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = text; p; p = strchr(p, '\n')) {
		p += *p == '\n';
		if (strncmp(p, name, n) == 0)
			return p + n + strspn(p + n, " \t");
	}
	return NULL;
}

/* Is SIGKILL in the mask NAME? */
static bool has_kill(const char *text, const char *name)
{
	const char *mask = field(text, name);

	return mask && strtoull(mask, NULL, 16) >> (SIGKILL - 1) & 1;
}

enum ch_doomed_state ch_doomed_parse(const char *text)
{
	const char *state = field(text, "State:"), *threads = field(text, "Threads:");
	bool is_alone = !threads || strtoul(threads, NULL, 10) <= 1;

	/* A first thread that has ended is a zombie as long as there are others. */
	if (!state || ((*state == 'Z' || *state == 'X') && is_alone))
		return CH_DOOMED_GONE;
	if (has_kill(text, "SigPnd:") || has_kill(text, "ShdPnd:"))
		return CH_DOOMED_KILLED;
	return CH_DOOMED_ALIVE;
}

/* ESRCH: gone. Anything else that cannot be read is no status file. */
static enum ch_doomed_state look_at(int fd)
{
	char text[TEXT_MAX];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	if (n < 0)
		return CH_DOOMED_GONE;
	text[n] = '\0';
	return ch_doomed_parse(text);
}

void ch_doomed_limit(struct ch_doomed *d)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur / 2 < CH_DOOMED_MAX)
		d->max = (size_t)r.rlim_cur / 2;
}

void ch_doomed_add(struct ch_doomed *d, int fd)
{
	if (d->n == (d->max ? d->max : CH_DOOMED_MAX) || look_at(fd) == CH_DOOMED_GONE) {
		close(fd);
		return;
	}
	if (d->n == 0)
		d->next = ch_msg_deadline(INTERVAL_MS);
	d->status[d->n++] = fd;
}

int ch_doomed_patience(const struct ch_doomed *d)
{
	return d->n ? ch_msg_left(d->next) : -1;
}

static void forget(struct ch_doomed *d, size_t i)
{
	close(d->status[i]);
	d->status[i] = d->status[--d->n];
}

bool ch_doomed_look(struct ch_doomed *d)
{
	if (d->n == 0 || ch_msg_left(d->next) > 0)
		return false;
	d->next = ch_msg_deadline(INTERVAL_MS);
	for (size_t i = 0; i < d->n;) {
		enum ch_doomed_state state = look_at(d->status[i]);

		if (state == CH_DOOMED_GONE) {
			forget(d, i);
		} else if (state == CH_DOOMED_KILLED) {
			i++;
		} else {
			/* The first one to be looked at next time: most often the only one. */
			int alive = d->status[i];

			d->status[i] = d->status[0];
			d->status[0] = alive;
			d->strikes = 0;
			return false;
		}
	}
	return d->n > 0 && ++d->strikes >= STRIKES;
}

void ch_doomed_done(struct ch_doomed *d)
{
	while (d->n > 0)
		forget(d, d->n - 1);
}
