/* SPDX-License-Identifier: Apache-2.0 */
/* values.h - what EXPOSE and STOPSIGNAL say: is it what others can read?
 *
 * Whoever runs a pushed image parses these, and may refuse all of it for one that is wrong. */
#ifndef CH_BUILD_VALUES_H
#define CH_BUILD_VALUES_H

#include <stdbool.h>

struct ch_err;
struct ch_words;

/* More ports than this in one range are a mistake. */
#define CH_PORTS_MAX 1000

/* TEXT is PORT[-PORT][/tcp|/udp|/sctp]: append each port to RET, as it is written, but ranges as
 * their ports. */
int ch_ports_add(const char *text, struct ch_words *ret, struct ch_err *err);

/* Is TEXT a signal: a number, or a name, with or without SIG, such as SIGRTMIN+3? */
bool ch_signal_is(const char *text);

#endif
