/* SPDX-License-Identifier: Apache-2.0 */
/* unit.h - cmocka, with the headers that it wants before itself */
#ifndef CH_TESTS_UNIT_H
#define CH_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
