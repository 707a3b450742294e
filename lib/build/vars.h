/* SPDX-License-Identifier: Apache-2.0 */
/* vars.h - which variables there are in a build
 *
 * ENV of the stage, then ARG (of any stage so far), then what is there without an instruction:
 * the platform's, and some of the host's, which never are a part of a key. */
#ifndef CH_BUILD_VARS_H
#define CH_BUILD_VARS_H

#include <stdbool.h>

#include "oci/manifest.h"

struct ch_err;
struct ch_step;
struct ch_words;

/* What one builds for, or on, as variables have it: "linux/arm/v7", "arm", "v7" (or "") */
struct ch_vars_platform {
	char text[sizeof("linux//") + 2 * CH_OCI_ARCH_MAX];
	char arch[CH_OCI_ARCH_MAX], variant[CH_OCI_ARCH_MAX];
};

/* The platform of ARCH, as of --arch (NULL: this machine's; so is CH_OCI_ARCH_YOLO).
 * Errors: -EINVAL it cannot be a name. */
int ch_vars_platform(const char *arch, struct ch_vars_platform *ret_platform, struct ch_err *err);

/* The value of NAME, borrowed until variables change; NULL: it is unset. */
const char *ch_vars_get(const struct ch_step *step, const char *name);

/* That of the platform's variable NAME (TARGETARCH ...); NULL: it is none. Borrowed, as above. */
const char *ch_vars_of_platform(const struct ch_step *step, const char *name);

/* Is NAME the host's business (proxies, user, agent)? Its value is no reason to build anew. */
bool ch_vars_is_passed(const char *name);

/* The environment of RUN. */
void ch_vars_environment(const struct ch_step *step, struct ch_words *ret);

#endif
