/* SPDX-License-Identifier: Apache-2.0 */
#include "image_registry.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "image_cache.h"
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

static int ask(void *context, const char *host, struct ch_credentials *ret, struct ch_err *err)
{
	ch_auto(fd) int tty = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	char user[LINE_MAX_], secret[LINE_MAX_];
	int rc;

	(void)context;
	if (tty < 0)
		return ch_err_set(err, -EACCES,
				  "there is no terminal to ask for a password at; "
				  "$CH_IMAGE_USERNAME and $CH_IMAGE_PASSWORD can have it");
	rc = ask_line(tty, "Username", host, user, err);
	if (rc == 0)
		rc = ask_secret(tty, host, secret, err);
	if (rc == 0) {
		*ret = (struct ch_credentials){ .user = strdup(user), .secret = strdup(secret) };
		if (!ret->user || !ret->secret) {
			ch_credentials_done(ret);
			rc = ch_err_nomem(err);
		}
	}
	explicit_bzero(secret, sizeof(secret));
	return rc;
}

/* ---- options ---------------------------------------------------------------------------- */

struct ch_registry_options ch_image_registry(const struct ch_image_common *common)
{
	return (struct ch_registry_options){
		.flags = (common->auth ? CH_REGISTRY_AUTH : 0) |
			 (common->tls_no_verify ? CH_REGISTRY_NO_VERIFY : 0),
		.ask = ask,
	};
}

struct ch_pull_options ch_image_pull_options(const struct ch_image_common *common,
					     struct ch_store *store)
{
	const struct ch_shelf shelf = ch_image_shelf(common, store, NULL);

	return (struct ch_pull_options){
		.store = store,
		.registry = ch_image_registry(common),
		.arch = common->arch,
		.anew = common->always_download,
		.tell = shelf.tell,
		.warn = shelf.warn,
	};
}
