/* SPDX-License-Identifier: Apache-2.0 */
/* ask.h - a task asks the keeper to be let in */
#ifndef CH_SPANK_ASK_H
#define CH_SPANK_ASK_H

struct ch_err;

/* Ask the keeper at SOCK, until DEADLINE (msg.h), for the calling task. The mount namespace that
 * the task is in goes along, for the keeper to follow: without it, the container would show the
 * host's directories instead of the job's, so that failing to open it is an error. */
int ch_ask(int sock, long long deadline, struct ch_err *err);

#endif
