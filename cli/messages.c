/* SPDX-License-Identifier: Apache-2.0 */
#include "messages.h"

#include "base/err.h"

static void to_log(enum ch_level level, const char *line, void *data)
{
	(void)data;
	ch_log(level, "%s", line);
}

const struct ch_teller ch_messages = { .sink = to_log };

int ch_messages_report(const struct ch_err *err, int code)
{
	if (err->msg[0])
		ch_log(CH_ERROR, "%s (%s:%u %d)", err->msg, err->file, err->line, -err->code);
	return code;
}
