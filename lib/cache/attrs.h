/* SPDX-License-Identifier: Apache-2.0 */
/* attrs.h - extended attributes of an image's files
 *
 * All take NAME in the open directory DIR, "." for DIR itself, and do not follow it. They go
 * by path, since what we may not read cannot be opened: that of a directory we hold is safe. */
#ifndef CH_CACHE_ATTRS_H
#define CH_CACHE_ATTRS_H

#include <stdint.h>

#include "cache/node.h"

struct ch_err;

/* Read those that are part of an image into NODE, as dirmeta.h has them, in ARENA. */
int ch_attrs_get(int dir, const char *name, struct ch_arena *arena, struct ch_node *node,
		 struct ch_err *err);

/* Set those of NODE. ret_refused: the number of those that we may not set, or that the file
 * system has not. */
int ch_attrs_set(int dir, const char *name, const struct ch_node *node, uint64_t *ret_refused,
		 struct ch_err *err);

#endif
