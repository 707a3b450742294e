/* SPDX-License-Identifier: Apache-2.0 */
/* err.h - errors as values: a code for the program, one line for the user
 *
 * A function that can fail returns 0 or a negative errno and takes a struct ch_err as
 * its last parameter, which it writes only on failure. The message says what was
 * attempted and on what; callers that know more put it in front with ch_err_in().
 *
 * Fixed size, so that nothing is allocated on the failure path, it stays valid after
 * fork(), and it crosses a pipe or a SEQPACKET socket in one write. */
#ifndef CH_BASE_ERR_H
#define CH_BASE_ERR_H

#include <errno.h>
#include <limits.h>

struct ch_err {
	int code;	  /* negative errno, or 0 */
	unsigned line;	  /* where it was first set */
	const char *file; /* base name; static string */
	char msg[488];	  /* one line: no full stop, no newline */
};

_Static_assert(sizeof(struct ch_err) <= PIPE_BUF, "an error must cross a pipe in one write");

/* Set ERR to our own diagnosis. CODE: negative errno. Returns CODE. */
#define ch_err_set(err, code, ...) ch_err_set_at(err, __FILE_NAME__, __LINE__, code, __VA_ARGS__)

/* Set ERR from errno: appends ": " and its text. Returns -errno. */
#define ch_err_sys(err, ...) ch_err_sys_at(err, __FILE_NAME__, __LINE__, __VA_ARGS__)

/* What is said when an allocation has failed. */
#define ch_err_nomem(err) ch_err_set(err, -ENOMEM, "out of memory")

/* As ch_err_sys(), for a negative errno CODE in hand. */
#define ch_err_rc(err, code, ...) ch_err_rc_at(err, __FILE_NAME__, __LINE__, code, __VA_ARGS__)

/* Put context and ": " in front of what ERR says. Returns its code. */
int ch_err_in(struct ch_err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

int ch_err_set_at(struct ch_err *err, const char *file, unsigned line, int code, const char *fmt,
		  ...) __attribute__((format(printf, 5, 6)));
int ch_err_sys_at(struct ch_err *err, const char *file, unsigned line, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
int ch_err_rc_at(struct ch_err *err, const char *file, unsigned line, int code, const char *fmt,
		 ...) __attribute__((format(printf, 5, 6)));

#ifndef __FILE_NAME__ /* gcc < 12 */
#define __FILE_NAME__ __FILE__
#endif

#endif
