/* SPDX-License-Identifier: Apache-2.0 */
/* helper.h - programs that know credentials: docker-credential-NAME
 *
 * "docker-credential-NAME get" reads the registry's name and writes an object of JSON with
 * "Username" and "Secret". It gets a minute, and may be interrupted. */
#ifndef CH_REGISTRY_HELPER_H
#define CH_REGISTRY_HELPER_H

#include "registry/registry.h"

/* Ask the helper NAME for SERVER. It has none: ret->user stays NULL. CANCEL: see registry.h */
int ch_helper_get(const char *name, const char *server, const atomic_bool *cancel,
		  struct ch_credentials *ret, struct ch_err *err);

#endif
