/* SPDX-License-Identifier: Apache-2.0 */
#include "image_ask.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "pull/watch.h"

enum { LINE_MAX_ = 4096, WAIT_MS = 100 };

/* ---- the terminal ----------------------------------------------------------------------- */

/* A line, without its end. Signals that are held back end the waiting. */
static int read_line(int tty, char line[LINE_MAX_], struct ch_err *err)
{
	struct pollfd ready = { .fd = tty, .events = POLLIN };
	size_t len = 0;

	while (len + 1 < LINE_MAX_) {
		if (ch_watch_is_interrupted())
			return ch_err_set(err, -EINTR, "interrupted");
		if (poll(&ready, 1, WAIT_MS) <= 0)
			continue;

		ssize_t n = read(tty, line + len, 1);

		if (n <= 0 || line[len] == '\n')
			break;
		len++;
	}
	line[len] = '\0';
	return len > 0 ? 0 : ch_err_set(err, -EACCES, "nothing was typed");
}

static int ask_line(int tty, const char *what, const char *host, char line[LINE_MAX_],
		    struct ch_err *err)
{
	if (dprintf(tty, "%s for %s: ", what, host) < 0)
		return ch_err_sys(err, "terminal");
	return read_line(tty, line, err);
}

/* The same, with nothing to be seen. */
static int ask_secret(int tty, const char *host, char line[LINE_MAX_], struct ch_err *err)
{
	struct termios before, silent;
	int rc;

	if (tcgetattr(tty, &before) < 0)
		return ch_err_sys(err, "terminal");
	silent = before;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	if (tcsetattr(tty, TCSAFLUSH, &silent) < 0)
		return ch_err_sys(err, "terminal");
	rc = ask_line(tty, "Password", host, line, err);
	(void)tcsetattr(tty, TCSAFLUSH, &before);
	(void)dprintf(tty, "\n");
	return rc;
}

static int take(const char *user, const char *secret, struct ch_credentials *ret,
		struct ch_err *err)
{
	ch_auto(credentials) struct ch_credentials copy = { .user = strdup(user),
							    .secret = strdup(secret) };

	if (!copy.user || !copy.secret)
		return ch_err_nomem(err);
	*ret = ch_take(copy);
	return 0;
}

static int ask_user(const char *host, struct ch_credentials *ret, struct ch_err *err)
{
	ch_auto(fd) int tty = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	char user[LINE_MAX_], secret[LINE_MAX_];
	int rc;

	if (tty < 0)
		return ch_err_set(err, -EACCES,
				  "there is no terminal to ask for a password at; "
				  "$CH_IMAGE_USERNAME and $CH_IMAGE_PASSWORD can have it");
	rc = ask_line(tty, "Username", host, user, err);
	if (rc == 0)
		rc = ask_secret(tty, host, secret, err);
	if (rc == 0)
		rc = take(user, secret, ret, err);
	explicit_bzero(secret, sizeof(secret));
	return rc;
}

/* ---- what was typed --------------------------------------------------------------------- */

struct ch_image_typed {
	struct ch_image_typed *next;
	char *host;
	struct ch_credentials credentials;
};

static void typed_free(struct ch_image_typed *typed)
{
	free(typed->host);
	ch_credentials_done(&typed->credentials);
	free(typed);
}

void ch_image_asked_done(struct ch_image_asked *asked)
{
	while (asked->first) {
		struct ch_image_typed *typed = asked->first;

		asked->first = typed->next;
		typed_free(typed);
	}
}

static const struct ch_credentials *find(const struct ch_image_asked *asked, const char *host)
{
	const struct ch_image_typed *typed = asked->first;

	while (typed && strcmp(typed->host, host) != 0)
		typed = typed->next;
	return typed ? &typed->credentials : NULL;
}

/* Without memory for it, HOST is asked for again. */
static void keep(struct ch_image_asked *asked, const char *host,
		 const struct ch_credentials *credentials)
{
	struct ch_image_typed *new = calloc(1, sizeof(*new));
	struct ch_err ignored;

	if (!new)
		return;
	new->host = strdup(host);
	if (!new->host ||
	    take(credentials->user, credentials->secret, &new->credentials, &ignored) < 0) {
		typed_free(new);
		return;
	}
	new->next = asked->first;
	asked->first = new;
}

int ch_image_ask(void *context, const char *host, struct ch_credentials *ret, struct ch_err *err)
{
	struct ch_image_asked *asked = context;
	const struct ch_credentials *known = asked ? find(asked, host) : NULL;

	if (known)
		return take(known->user, known->secret, ret, err);
	if (ask_user(host, ret, err) < 0)
		return err->code;
	if (asked)
		keep(asked, host, ret);
	return 0;
}
