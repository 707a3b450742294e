/* SPDX-License-Identifier: Apache-2.0 */
/* authfile.h - what "docker login" and "podman login" leave behind (containers-auth.json(5))
 *
 *	{ "auths": { "HOST[:PORT][/PATH]": { "auth": BASE64 of "USER:PASSWORD" } },
 *	  "credHelpers": { "HOST[:PORT]": NAME }, "credsStore": NAME }
 *
 * Docker Hub goes by several names there. */
#ifndef CH_REGISTRY_AUTHFILE_H
#define CH_REGISTRY_AUTHFILE_H

#include <stdbool.h>
#include <stddef.h>

#include "registry/registry.h"

/* What a file says about a registry: credentials, or who has them */
struct ch_authfile_answer {
	struct ch_credentials credentials; /* user NULL: not in it */
	char *helper;			   /* the program docker-credential-HELPER; or NULL */
	char *server;			   /* what it calls the registry */
};

void ch_authfile_answer_done(struct ch_authfile_answer *answer);

static inline void ch_auto_authfile_answer(struct ch_authfile_answer *answer)
{
	ch_authfile_answer_done(answer);
}

/* Look for REPOSITORY of HOST ("HOST:PORT") in the file's LEN bytes. What is for more of the path
 * goes before what is for less; a helper for this registry, before what is in the file; a helper
 * for all of them, behind it.
 * ret: empty before; and after, if there is nothing. Errors: -EINVAL the file; -ENOMEM. */
int ch_authfile_find(const char *text, size_t len, const char *host, const char *repository,
		     struct ch_authfile_answer *ret, struct ch_err *err);

#endif
