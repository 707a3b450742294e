/* SPDX-License-Identifier: Apache-2.0 */
/* setters.h - setters of opt.h that take no value */
#ifndef CH_OPT_SETTERS_H
#define CH_OPT_SETTERS_H

#include <stdbool.h>

struct ch_err;

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

#endif
