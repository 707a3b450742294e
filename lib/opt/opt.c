/* SPDX-License-Identifier: Apache-2.0 */
#include "opt/opt.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"

static const int has_arg[] = {
	[CH_OPT_FLAG] = no_argument,
	[CH_OPT_VALUE] = required_argument,
	[CH_OPT_OPTIONAL] = optional_argument,
	[CH_OPT_LIST] = required_argument,
};

/* Of ch_opt_take. No command line can have longer words, but a job's request can. */
enum { VALUE_MAX = 128 * 1024 };

/* getopt's two tables. A long option's value is FIRST + its row. */
enum { FIRST = 1000 };

struct tables {
	struct option *longs;
	char *shorts;
};

static void ch_auto_tables(struct tables *t)
{
	free(t->longs);
	free(t->shorts);
}

/* MODE: how getopt(3) is told what to do with operands. */
static int make_tables(const struct ch_opt *table, const char *mode, struct tables *ret,
		       struct ch_err *err)
{
	ch_auto(buf) struct ch_buf shorts = CH_BUF_INIT(512);
	size_t rows = 0, n = 0;

	while (table[rows].name)
		rows++;
	ret->longs = calloc(rows + 1, sizeof(*ret->longs));
	ch_buf_addf(&shorts, "%s:", mode);
	for (size_t i = 0; ret->longs && i < rows; i++) {
		if (!(table[i].where & CH_OPT_RUN))
			continue;
		ret->longs[n++] = (struct option){ .name = table[i].name,
						   .has_arg = has_arg[table[i].kind],
						   .val = FIRST + (int)i };
		/* getopt(3) says '?' for errors, too: the parser looks at that letter. */
		if (table[i].letter && table[i].letter != '?')
			ch_buf_addf(&shorts, "%c%.*s", table[i].letter, has_arg[table[i].kind],
				    "::");
	}
	if (!ret->longs || ch_buf_take(&shorts, &ret->shorts) < 0)
		return ch_err_nomem(err);
	return 0;
}

/* The row for what getopt_long(3) returned, or NULL. */
static const struct ch_opt *find(const struct ch_opt *table, int val)
{
	if (val >= FIRST)
		return &table[val - FIRST];
	if (val == '?' && optopt != '?')
		return NULL;
	for (; table->name; table++)
		if (table->where & CH_OPT_RUN && table->letter == val)
			return table;
	return NULL;
}

static int complain(int c, char **argv, struct ch_err *err)
{
	const char *word = argv[optind - 1];

	if (c == ':')
		return ch_err_set(err, -EINVAL, "option '%s' needs an argument; see --help", word);
	if (optopt > 0 && optopt < FIRST)
		return ch_err_set(err, -EINVAL, "unknown option '-%c'; see --help", optopt);
	if (optopt >= FIRST)
		return ch_err_set(err, -EINVAL, "option '%s' takes no argument; see --help", word);
	return ch_err_set(err, -EINVAL, "unknown or ambiguous option '%s'; see --help", word);
}

static int parse(const struct ch_opt *table, const char *mode, int argc, char **argv, void *target,
		 int *ret_first, struct ch_err *err)
{
	ch_auto(tables) struct tables t = { 0 };
	int rc = make_tables(table, mode, &t, err);
	int c;

	if (rc < 0 || !t.shorts)
		return err->code;
	opterr = 0;
	optind = 0;
	while ((c = getopt_long(argc, argv, t.shorts, t.longs, NULL)) != -1) {
		const struct ch_opt *o = c == ':' ? NULL : find(table, c);

		if (!o)
			return complain(c, argv, err);
		rc = o->set(target, o->kind == CH_OPT_FLAG ? "yes" : optarg, err);
		if (rc < 0)
			return ch_err_in(err, "option --%s", o->name);
	}
	*ret_first = optind;
	return 0;
}

int ch_opt_parse(const struct ch_opt *table, int argc, char **argv, void *target, int *ret_first,
		 struct ch_err *err)
{
	return parse(table, "", argc, argv, target, ret_first, err);
}

int ch_opt_parse_front(const struct ch_opt *table, int argc, char **argv, void *target,
		       int *ret_first, struct ch_err *err)
{
	return parse(table, "+", argc, argv, target, ret_first, err);
}

static int take_list(const struct ch_opt *opt, const char *list, void *target, struct ch_err *err)
{
	int rc = 0;

	while (list && rc == 0) {
		ch_auto(str) char *item = NULL;

		rc = ch_text_next(&list, ',', &item, err);
		if (rc == 0)
			rc = opt->set(target, item, err);
	}
	return rc;
}

int ch_opt_take(const struct ch_opt *opt, const char *value, void *target, struct ch_err *err)
{
	bool yes;
	int rc;

	if (!value || !value[0])
		rc = ch_err_set(err, -EINVAL, "the value is empty");
	else if (strlen(value) > VALUE_MAX)
		rc = ch_err_set(err, -E2BIG, "the value is longer than %d bytes", VALUE_MAX);
	else if (opt->kind == CH_OPT_LIST)
		rc = take_list(opt, value, target, err);
	else if (opt->kind != CH_OPT_FLAG)
		rc = opt->set(target, value, err);
	else if ((rc = ch_text_yesno(value, "value", &yes, err)) == 0)
		rc = opt->set(target, value, err);
	return rc < 0 ? ch_err_in(err, "option --ch-%s", opt->name) : 0;
}
