/* SPDX-License-Identifier: Apache-2.0 */
/* torture.h - make the n-th allocation fail
 *
 * Test programs are linked with --wrap, so that every malloc, calloc, realloc, reallocarray,
 * strdup and strndup of ours (not those inside libc) can be made to fail:
 *
 *	static int build(void *data) { ...; return rc; }
 *	assert_true(torture(build, &data) > 1);
 *
 * Leaks on the failure paths are for the address sanitizer to find. */
#ifndef CH_TESTS_TORTURE_H
#define CH_TESTS_TORTURE_H

/* Call FN(DATA) with its first allocation failing, then its second, and so on until it gets
 * through unharmed. Asserts that it returns -ENOMEM whenever an allocation failed, and else
 * 0. Returns how many allocations it makes. */
int torture(int (*fn)(void *data), void *data);

/* The same by hand, for what reports in other ways: fail the N-th allocation from now on
 * (0: the next one). */
void torture_begin(long n);

/* Stop. Returns 1 if an allocation was made to fail. */
int torture_end(void);

#endif
