/* SPDX-License-Identifier: Apache-2.0 */
/* token.h - bearer tokens: from a token server, for a challenge (Docker's token specification) */
#ifndef CH_REGISTRY_TOKEN_H
#define CH_REGISTRY_TOKEN_H

#include "base/words.h"
#include "registry/challenge.h"
#include "registry/registry.h"

struct ch_http;

struct ch_token_request {
	struct ch_http *http;
	const struct ch_challenge *challenge;
	const struct ch_words *scopes;
	const struct ch_credentials *credentials; /* user NULL: as anybody */
	bool may_be_plain;			  /* the server may be one of http, anywhere */
	bool is_local;				  /* ... or if it is on this machine */
};

/* ret_header: "Bearer ..."; malloc'ed, secret
 * ret_seconds: how long it can be used
 * Errors: -EACCES the server gives none to us. */
int ch_token_get(const struct ch_token_request *request, char **ret_header, unsigned *ret_seconds,
		 struct ch_err *err);

#endif
