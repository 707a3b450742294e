/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

__attribute__((format(printf, 5, 0))) static void put(struct ch_err *err, const char *file,
						      unsigned line, int code, const char *fmt,
						      va_list ap)
{
	err->code = code;
	err->line = line;
	err->file = file;
	vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	ch_text_one_line(err->msg);
}

/* Lines that end in a reason: so long that front ends do not cut it off. */
enum { WITH_REASON = 400 };

/* Of a very long object the end is left out: the reason is more telling. */
__attribute__((format(printf, 5, 0))) static void put_with_reason(struct ch_err *err,
								  const char *file, unsigned line,
								  int code, const char *fmt,
								  va_list ap)
{
	const char *known = strerrordesc_np(-code);
	char reason[128];

	put(err, file, line, code, fmt, ap);
	if (known)
		snprintf(reason, sizeof(reason), ": %s", known);
	else
		snprintf(reason, sizeof(reason), ": error %d", -code);
	ch_text_cut(err->msg, WITH_REASON - strlen(reason));

	size_t len = strlen(err->msg);

	snprintf(err->msg + len, sizeof(err->msg) - len, "%s", reason);
}

int ch_err_set_at(struct ch_err *err, const char *file, unsigned line, int code, const char *fmt,
		  ...)
{
	va_list ap;

	va_start(ap, fmt);
	put(err, file, line, code, fmt, ap);
	va_end(ap);
	return code;
}

int ch_err_sys_at(struct ch_err *err, const char *file, unsigned line, const char *fmt, ...)
{
	int code = errno ? -errno : -EIO;
	va_list ap;

	va_start(ap, fmt);
	put_with_reason(err, file, line, code, fmt, ap);
	va_end(ap);
	return code;
}

int ch_err_rc_at(struct ch_err *err, const char *file, unsigned line, int code, const char *fmt,
		 ...)
{
	va_list ap;

	va_start(ap, fmt);
	put_with_reason(err, file, line, code, fmt, ap);
	va_end(ap);
	return code;
}

int ch_err_in(struct ch_err *err, const char *fmt, ...)
{
	char old[sizeof(err->msg)];
	va_list ap;

	memcpy(old, err->msg, sizeof(old));
	va_start(ap, fmt);
	vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);

	size_t len = strlen(err->msg);

	snprintf(err->msg + len, sizeof(err->msg) - len, ": %s", old);
	ch_text_one_line(err->msg);
	return err->code;
}
