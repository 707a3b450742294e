/* SPDX-License-Identifier: Apache-2.0 */
/* challenge.h - WWW-Authenticate: how a server wants us to prove who we are (RFC 9110, 11.6.1) */
#ifndef CH_REGISTRY_CHALLENGE_H
#define CH_REGISTRY_CHALLENGE_H

#include <stddef.h>

#include "base/words.h"

struct ch_err;

enum ch_challenge_kind {
	CH_CHALLENGE_NONE, /* none that we can meet */
	CH_CHALLENGE_BASIC,
	CH_CHALLENGE_BEARER,
};

/* Texts are malloc'ed, or NULL. */
struct ch_challenge {
	enum ch_challenge_kind kind;
	char *realm; /* of Bearer: the URL that gives tokens */
	char *service;
	char *scope; /* what the request needs: "repository:a/b:pull,push", maybe several */
	char *error; /* why a token was not enough */
};

/* Read a header, which may have several challenges, and those of others that we do not know. If it
 * has one that is better than what RET has, that becomes RET: Bearer is better than Basic.
 * Errors: -EINVAL; -ENOMEM. RET is not changed then. */
int ch_challenge_parse(const char *header, struct ch_challenge *ret, struct ch_err *err);

/* The same for all headers of an answer; those that are none are skipped. */
int ch_challenge_choose(const struct ch_words *headers, struct ch_challenge *ret,
			struct ch_err *err);

void ch_challenge_done(struct ch_challenge *challenge);

static inline void ch_auto_challenge(struct ch_challenge *challenge)
{
	ch_challenge_done(challenge);
}

#endif
