/* SPDX-License-Identifier: Apache-2.0 */
/* image_registry.h - what the options say about registries */
#ifndef CH_CLI_IMAGE_REGISTRY_H
#define CH_CLI_IMAGE_REGISTRY_H

#include "image_options.h"
#include "pull/pull.h"
#include "registry/registry.h"

struct ch_image_asked;
struct ch_store;

/* For the registry's client. Who is asked for a name and a password is the user (image_ask.h). */
struct ch_registry_options ch_image_registry(const struct ch_image_common *common);

/* For pulls into STORE; messages are logged. What the user types is remembered in ASKED, unless he
 * wants to be asked each time; NULL: by each pull for itself. Both are borrowed. */
struct ch_pull_options ch_image_pull_options(const struct ch_image_common *common,
					     struct ch_store *store, struct ch_image_asked *asked);

#endif
