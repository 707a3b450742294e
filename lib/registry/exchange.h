/* SPDX-License-Identifier: Apache-2.0 */
/* exchange.h - requests that do not give up at once: redirects and repetitions
 *
 * What may pass is tried again, after a pause that doubles, with some chance in it, so that many
 * who failed together do not come back together; or after what the server asks for (Retry-After),
 * if that is not too long. A transfer that had gone on a while before it broke counts as a new
 * one. */
#ifndef CH_REGISTRY_EXCHANGE_H
#define CH_REGISTRY_EXCHANGE_H

#include <stdbool.h>

#include "registry/http.h"

struct ch_retry {
	unsigned failures; /* in succession */
};

/* Something failed: ANSWER tells what. Wait until it is time to try again.
 * Returns 1: try; 0: it is of no use; or -ECANCELED. */
int ch_retry_wait(struct ch_retry *retry, const struct ch_http *http,
		  const struct ch_http_answer *answer, struct ch_err *err);

/* Is it an answer to try again after? */
bool ch_retry_is_due(const struct ch_http_answer *answer);

struct ch_exchange {
	struct ch_http *http; /* borrowed */
	/* "from" goes on with what was passed to its "write". */
	struct ch_http_request request;
	bool resume;  /* what "write" got stays right: go on behind it */
	uint64_t end; /* with "resume": the size of all of it, behind which nothing is missed; 0:
		       * not known */
	struct ch_retry retry;
	bool is_foreign; /* out: the answer is another server's than that of the URL */
};

/* Send the request, as often as needed. Redirects are followed for GET and HEAD: another server
 * gets no authorization, and after https, http is refused. A request with "read" is sent once.
 * Returns 0 if there is an answer, of whatever status, or an error of ch_http_do. */
int ch_exchange_run(struct ch_exchange *x, struct ch_http_answer *ret, struct ch_err *err);

#endif
