/* SPDX-License-Identifier: Apache-2.0 */
#include "image_signals.h"

#include <stddef.h>

void ch_image_signals_hold(sigset_t *ret_before)
{
	sigset_t ending;

	sigemptyset(&ending);
	sigaddset(&ending, SIGINT);
	sigaddset(&ending, SIGTERM);
	sigaddset(&ending, SIGHUP);
	sigprocmask(SIG_BLOCK, &ending, ret_before);
}

void ch_image_signals_release(const sigset_t *before)
{
	sigprocmask(SIG_SETMASK, before, NULL);
}
