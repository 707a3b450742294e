/* SPDX-License-Identifier: Apache-2.0 */
/* setters.h - setters of opt.h that are alike: for flags, and for texts */
#ifndef CH_OPT_SETTERS_H
#define CH_OPT_SETTERS_H

#include <errno.h>
#include <stdbool.h>

#include "base/err.h"

/* Define set_NAME: FIELD of struct TYPE, the target, becomes WHAT. */
#define CH_OPT_SETTER(name, type, field, what)                                                     \
	static int set_##name(void *target, const char *value, struct ch_err *err)                 \
	{                                                                                          \
		struct type *to = target;                                                          \
                                                                                                   \
		(void)value;                                                                       \
		(void)err;                                                                         \
		to->field = what;                                                                  \
		return 0;                                                                          \
	}

/* The same for a flag called as its field. */
#define CH_OPT_FLAG_SETTER(type, field) CH_OPT_SETTER(field, type, field, true)

/* For a flag that is counted. */
#define CH_OPT_COUNT_SETTER(type, field) CH_OPT_SETTER(field, type, field, to->field + 1)

/* Define set_FIELD: FIELD of struct TYPE becomes the value (borrowed), a text that is not empty.
 * ARG: what help calls it. */
#define CH_OPT_TEXT_SETTER(type, field, arg)                                                       \
	static int set_##field(void *target, const char *value, struct ch_err *err)                \
	{                                                                                          \
		struct type *to = target;                                                          \
                                                                                                   \
		if (!value[0])                                                                     \
			return ch_err_set(err, -EINVAL, arg " is empty");                          \
		to->field = value;                                                                 \
		return 0;                                                                          \
	}

#endif
