/* SPDX-License-Identifier: Apache-2.0 */
/* meta.h - what an image says about itself: environment, entry point, command
 *
 * The keeper hands it on as a flat text of items, each with a NUL at its end:
 *
 *	env NAME=VALUE
 *	entry WORD          ENTRYPOINT, exec form, one item a word
 *	entry-shell TEXT    ENTRYPOINT, shell form
 *	cmd WORD            CMD, likewise
 *	cmd-shell TEXT
 *	shell WORD          SHELL: what runs the shell forms; none: /bin/sh -c
 *	error TEXT          nothing could be read: why
 *	cmd-error TEXT      ENTRYPOINT and CMD make no sense: why
 *
 * The errors are for those who need what is missing, and for nobody else. It comes from
 * the image: believe nothing. */
#ifndef CH_RT_META_H
#define CH_RT_META_H

#include <stddef.h>

struct ch_err;

/* The next item of kind KIND at or behind *POS (start with 0), without the kind; NULL when
 * there is none. Borrowed from TEXT. */
const char *ch_meta_next(const char *text, size_t len, const char *kind, size_t *pos);

/* Is there an item of kind KIND ("error", "cmd-error")? Then it is made an error: -EINVAL,
 * with its text; else 0. */
int ch_meta_check(const char *text, size_t len, const char *kind, struct ch_err *err);

/* A text whose only item is an error with ERR's message. Its length, with the NUL; SIZE is
 * enough with sizeof(struct ch_err). */
size_t ch_meta_put_error(const struct ch_err *err, char *text, size_t size);

#endif
