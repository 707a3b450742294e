/* SPDX-License-Identifier: Apache-2.0 */
/* find.h - which files of a context match a pattern
 *
 * Components of patterns are as in Python (dockerfile/glob.h). "**" is any number of directories,
 * or none; but as the last one it is "*". Links to directories are followed where a component names
 * them, not by "**". */
#ifndef CH_BUILD_FIND_H
#define CH_BUILD_FIND_H

#include <stddef.h>

struct ch_context;
struct ch_err;

struct ch_found {
	char **paths; /* owned; sorted */
	size_t n, cap;
};

/* Find what is in CONTEXT and matches PATTERN (which has a wildcard): as paths in the manner of
 * the pattern, without "/" at begin or end. What the context ignores is not there. To find
 * nothing is no error.
 * ret_found: for ch_found_done() */
int ch_find(const struct ch_context *context, const char *pattern, struct ch_found *ret_found,
	    struct ch_err *err);

void ch_found_done(struct ch_found *found);

static inline void ch_auto_found(struct ch_found *found)
{
	ch_found_done(found);
}

#endif
