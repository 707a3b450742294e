/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"
#include "cmdline.h"

enum { MAX_OPTIONS = 64, MAX_GIVEN = 4 };

/* Values of one option, in the order in which Slurm gave them: inherited from the job,
 * from the script, from the command line. The last one counts. */
struct given {
	char *values[MAX_GIVEN];
	unsigned n;
};

static struct {
	struct given given[MAX_OPTIONS]; /* by row of ch_options[] */
	bool is_strict;
	bool has_lost; /* no memory to keep a value */
} self;

/* ---- the same option twice -------------------------------------------------------------- */

static bool is_given(const char *value, const struct given *g)
{
	for (unsigned i = 0; i < g->n; i++)
		if (strcmp(value, g->values[i]) == 0)
			return true;
	return false;
}

/* How often is option NAME on our command line? Slurm does not tell where a value comes
 * from; a script's and a command line's together are no mistake. */
static unsigned count_on_command_line(const char *name, const struct given *g)
{
	ch_auto(buf) struct ch_buf words = { 0 };
	char option[64];
	const char *value;
	unsigned count = 0;
	size_t pos = 0;

	snprintf(option, sizeof(option), "ch-%s", name);
	ch_cmdline_read(&words);
	while ((value = ch_cmdline_next(&words, option, &pos)))
		if (is_given(value, g))
			count++;
	return count;
}

/* Slurm hands options down to the programs of a job in variables. */
static bool is_in_job(const char *name)
{
	char variable[96] = "SLURM_SPANK__SLURM_SPANK_OPTION_charlie_ch_";
	size_t n = strlen(variable);

	snprintf(variable + n, sizeof(variable) - n, "%s", name);
	for (char *p = variable + n; *p; p++)
		if (*p == '-')
			*p = '_';
	return getenv(variable) || getenv(variable + strlen("SLURM_SPANK_"));
}

/* Options hold one value: giving one twice in the same place loses one of them. */
static int refuse_twice(const struct ch_opt *o, const struct given *g, struct ch_err *err)
{
	if (g->n < 2)
		return 0;

	/* The words of the application are on the command line, too, and may look like it:
	 * what Slurm has not delivered does not count. */
	unsigned inherited = is_in_job(o->name) ? 1 : 0;
	unsigned typed = count_on_command_line(o->name, g);

	if (g->n < inherited + 2 || (typed < 2 && g->n < inherited + typed + 2))
		return 0;
	return ch_err_set(err, -EINVAL, "option --ch-%s was given twice, but holds one value%s",
			  o->name, o->kind == CH_OPT_LIST ? "; write a list with commas" : "");
}

/* ---- values ------------------------------------------------------------------------------ */

static int keep(struct given *g, const char *value, struct ch_err *err)
{
	char *copy = strdup(value ? value : "");

	if (!copy)
		return ch_err_nomem(err);
	if (g->n == MAX_GIVEN) {
		free(g->values[0]);
		memmove(g->values, g->values + 1, (MAX_GIVEN - 1) * sizeof(g->values[0]));
		g->n--;
	}
	g->values[g->n++] = copy;
	return 0;
}

static int check(const struct ch_opt *o, const char *value, struct ch_err *err)
{
	ch_auto(settings) struct ch_settings s = { .cwd = "/" };

	return ch_opt_take(o, value, &s, err);
}

/* Slurm's callback. On a node an error here would only be logged and the application run
 * on the host: so nothing fails there; the value is checked again in its time. */
static int on_option(int row, const char *value, int remote)
{
	const struct ch_opt *o = &ch_options[row];
	struct ch_err err;
	int rc = keep(&self.given[row], value, &err);

	self.has_lost = self.has_lost || rc < 0;
	if (remote || !self.is_strict)
		return 0;
	if (rc == 0)
		rc = check(o, value, &err);
	if (rc == 0)
		rc = refuse_twice(o, &self.given[row], &err);
	if (rc < 0) {
		ch_text_cut(err.msg, CH_SAY_MAX);
		slurm_error("charlie: %s", err.msg);
		return -1;
	}
	return 0;
}

/* Slurm copies the strings of the option. */
static int register_one(spank_t sp, int row)
{
	const struct ch_opt *o = &ch_options[row];
	ch_auto(str) char *name = NULL, *arg = NULL, *usage = strdup(o->help);

	if (!usage || asprintf(&name, "ch-%s", o->name) < 0 ||
	    asprintf(&arg, "%s%s", o->arg ? o->arg : "yes|no",
		     o->kind == CH_OPT_LIST ? ",..." : "") < 0)
		return -1;

	struct spank_option so = { .name = name,
				   .arginfo = arg,
				   .usage = usage,
				   .has_arg = 1,
				   .val = row,
				   .cb = on_option };

	return spank_option_register(sp, &so) == ESPANK_SUCCESS ? 0 : -1;
}

int ch_options_register(spank_t sp)
{
	for (int row = 0; row < MAX_OPTIONS && ch_options[row].name; row++)
		if (ch_options[row].where & CH_OPT_SPANK && register_one(sp, row) < 0)
			return -1;
	return 0;
}

void ch_options_strict(bool is_strict)
{
	self.is_strict = is_strict;
}

static const char *value_of(int row)
{
	const struct given *g = &self.given[row];

	return g->n ? g->values[g->n - 1] : NULL;
}

const char *ch_options_value(const char *name)
{
	for (int row = 0; ch_options[row].name; row++)
		if (ch_options[row].where & CH_OPT_SPANK && strcmp(ch_options[row].name, name) == 0)
			return value_of(row);
	return NULL;
}

/* "private-tmp": CH_SPANK_PRIVATE_TMP */
static void variable_of(const struct ch_opt *o, char *out, size_t size)
{
	snprintf(out, size, "CH_SPANK_%s", o->name);
	for (char *p = out; *p; p++)
		*p = *p == '-' ? '_' : (char)toupper((unsigned char)*p);
}

int ch_options_apply(const char *(*getenv_job)(const char *name, void *data), void *data,
		     const char *image, struct ch_settings *settings, struct ch_err *err)
{
	int rc = self.has_lost ? ch_err_nomem(err) : 0;

	for (int row = 0; row < MAX_OPTIONS && ch_options[row].name; row++) {
		const struct ch_opt *o = &ch_options[row];
		const char *value = value_of(row);
		char variable[64];
		struct ch_err e;

		if (!(o->where & CH_OPT_SPANK))
			continue;
		variable_of(o, variable, sizeof(variable));
		if (!value && (value = getenv_job(variable, data)) && !value[0])
			value = NULL;
		if (!value && strcmp(o->name, "image") == 0)
			value = image;
		/* All others are still wanted: they tell which step is meant. */
		if (value && ch_opt_take(o, value, settings, &e) < 0 && rc == 0) {
			*err = e;
			rc = e.code;
		}
	}
	return rc;
}

void ch_options_done(void)
{
	for (int row = 0; row < MAX_OPTIONS; row++) {
		for (unsigned i = 0; i < self.given[row].n; i++)
			free(self.given[row].values[i]);
		self.given[row] = (struct given){ 0 };
	}
}
