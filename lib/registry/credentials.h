/* SPDX-License-Identifier: Apache-2.0 */
/* credentials.h - user and password for a registry
 *
 * With CH_REGISTRY_AUTH: those of $CH_IMAGE_USERNAME and $CH_IMAGE_PASSWORD. Else, and if there
 * are none, those that other tools have stored by "login": in the file $REGISTRY_AUTH_FILE; if
 * that is not set, in $XDG_RUNTIME_DIR/containers/auth.json, ~/.config/containers/auth.json, and
 * config.json in $DOCKER_CONFIG or ~/.docker; the first one that knows the registry counts.
 * They have them in themselves, or name a program that has (authfile.h, helper.h). At last, with
 * CH_REGISTRY_AUTH, somebody is asked. */
#ifndef CH_REGISTRY_CREDENTIALS_H
#define CH_REGISTRY_CREDENTIALS_H

#include "registry/registry.h"

/* Find those for REPOSITORY of HOST ("HOST:PORT"); without any, ret->user stays NULL.
 * Errors: -EACCES somebody had to be asked, and nobody was there; what is wrong with a file. */
int ch_credentials_find(const struct ch_registry_options *options, const char *host,
			const char *repository, struct ch_credentials *ret, struct ch_err *err);

/* "Basic ...", for the header Authorization. ret_header: malloc'ed; secret */
int ch_credentials_basic(const struct ch_credentials *credentials, char **ret_header,
			 struct ch_err *err);

#endif
