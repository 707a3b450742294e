/* SPDX-License-Identifier: Apache-2.0 */
#include "torture.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

/* The linker's names: calls go to __wrap_X, and __real_X is the C library's. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_reallocarray(void *p, size_t n, size_t size);
char *__real_strdup(const char *s);
char *__real_strndup(const char *s, size_t n);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_reallocarray(void *p, size_t n, size_t size);
char *__wrap_strdup(const char *s);
char *__wrap_strndup(const char *s, size_t n);

/* Allocations until one fails; negative: none does, or it is over. Each thread has its own
 * mishaps: helpers of the test must not use up its count. */
static _Thread_local long left = -1;
static _Thread_local bool has_failed;

static bool fails(void)
{
	if (left < 0 || left-- > 0)
		return false;
	has_failed = true;
	errno = ENOMEM;
	return true;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	return fails() ? NULL : __real_realloc(p, size);
}

void *__wrap_reallocarray(void *p, size_t n, size_t size)
{
	return fails() ? NULL : __real_reallocarray(p, n, size);
}

char *__wrap_strdup(const char *s)
{
	return fails() ? NULL : __real_strdup(s);
}

char *__wrap_strndup(const char *s, size_t n)
{
	return fails() ? NULL : __real_strndup(s, n);
}

void torture_begin(long n)
{
	has_failed = false;
	left = n;
}

int torture_end(void)
{
	left = -1;
	return has_failed;
}

/* Not cmocka's: fuzz targets are linked with this file, too. */
static void give_up(long n, int rc)
{
	fprintf(stderr, "torture: allocation %ld: returns %d\n", n, rc);
	abort();
}

int torture(int (*fn)(void *data), void *data)
{
	for (int n = 0;; n++) {
		torture_begin(n);

		int rc = fn(data);
		bool failed = torture_end();

		if (rc != (failed ? -ENOMEM : 0))
			give_up(n, rc);
		if (!failed)
			return n;
	}
}
