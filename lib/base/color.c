/* SPDX-License-Identifier: Apache-2.0 */
#include "base/color.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"

int ch_color_parse(const char *when, enum ch_color *ret_color, struct ch_err *err)
{
	static const struct {
		const char *word;
		enum ch_color color;
	} words[] = {
		{ "auto", CH_COLOR_AUTO },     { "yes", CH_COLOR_ALWAYS },
		{ "always", CH_COLOR_ALWAYS }, { "no", CH_COLOR_NEVER },
		{ "never", CH_COLOR_NEVER },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(when ? when : "always", words[i].word) != 0)
			continue;
		*ret_color = words[i].color;
		return 0;
	}
	return ch_err_set(err, -EINVAL, "'%s' is none of auto, yes, always, no, never", when);
}

bool ch_color_is_wanted(enum ch_color color, int fd)
{
	const char *term = getenv("TERM"), *no = getenv("NO_COLOR");

	if (color != CH_COLOR_AUTO)
		return color == CH_COLOR_ALWAYS;
	return isatty(fd) && !(no && no[0]) && term && strcmp(term, "dumb") != 0;
}
