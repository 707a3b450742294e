/* SPDX-License-Identifier: Apache-2.0 */
#include "run_log.h"

#include <stdio.h>
#include <syslog.h>
#include <unistd.h>

#include "base/text.h"
#include "sys/syslog.h"

void ch_run_log(int argc, char **argv)
{
	char line[CH_SYSLOG_MAX - 16]; /* room for the priority */
	int n = snprintf(line, sizeof(line), "ch-run[%d]: user %u, %d words: ", (int)getpid(),
			 (unsigned)getuid(), argc);

	ch_text_quote_words(argv, line + n, sizeof(line) - (size_t)n);
	ch_syslog_once(LOG_USER | LOG_INFO, line);
}
