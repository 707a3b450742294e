/* SPDX-License-Identifier: Apache-2.0 */
/* tars.h - small tar archives as texts: those of trees.h, in any order, with any names; and "c%"
 * for a device */
#ifndef CH_TESTS_TARS_H
#define CH_TESTS_TARS_H

#include <stddef.h>

/* The archive of TEXT, with the times 1000000000; malloc'ed. Names have less than 100 bytes. */
char *tars_make(const char *text, size_t *ret_len);

/* Write it to a new file in memory; the caller's, at its begin. */
int tars_open(const char *text);

#endif
