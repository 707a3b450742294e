/* SPDX-License-Identifier: Apache-2.0 */
/* meta.h - what an image says about itself: environment and entry point
 *
 * The keeper hands it on as a flat text: items "env NAME=VALUE", "entry ARG", "cmd ARG",
 * each with a NUL at its end. It comes from the image: believe nothing. */
#ifndef CH_RT_META_H
#define CH_RT_META_H

#include <stddef.h>

/* The next item of kind KIND ("env", "entry", "cmd") at or behind *POS (start with 0),
 * without the kind; NULL when there is none. Borrowed from TEXT. */
const char *ch_meta_next(const char *text, size_t len, const char *kind, size_t *pos);

#endif
