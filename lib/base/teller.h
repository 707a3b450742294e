/* SPDX-License-Identifier: Apache-2.0 */
/* teller.h - whom a library tells what it does, and what to mind, a line at a time
 *
 * Libraries do not log (log.h): who calls them says what becomes of their lines. All zero:
 * nobody is told. */
#ifndef CH_BASE_TELLER_H
#define CH_BASE_TELLER_H

#include "base/log.h"

struct ch_teller {
	ch_log_sink *sink;
	void *data; /* borrowed; for sink */
};

/* Tell, in one line of less than 1024 bytes; the rest is cut off. LEVEL: CH_INFO, what is done;
 * CH_WARN, what the user should mind; CH_ERROR, a fault that ends nothing. By any thread if the
 * sink is for that. */
void ch_tell(const struct ch_teller *teller, enum ch_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
