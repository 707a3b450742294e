/* SPDX-License-Identifier: Apache-2.0 */
/* unit.h - cmocka, with the headers that it wants before itself */
#ifndef CH_TESTS_UNIT_H
#define CH_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* P, which is not NULL: for memory, and to tell analysers, who do not know that assertions
 * of cmocka end a test. */
#define NOT_NULL(p)                                                                                \
	__extension__({                                                                            \
		__typeof__(p) p_ = (p);                                                            \
		if (!p_)                                                                           \
			abort();                                                                   \
		p_;                                                                                \
	})

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
