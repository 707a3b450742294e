/* SPDX-License-Identifier: Apache-2.0 */
/* inner.h - what the files of registry.h share */
#ifndef CH_REGISTRY_INNER_H
#define CH_REGISTRY_INNER_H

#include "registry/auth.h"
#include "registry/exchange.h"
#include "registry/http.h"
#include "registry/registry.h"

/* What all handles of a repository have in common */
struct ch_registry_shared;

struct ch_registry {
	struct ch_registry_shared *shared; /* counted */
	struct ch_http *http;
};

/* The URL of PATH, which is below the repository: "blobs/sha256:...". Finds out by which protocol
 * the registry is spoken to, if that is not known yet. ret_url: malloc'ed */
int ch_registry_url(struct ch_registry *registry, const char *path, char **ret_url,
		    struct ch_err *err);

/* The same for LOCATION, which an answer from URL has. Errors: -EPROTO without one, or if it leads
 * to another host without encryption. */
int ch_registry_location(const char *url, const struct ch_http_answer *answer, char **ret_url,
			 struct ch_err *err);

/* Send the request of X, with authorization if it goes to the registry, until it is answered by
 * something else than 401.
 *
 * X: "http" and "authorization" are filled in here. What has a "read" can be sent once: -EAGAIN
 * says that the authorization is a better one now. */
int ch_registry_send(struct ch_registry *registry, struct ch_exchange *x,
		     struct ch_http_answer *ret, struct ch_err *err);

/* The same for a request that has neither body nor consumer. */
int ch_registry_ask(struct ch_registry *registry, const char *method, const char *url,
		    struct ch_http_answer *ret, struct ch_err *err);

#endif
