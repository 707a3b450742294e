/* SPDX-License-Identifier: Apache-2.0 */
/* proxy.h - which proxy is on the way to a server
 *
 * They are those of the environment, as curl(1) has them: for http, $http_proxy; for https,
 * $https_proxy or $HTTPS_PROXY; for what has none of its own, $all_proxy or $ALL_PROXY. Those that
 * $no_proxy or $NO_PROXY name are spoken to without one: libcurl sees to that. So is this
 * machine. */
#ifndef CH_REGISTRY_PROXY_H
#define CH_REGISTRY_PROXY_H

#include <stdbool.h>

struct ch_err;
struct ch_url;

#define CH_PROXY_NAME 128

struct ch_proxy {
	const char *variable; /* that names it; NULL: there is none */
	const char *url;      /* its value: borrowed from the environment. It may have a password
			       * in it, and must not be printed. */
	bool has_user;
	char name[CH_PROXY_NAME]; /* "HOST:PORT", for messages */
};

/* The one for URL. RET is zero before; and after, if there is none.
 * Errors: -EINVAL what the variable has is none; -ENOMEM. */
int ch_proxy_find(const struct ch_url *url, struct ch_proxy *ret, struct ch_err *err);

/* The error that STATUS means, with which PROXY, and no server, has answered: -EPERM it refuses;
 * -EHOSTUNREACH it does not get to the server. */
int ch_proxy_err(const struct ch_proxy *proxy, int status, struct ch_err *err);

/* Append to the message of ERR that there is a proxy. Returns the error's code. */
int ch_proxy_hint(const struct ch_proxy *proxy, struct ch_err *err);

#endif
