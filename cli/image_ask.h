/* SPDX-License-Identifier: Apache-2.0 */
/* image_ask.h - credentials for registries that the user types at his terminal
 *
 * Each connection to a registry remembers its own. What is here, is for those that make several,
 * one after the other. */
#ifndef CH_CLI_IMAGE_ASK_H
#define CH_CLI_IMAGE_ASK_H

#include "registry/registry.h"

struct ch_image_typed;

/* What was typed, by registries; all zero: nothing yet */
struct ch_image_asked {
	struct ch_image_typed *first; /* owned */
};

/* Wipes it. */
void ch_image_asked_done(struct ch_image_asked *asked);

static inline void ch_auto_image_asked(struct ch_image_asked *asked)
{
	ch_image_asked_done(asked);
}

/* For ch_registry_options. That may be while signals are held back (image_signals.h).
 *
 * context: struct ch_image_asked, of one connection at a time; NULL: nothing is remembered
 * Errors: -EACCES there is no terminal, or nothing was typed; -EINTR; -ENOMEM. */
int ch_image_ask(void *context, const char *host, struct ch_credentials *ret, struct ch_err *err);

#endif
