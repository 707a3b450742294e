/* SPDX-License-Identifier: Apache-2.0 */
/* url.h - URLs of http and https, taken apart and put together */
#ifndef CH_REGISTRY_URL_H
#define CH_REGISTRY_URL_H

#include <stdbool.h>

struct ch_buf;
struct ch_err;

#define CH_URL_MAX 8192 /* bytes of one; they come from servers, too */

struct ch_url {
	bool is_https;
	char *host; /* owned; as in the URL */
	unsigned port;
};

/* Errors: -EINVAL it is none, has a user or password in it, or is not of http or https; -ENOMEM. */
int ch_url_parse(const char *text, struct ch_url *ret, struct ch_err *err);

void ch_url_done(struct ch_url *url);

static inline void ch_auto_url(struct ch_url *url)
{
	ch_url_done(url);
}

/* Are both served by the same: protocol, host and port? What is no URL is served by nobody. */
bool ch_url_is_same_server(const char *a, const char *b);

/* Is HOST this machine, by name or number: localhost, 127.0.0.0/8, ::1? */
bool ch_url_is_loopback(const char *host);

/* What the reference LOCATION, from an answer of BASE, means. ret_url: malloc'ed
 * Errors: as above; -EPROTO it leads from https to http. */
int ch_url_join(const char *base, const char *location, char **ret_url, struct ch_err *err);

/* Append "NAME=VALUE" to the query of URL. ret_url: malloc'ed */
int ch_url_add(const char *url, const char *name, const char *value, char **ret_url,
	       struct ch_err *err);

/* Append TEXT to OUT as a value of a form or query. */
void ch_url_escape(const char *text, struct ch_buf *out);

/* The path of URL, without escapes. ret_path: malloc'ed. Errors: as above, or if it has NUL. */
int ch_url_path(const char *url, char **ret_path, struct ch_err *err);

#endif
