/* SPDX-License-Identifier: Apache-2.0 */
/* vars.h - which variables there are in a build
 *
 * ENV of the stage, then ARG (of any stage so far), then what is there without an instruction:
 * the platform's, and some of the host's, which never are a part of a key. */
#ifndef CH_BUILD_VARS_H
#define CH_BUILD_VARS_H

#include <stdbool.h>

struct ch_step;
struct ch_words;

/* The value of NAME, borrowed until variables change; NULL: it is unset. */
const char *ch_vars_get(const struct ch_step *step, const char *name);

/* Is NAME the host's business (proxies, user, agent)? Its value is no reason to build anew. */
bool ch_vars_is_passed(const char *name);

/* The environment of RUN. */
void ch_vars_environment(const struct ch_step *step, struct ch_words *ret);

/* This machine, as registries call it: "amd64". */
const char *ch_vars_arch(void);

#endif
