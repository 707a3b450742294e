/* SPDX-License-Identifier: Apache-2.0 */
/* optgen - prints what the table of options yields: text for man pages, lists for tests
 *
 * Usage: optgen man|help|list run|spank */
#include <stdio.h>
#include <string.h>

#include "opt/optdoc.h"
#include "rt/settings.h"

static const struct {
	const char *name;
	void (*print)(const struct ch_opt *table, enum ch_opt_where where, FILE *out);
} forms[] = {
	{ "man", ch_opt_man },
	{ "help", ch_opt_help },
	{ "list", ch_opt_list },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc == 3 && i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (strcmp(argv[1], forms[i].name) != 0)
			continue;
		forms[i].print(ch_options,
			       strcmp(argv[2], "spank") == 0 ? CH_OPT_SPANK : CH_OPT_RUN, stdout);
		return fflush(stdout) == 0 ? 0 : 1;
	}
	fputs("Usage: optgen man|help|list run|spank\n", stderr);
	return 64;
}
