/* SPDX-License-Identifier: Apache-2.0 */
/* cmdline.h - the command line of the program that has loaded us
 *
 * Slurm tells a plugin neither where a value of an option came from nor what other options
 * were given. The words of the application are part of it, too. */
#ifndef CH_SPANK_CMDLINE_H
#define CH_SPANK_CMDLINE_H

#include "base/buf.h"

/* Read it. RET_WORDS: NUL-terminated words, one behind the other; the caller's. Empty when
 * /proc does not tell. */
void ch_cmdline_read(struct ch_buf *ret_words);

/* The value of the next "--NAME=VALUE" or "--NAME VALUE" at or behind *POS (start with 0),
 * or NULL. Borrowed from WORDS. */
const char *ch_cmdline_next(const struct ch_buf *words, const char *name, size_t *pos);

#endif
