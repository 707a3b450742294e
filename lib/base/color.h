/* SPDX-License-Identifier: Apache-2.0 */
/* color.h - is output to be coloured? */
#ifndef CH_BASE_COLOR_H
#define CH_BASE_COLOR_H

#include <stdbool.h>

struct ch_err;

enum ch_color { CH_COLOR_AUTO, CH_COLOR_ALWAYS, CH_COLOR_NEVER };

/* For tables of options: argument and its meaning. */
#define CH_COLOR_ARG "auto|yes|always|no|never"
#define CH_COLOR_RULES                                                                             \
	"on a terminal only (auto, the default; not if NO_COLOR is set, or TERM is dumb), always " \
	"(yes, always, or without an argument), or never (no, never)"

/* WHEN: one of CH_COLOR_ARG, or NULL: no argument. Errors: -EINVAL. */
int ch_color_parse(const char *when, enum ch_color *ret_color, struct ch_err *err);

/* Is what goes to FD to be coloured? */
bool ch_color_is_wanted(enum ch_color color, int fd);

/* What switches colours on and off again. */
#define CH_COLOR_RED	"\033[31m"
#define CH_COLOR_GREEN	"\033[32m"
#define CH_COLOR_YELLOW "\033[33m"
#define CH_COLOR_OFF	"\033[0m"

#endif
