/* SPDX-License-Identifier: Apache-2.0 */
/* auth.h - proving to a registry who we are
 *
 * Requests begin with nothing. When one is refused, its challenge tells what is wanted: Basic,
 * with credentials; or Bearer, with a token. Tokens are asked for as anybody first, and with
 * credentials when that was not enough (with CH_REGISTRY_AUTH: at once); again, when they have
 * expired, or when more rights are needed. Credentials are remembered for that, unless
 * CH_REGISTRY_FORGET wants new ones each time.
 *
 * Shared by all handles of a registry (registry.h): thread-safe. While one of them gets a token,
 * the others wait for it. */
#ifndef CH_REGISTRY_AUTH_H
#define CH_REGISTRY_AUTH_H

#include <stdbool.h>

#include "registry/registry.h"

struct ch_auth;
struct ch_http;
struct ch_http_answer;

/* HOST ("HOST:PORT") and REPOSITORY are copied. */
int ch_auth_new(const struct ch_registry_options *options, const char *host, const char *repository,
		struct ch_auth **ret_auth, struct ch_err *err);

void ch_auth_free(struct ch_auth *auth);

/* The header for the next request. A token that is about to expire is renewed.
 *
 * is_plain:	   the registry is spoken to by http, so its token server may be
 * ret_header:	   malloc'ed, secret; NULL: none
 * ret_generation: for the functions below */
int ch_auth_get(struct ch_auth *auth, struct ch_http *http, bool is_plain, char **ret_header,
		unsigned *ret_generation, struct ch_err *err);

/* A request with that header was not refused. */
void ch_auth_accepted(struct ch_auth *auth, unsigned generation);

/* It was (401). Returns 0 when there is a better one, or -EACCES: there is none. */
int ch_auth_refused(struct ch_auth *auth, struct ch_http *http, bool is_plain, unsigned generation,
		    const struct ch_http_answer *answer, struct ch_err *err);

#endif
