/* SPDX-License-Identifier: Apache-2.0 */
#include "build/run_output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"

static bool is_same(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino;
}

static int open_pipe(struct ch_run_channel *c)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	c->in = ends[0];
	c->theirs = ends[1];
	return 0;
}

/* A pseudo-terminal as large as ours, which passes on what is written to it as it is: ours
 * does the rest. Fails where there is no devpts. */
static int open_terminal(struct ch_run_channel *c)
{
	ch_auto(fd) int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct winsize size;
	struct termios t;
	char name[64];

	if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0 ||
	    ptsname_r(master, name, sizeof(name)) != 0)
		return -errno;

	ch_auto(fd) int slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (slave < 0 || tcgetattr(slave, &t) < 0)
		return -errno;
	cfmakeraw(&t);
	tcsetattr(slave, TCSANOW, &t);
	if (ioctl(c->out, TIOCGWINSZ, &size) == 0)
		ioctl(slave, TIOCSWINSZ, &size);
	c->in = ch_take_fd(&master);
	c->theirs = ch_take_fd(&slave);
	return 0;
}

static int open_channel(struct ch_run_channel *c, int out, struct ch_err *err)
{
	*c = (struct ch_run_channel){ .in = -1, .theirs = -1, .out = out };

	int rc = out >= 0 && isatty(out) ? open_terminal(c) : -ENOTTY;

	if (rc < 0)
		rc = open_pipe(c);
	if (rc == 0 && fcntl(c->in, F_SETFL, O_NONBLOCK) < 0)
		rc = -errno;
	return rc < 0 ? ch_err_rc(err, rc, "make a pipe for the output") : 0;
}

int ch_run_output_open(struct ch_run_output *out, bool silent, struct ch_err *err)
{
	bool is_one = silent || is_same(STDOUT_FILENO, STDERR_FILENO);

	out->tail_len = 0;
	out->n = 1;
	if (open_channel(&out->channels[0], silent ? -1 : STDOUT_FILENO, err) < 0 || is_one)
		return is_one ? 0 : err->code;
	out->n = 2;
	return open_channel(&out->channels[1], STDERR_FILENO, err);
}

int ch_run_output_theirs(const struct ch_run_output *out, int number)
{
	return out->channels[number == STDERR_FILENO ? out->n - 1 : 0].theirs;
}

void ch_run_output_forked(struct ch_run_output *out)
{
	for (size_t i = 0; i < out->n; i++)
		ch_close(&out->channels[i].theirs);
}

static bool is_behind(const struct ch_run_channel *c)
{
	return c->done < c->len;
}

bool ch_run_output_is_behind(const struct ch_run_output *out)
{
	for (size_t i = 0; i < out->n; i++)
		if (is_behind(&out->channels[i]))
			return true;
	return false;
}

void ch_run_output_poll(const struct ch_run_output *out, struct pollfd p[CH_RUN_CHANNELS])
{
	for (size_t i = 0; i < CH_RUN_CHANNELS; i++) {
		const struct ch_run_channel *c = &out->channels[i];

		p[i] = (struct pollfd){ .fd = -1 };
		if (i < out->n && is_behind(c))
			p[i] = (struct pollfd){ .fd = c->out, .events = POLLOUT };
		else if (i < out->n)
			p[i] = (struct pollfd){ .fd = c->in, .events = POLLIN };
	}
}

/* The tail is a window: the older half goes when it is full. */
static void keep(struct ch_run_output *out, const char *data, size_t len)
{
	size_t half = sizeof(out->tail) / 2;

	_Static_assert(sizeof(out->tail) / 2 >= sizeof(out->channels[0].buf),
		       "what is read at once fits into half of the tail");
	if (out->tail_len + len > sizeof(out->tail)) {
		memmove(out->tail, out->tail + out->tail_len - half, half);
		out->tail_len = half;
	}
	memcpy(out->tail + out->tail_len, data, len);
	out->tail_len += len;
}

static void read_some(struct ch_run_output *out, struct ch_run_channel *c)
{
	ssize_t n = read(c->in, c->buf, sizeof(c->buf));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) { /* EIO: nobody has the terminal open any more */
		ch_close(&c->in);
		return;
	}
	keep(out, c->buf, (size_t)n);
	c->done = 0;
	c->len = c->out < 0 ? 0 : (size_t)n;
}

/* Nobody to write to is no reason to stop the command: SIGPIPE would have ended us. */
static void write_some(struct ch_run_channel *c)
{
	ssize_t n = write(c->out, c->buf + c->done, c->len - c->done);

	if (n > 0)
		c->done += (size_t)n;
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		c->out = -1, c->len = 0;
}

bool ch_run_output_attend(struct ch_run_output *out, const struct pollfd p[CH_RUN_CHANNELS])
{
	bool is_busy = false;

	for (size_t i = 0; i < out->n; i++) {
		struct ch_run_channel *c = &out->channels[i];

		if (p[i].fd < 0 || !p[i].revents)
			continue;
		is_busy = true;
		if (is_behind(c))
			write_some(c);
		else
			read_some(out, c);
	}
	return is_busy;
}

/* Where the last LINES of TEXT begin. */
static size_t last_lines(const char *text, size_t len, unsigned lines)
{
	size_t at = len;

	if (at > 0 && text[at - 1] == '\n')
		at--;
	while (at > 0 && (text[at - 1] != '\n' || --lines > 0))
		at--;
	return at;
}

static void add_line(struct ch_buf *buf, char *line)
{
	size_t len = strlen(line);

	while (len > 0 && line[len - 1] == '\r')
		line[--len] = '\0';

	char *shown = strrchr(line, '\r');

	shown = shown ? shown + 1 : line;
	ch_text_one_line(shown);
	ch_buf_adds(buf, shown);
	ch_buf_adds(buf, "\n");
}

int ch_run_output_tail(const struct ch_run_output *out, unsigned lines, char **ret_text,
		       struct ch_err *err)
{
	ch_auto(buf) struct ch_buf buf = CH_BUF_INIT(2 * sizeof(out->tail));
	char text[sizeof(out->tail) + 1], *left = text, *line;
	size_t at = last_lines(out->tail, out->tail_len, lines);
	size_t len = out->tail_len - at;

	for (size_t i = 0; i < len; i++) /* it is a text from here on */
		text[i] = out->tail[at + i] ? out->tail[at + i] : '?';
	text[len] = '\0';
	if (len > 0 && text[len - 1] == '\n')
		text[len - 1] = '\0';
	while (len > 0 && (line = strsep(&left, "\n")))
		add_line(&buf, line);
	return ch_buf_take(&buf, ret_text) < 0 ? ch_err_nomem(err) : 0;
}

void ch_run_output_done(struct ch_run_output *out)
{
	for (size_t i = 0; i < out->n; i++) {
		ch_close(&out->channels[i].in);
		ch_close(&out->channels[i].theirs);
	}
	out->n = 0;
}
