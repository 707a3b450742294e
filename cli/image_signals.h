/* SPDX-License-Identifier: Apache-2.0 */
/* image_signals.h - signals that end a command wait until it has cleaned up
 *
 * Whoever interrupts a command wants nothing to be left. Between steps, and while it waits, the
 * command looks for signals that are pending (pull/watch.h), and ends with -EINTR. */
#ifndef CH_CLI_IMAGE_SIGNALS_H
#define CH_CLI_IMAGE_SIGNALS_H

#include <signal.h>

/* Hold SIGINT, SIGTERM and SIGHUP back. */
void ch_image_signals_hold(sigset_t *ret_before);

/* Let them come: they end us. */
void ch_image_signals_release(const sigset_t *before);

/* Before they end us, take lines of progress off the terminal: for commands that have nothing else
 * to clean up. */
void ch_image_signals_tidy(void);

#endif
