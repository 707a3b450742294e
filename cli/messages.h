/* SPDX-License-Identifier: Apache-2.0 */
/* messages.h - how what libraries have to say comes into the log (base/log.h) */
#ifndef CH_CLI_MESSAGES_H
#define CH_CLI_MESSAGES_H

#include "base/teller.h"

struct ch_err;

/* Whatever is told is logged. */
extern const struct ch_teller ch_messages;

/* Log ERR, with the place in our sources for bug reports, unless it is without a message: then
 * it was told already. Returns CODE. */
int ch_messages_report(const struct ch_err *err, int code);

#endif
