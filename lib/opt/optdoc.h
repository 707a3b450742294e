/* SPDX-License-Identifier: Apache-2.0 */
/* optdoc.h - what a table of options says about itself: --help, man page, completion */
#ifndef CH_OPT_OPTDOC_H
#define CH_OPT_OPTDOC_H

#include <stdio.h>

#include "opt/opt.h"

/* The option as a user types it: "-b, --bind=SRC[:DST]" or "--ch-home=yes|no". In a
 * buffer of the caller's. */
#define CH_OPT_SYNTAX_MAX 128
const char *ch_opt_syntax(const struct ch_opt *opt, enum ch_opt_where where,
			  char out[CH_OPT_SYNTAX_MAX]);

/* The lines of --help. */
void ch_opt_help(const struct ch_opt *table, enum ch_opt_where where, FILE *out);

/* The OPTIONS section in man(7) macros. */
void ch_opt_man(const struct ch_opt *table, enum ch_opt_where where, FILE *out);

/* One long name a line, without dashes: "bind" or "ch-bind". */
void ch_opt_list(const struct ch_opt *table, enum ch_opt_where where, FILE *out);

#endif
