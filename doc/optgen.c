/* SPDX-License-Identifier: Apache-2.0 */
/* optgen - prints what the table of options yields: text for man pages, lists for tests,
 * and what shell completion has to know
 *
 * Usage: optgen man|help|list|complete TABLE */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/check_options.h"
#include "cli/convert_options.h"
#include "cli/image_build.h"
#include "cli/image_cache.h"
#include "cli/image_options.h"
#include "opt/optdoc.h"
#include "rt/settings.h"

/* ---- completion ----------------------------------------------------------------------- */

/* Does the argument's name stand for something in the file system? */
static bool is_path(const char *arg)
{
	static const char *const names[] = { "SRC", "DIR", "FILE", "IMAGE" };

	for (size_t i = 0; arg && i < sizeof(names) / sizeof(names[0]); i++)
		if (strstr(arg, names[i]))
			return true;
	return false;
}

/* Print those alternatives of ARG that a user types as they are: "step|no" has two,
 * "image|fake[:SIZE]|no" three, "IMAGE|none" one, "0..3" none. */
static void print_words(const char *arg, FILE *out)
{
	const char *gap = "";

	while (*arg) {
		size_t len = strcspn(arg, "|["), plain = strspn(arg, "abcdefghijklmnopqrstuvwxyz");

		if (plain > 0 && plain == len) {
			fprintf(out, "%s%.*s", gap, (int)len, arg);
			gap = " ";
		}
		arg += len;
		if (*arg == '[')
			arg += strcspn(arg, "]") + 1;
		arg += *arg == '|';
	}
}

/* One line an option, for a shell's case statement: what may be behind its "=". Options
 * without "=" are listed, too, so that the script knows them all. */
static void complete(const struct ch_opt *table, enum ch_opt_where where, FILE *out)
{
	for (const struct ch_opt *o = table; o->name; o++) {
		bool is_bare = where == CH_OPT_RUN && o->kind == CH_OPT_FLAG;

		if (!(o->where & where))
			continue;
		fprintf(out, "\t--%s%s%s) words='", where == CH_OPT_SPANK ? "ch-" : "", o->name,
			is_bare ? "" : "=");
		if (!is_bare)
			print_words(o->arg ? o->arg : "yes|no", out);
		fprintf(out, "'%s ;;\n", is_path(o->arg) ? " files=yes" : "");
	}
}

/* ---- main ------------------------------------------------------------------------------ */

static const struct {
	const char *name;
	void (*print)(const struct ch_opt *table, enum ch_opt_where where, FILE *out);
} forms[] = {
	{ "man", ch_opt_man },
	{ "help", ch_opt_help },
	{ "list", ch_opt_list },
	{ "complete", complete },
};

/* By the names that man pages and tests use: "ch-run" is "run"; "image-list" are those of
 * "ch-image list" that are not for all sub-commands. */
static const struct {
	const char *name;
	const struct ch_opt *table;
	enum ch_opt_where where;
} tables[] = {
	{ "check", ch_check_options, CH_OPT_RUN },
	{ "convert", ch_convert_options, CH_OPT_RUN },
	{ "image", ch_image_options, CH_OPT_RUN },
	{ "image-build", ch_image_build_options, CH_OPT_RUN },
	{ "image-build-cache", ch_image_build_cache_options, CH_OPT_RUN },
	{ "image-gestalt", ch_image_gestalt_options, CH_OPT_RUN },
	{ "image-list", ch_image_list_options, CH_OPT_RUN },
	{ "image-modify", ch_image_modify_options, CH_OPT_RUN },
	{ "image-pull", ch_image_pull_table, CH_OPT_RUN },
	{ "image-push", ch_image_push_table, CH_OPT_RUN },
	{ "run", ch_options, CH_OPT_RUN },
	{ "spank", ch_options, CH_OPT_SPANK },
};

enum { FORMS = sizeof(forms) / sizeof(forms[0]), TABLES = sizeof(tables) / sizeof(tables[0]) };

int main(int argc, char **argv)
{
	for (size_t i = 0; argc == 3 && i < FORMS * TABLES; i++) {
		size_t f = i / TABLES, t = i % TABLES;

		if (strcmp(argv[1], forms[f].name) != 0 || strcmp(argv[2], tables[t].name) != 0)
			continue;
		forms[f].print(tables[t].table, tables[t].where, stdout);
		return fflush(stdout) == 0 ? 0 : 1;
	}
	fputs("Usage: optgen man|help|list|complete TABLE; TABLE is one of:", stderr);
	for (size_t t = 0; t < TABLES; t++)
		fprintf(stderr, " %s", tables[t].name);
	fputs("\n", stderr);
	return 64;
}
