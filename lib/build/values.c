/* SPDX-License-Identifier: Apache-2.0 */
#include "build/values.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/text.h"
#include "base/words.h"

/* ---- ports ---------------------------------------------------------------------------------- */

static bool is_protocol(const char *text)
{
	static const char *const names[] = { "", "/tcp", "/udp", "/sctp" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcasecmp(text, names[i]) == 0)
			return true;
	return false;
}

static bool read_port(const char *text, uint32_t *ret)
{
	struct ch_err ignored;

	return ch_text_u32(text, "port", 1, 65535, ret, &ignored) == 0;
}

static int bad_port(const char *text, struct ch_err *err)
{
	return ch_err_set(err, -EINVAL,
			  "'%.40s' is no port: it is 80, 80/udp or 8000-8010, /tcp, /udp or /sctp",
			  text);
}

int ch_ports_add(const char *text, struct ch_words *ret, struct ch_err *err)
{
	const char *protocol = strchrnul(text, '/');
	ch_auto(str) char *first = strndup(text, (size_t)(protocol - text));
	char *last = first ? strchr(first, '-') : NULL;
	uint32_t from, to;

	if (!first)
		return ch_err_nomem(err);
	if (last)
		*last++ = '\0';
	if (!is_protocol(protocol) || !read_port(first, &from) ||
	    !read_port(last ? last : first, &to) || to < from)
		return bad_port(text, err);
	if (to - from >= CH_PORTS_MAX)
		return ch_err_set(err, -E2BIG, "'%.40s': more than %d ports", text, CH_PORTS_MAX);
	for (uint32_t port = from; port <= to; port++) {
		char one[32];

		snprintf(one, sizeof(one), "%u%s", port, protocol);
		ch_words_add(ret, one);
	}
	return ret->bad ? ch_err_nomem(err) : 0;
}

/* ---- signals ----------------------------------------------------------------------------------
 */

static const char *const signals[] = {
	"ABRT", "ALRM",	  "BUS",  "CHLD",   "CLD",   "CONT", "FPE",  "HUP",  "ILL",
	"INT",	"IO",	  "IOT",  "KILL",   "PIPE",  "POLL", "PROF", "PWR",  "QUIT",
	"SEGV", "STKFLT", "STOP", "SYS",    "TERM",  "TRAP", "TSTP", "TTIN", "TTOU",
	"URG",	"USR1",	  "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ",
};

/* "", or SIGN and a number up to the count of real-time signals */
static bool is_offset(const char *text, char sign)
{
	struct ch_err ignored;
	uint32_t n;

	return !*text ||
	       (*text == sign && ch_text_u32(text + 1, "signal", 0, (uint32_t)(SIGRTMAX - SIGRTMIN),
					     &n, &ignored) == 0);
}

bool ch_signal_is(const char *text)
{
	struct ch_err ignored;
	uint32_t n;

	if (ch_text_u32(text, "signal", 1, 64, &n, &ignored) == 0)
		return true;
	if (strncasecmp(text, "SIG", 3) == 0)
		text += 3;
	if (strncasecmp(text, "RTMIN", 5) == 0)
		return is_offset(text + 5, '+');
	if (strncasecmp(text, "RTMAX", 5) == 0)
		return is_offset(text + 5, '-');
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (strcasecmp(signals[i], text) == 0)
			return true;
	return false;
}
