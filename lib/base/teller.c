/* SPDX-License-Identifier: Apache-2.0 */
#include "base/teller.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/text.h"

void ch_tell(const struct ch_teller *teller, enum ch_level level, const char *fmt, ...)
{
	char line[1024];
	va_list ap;

	if (!teller->sink)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	ch_text_one_line(line);
	teller->sink(level, line, teller->data);
}
