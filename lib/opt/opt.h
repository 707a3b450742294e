/* SPDX-License-Identifier: Apache-2.0 */
/* opt.h - options, each defined once
 *
 * A table of struct ch_opt yields the parser of a command line (here), --help, man page
 * text and shell completion (optdoc.h), and the options that the plugin registers with
 * Slurm (spank/options.c). A front end uses the rows whose WHERE has its bit. */
#ifndef CH_OPT_OPT_H
#define CH_OPT_OPT_H

#include <stddef.h>

struct ch_err;

enum ch_opt_where {
	CH_OPT_RUN = 1,	  /* ch-run, or the program that has the table: --NAME */
	CH_OPT_SPANK = 2, /* srun, sbatch, salloc: --ch-NAME */
	CH_OPT_BOTH = 3,
};

enum ch_opt_kind {
	CH_OPT_FLAG,	 /* command line: no argument; Slurm: yes|no */
	CH_OPT_VALUE,	 /* an argument */
	CH_OPT_OPTIONAL, /* command line only: an argument behind "=", or none */
	CH_OPT_LIST,	 /* command line: repeatable; Slurm: one comma-separated list */
};

struct ch_opt {
	const char *name; /* long name; NULL ends a table */
	int letter;	  /* short name on a command line, or 0 */
	enum ch_opt_where where;
	enum ch_opt_kind kind;
	const char *arg;  /* name of the argument; NULL for flags */
	const char *help; /* a few words, lower case, no full stop */
	const char *man;  /* sentences for the man page, plain text; empty line: new paragraph */

	/* Take one VALUE into TARGET. Flags get "yes" or "no"; optional arguments may be
	 * NULL; lists get one item a call, unescaped. */
	int (*set)(void *target, const char *value, struct ch_err *err);
};

/* Parse ARGV into TARGET by the CH_OPT_RUN rows of TABLE. Options and operands may be
 * mixed; "--" ends the options. The operands end up behind the options.
 *
 * ret_first: index of the first operand, or ARGC
 * Errors: -EINVAL, with a message for the user. Uses getopt_long(3): not thread-safe. */
int ch_opt_parse(const struct ch_opt *table, int argc, char **argv, void *target, int *ret_first,
		 struct ch_err *err);

/* The same for a program with sub-commands: the first operand ends the options. */
int ch_opt_parse_front(const struct ch_opt *table, int argc, char **argv, void *target,
		       int *ret_first, struct ch_err *err);

/* Take the VALUE that Slurm forwards for OPT into TARGET: a list is split, a flag must be
 * yes or no, and an empty value is refused, or one of more than 128 KiB. */
int ch_opt_take(const struct ch_opt *opt, const char *value, void *target, struct ch_err *err);

#endif
