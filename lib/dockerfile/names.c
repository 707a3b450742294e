/* SPDX-License-Identifier: Apache-2.0 */
/* Keywords, and what somebody may have meant */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "dockerfile/parser.h"

static const char *const keywords[] = {
	[CH_DF_ADD] = "ADD",
	[CH_DF_ARG] = "ARG",
	[CH_DF_CMD] = "CMD",
	[CH_DF_COPY] = "COPY",
	[CH_DF_ENTRYPOINT] = "ENTRYPOINT",
	[CH_DF_ENV] = "ENV",
	[CH_DF_EXPOSE] = "EXPOSE",
	[CH_DF_FROM] = "FROM",
	[CH_DF_HEALTHCHECK] = "HEALTHCHECK",
	[CH_DF_LABEL] = "LABEL",
	[CH_DF_MAINTAINER] = "MAINTAINER",
	[CH_DF_ONBUILD] = "ONBUILD",
	[CH_DF_RSYNC] = "RSYNC",
	[CH_DF_RUN] = "RUN",
	[CH_DF_SHELL] = "SHELL",
	[CH_DF_STOPSIGNAL] = "STOPSIGNAL",
	[CH_DF_USER] = "USER",
	[CH_DF_VOLUME] = "VOLUME",
	[CH_DF_WORKDIR] = "WORKDIR",
	NULL,
};

const char *ch_df_keyword(enum ch_df_kind kind)
{
	return keywords[kind];
}

bool ch_df_find_keyword(const char *name, enum ch_df_kind *ret_kind)
{
	/* The other name it has in Charliecloud. */
	if (strcasecmp(name, "NSYNC") == 0) {
		*ret_kind = CH_DF_RSYNC;
		return true;
	}
	for (size_t i = 0; keywords[i]; i++)
		if (strcasecmp(name, keywords[i]) == 0) {
			*ret_kind = (enum ch_df_kind)i;
			return true;
		}
	return false;
}

#define LONGEST 32

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* How many characters are to be added, left out, replaced, or swapped with the next one, to
 * get from A to B? Both are at most LONGEST. */
static size_t distance(const char *a, const char *b)
{
	size_t rows[3][LONGEST + 1] = { 0 }, n = strlen(b);
	size_t *last2 = rows[0], *last = rows[1], *row = rows[2];

	for (size_t j = 0; j <= n; j++)
		last2[j] = last[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			int x = tolower((unsigned char)a[i - 1]);
			int y = tolower((unsigned char)b[j - 1]);

			row[j] = least(least(last[j], row[j - 1]) + 1, last[j - 1] + (x != y));
			if (i > 1 && j > 1 && x == tolower((unsigned char)b[j - 2]) &&
			    y == tolower((unsigned char)a[i - 2]))
				row[j] = least(row[j], last2[j - 2] + 1);
		}

		size_t *spare = last2;

		last2 = last;
		last = row;
		row = spare;
	}
	return last[n];
}

const char *ch_df_guess(const char *name, const char *const *names)
{
	size_t len = strlen(name);
	size_t best = len < 4 ? 2 : len / 3 + 2; /* more mistakes are no mistakes */
	const char *guess = NULL;

	if (len > LONGEST)
		return NULL;
	for (; *names; names++) {
		size_t d = distance(name, *names);

		if (d < best && d < strlen(*names)) {
			best = d;
			guess = *names;
		}
	}
	return guess;
}

const char *ch_df_guess_keyword(const char *name)
{
	return ch_df_guess(name, keywords);
}
