/* SPDX-License-Identifier: Apache-2.0 */
#include "opt/optdoc.h"

#include <stdbool.h>
#include <string.h>

/* What follows the name: "", "=ARG", "[=ARG]", "=yes|no", "=ARG,...". */
static void argument(const struct ch_opt *opt, enum ch_opt_where where, char *out, size_t size)
{
	const char *arg = opt->arg ? opt->arg : "yes|no";

	if (opt->kind == CH_OPT_FLAG && where == CH_OPT_RUN)
		out[0] = '\0';
	else if (opt->kind == CH_OPT_OPTIONAL)
		snprintf(out, size, "[=%s]", arg);
	else if (opt->kind == CH_OPT_LIST && where == CH_OPT_SPANK)
		snprintf(out, size, "=%s,...", arg);
	else
		snprintf(out, size, "=%s", arg);
}

static const char *prefix(enum ch_opt_where where)
{
	return where == CH_OPT_SPANK ? "ch-" : "";
}

const char *ch_opt_syntax(const struct ch_opt *opt, enum ch_opt_where where,
			  char out[CH_OPT_SYNTAX_MAX])
{
	char letter[8] = "", arg[64];

	if (where == CH_OPT_RUN && opt->letter)
		snprintf(letter, sizeof(letter), "-%c, ", opt->letter);
	argument(opt, where, arg, sizeof(arg));
	snprintf(out, CH_OPT_SYNTAX_MAX, "%s--%s%s%s", letter, prefix(where), opt->name, arg);
	return out;
}

/* Where texts of help begin; terminals of 80 columns are not filled to the end. */
enum { COLUMN = 32, WIDTH = 79 };

/* TEXT, from COLUMN on, in as many lines as it takes. */
static void put_text(const char *text, FILE *out)
{
	const size_t room = WIDTH - COLUMN;

	while (strlen(text) > room) {
		size_t n = room;

		while (n > 0 && text[n] != ' ')
			n--;
		if (n == 0) /* one long word */
			break;
		fprintf(out, "%.*s\n%*s", (int)n, text, COLUMN, "");
		text += n + 1;
	}
	fprintf(out, "%s\n", text);
}

void ch_opt_help(const struct ch_opt *table, enum ch_opt_where where, FILE *out)
{
	char text[CH_OPT_SYNTAX_MAX];

	for (const struct ch_opt *o = table; o->name; o++) {
		if (!(o->where & where))
			continue;
		ch_opt_syntax(o, where, text);
		/* Options without a letter are indented as if they had one. */
		int n = fprintf(out, "  %s%s", o->letter && where == CH_OPT_RUN ? "" : "    ",
				text);

		if (n > COLUMN - 2)
			n = fprintf(out, "\n") - 1;
		fprintf(out, "%*s", COLUMN - n, "");
		put_text(o->help, out);
	}
}

/* Plain text to man(7): a backslash, a hyphen, and a dot or quote that starts a line would
 * mean something; an empty line begins a paragraph. */
static void man_text(const char *text, FILE *out)
{
	bool start = true;

	for (const char *p = text; *p; p++) {
		if (start && (*p == '.' || *p == '\''))
			fputs("\\&", out);
		start = *p == '\n';
		if (p[0] == '\n' && p[1] == '\n') {
			fputs("\n.IP\n", out);
			p++;
		} else if (*p == '\\') {
			fputs("\\e", out);
		} else if (*p == '-') {
			fputs("\\-", out);
		} else {
			fputc(*p, out);
		}
	}
	fputc('\n', out);
}

void ch_opt_man(const struct ch_opt *table, enum ch_opt_where where, FILE *out)
{
	char text[CH_OPT_SYNTAX_MAX];

	for (const struct ch_opt *o = table; o->name; o++) {
		if (!(o->where & where))
			continue;
		fputs(".TP\n.B ", out);
		man_text(ch_opt_syntax(o, where, text), out);
		man_text(o->man, out);
	}
}

void ch_opt_list(const struct ch_opt *table, enum ch_opt_where where, FILE *out)
{
	for (const struct ch_opt *o = table; o->name; o++)
		if (o->where & where)
			fprintf(out, "%s%s\n", prefix(where), o->name);
}
