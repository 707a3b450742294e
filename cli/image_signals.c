/* SPDX-License-Identifier: Apache-2.0 */
#include "image_signals.h"

#include <stddef.h>

#include "base/progress.h"

static const int ending[] = { SIGINT, SIGTERM, SIGHUP };

void ch_image_signals_hold(sigset_t *ret_before)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(ending) / sizeof(ending[0]); i++)
		sigaddset(&set, ending[i]);
	sigprocmask(SIG_BLOCK, &set, ret_before);
}

void ch_image_signals_release(const sigset_t *before)
{
	sigprocmask(SIG_SETMASK, before, NULL);
}

/* It was reset already: as soon as we return, we end. */
static void end(int number)
{
	ch_progress_wipe();
	raise(number);
}

void ch_image_signals_tidy(void)
{
	struct sigaction sa = { .sa_handler = end, .sa_flags = (int)SA_RESETHAND }, old;

	for (size_t i = 0; i < sizeof(ending) / sizeof(ending[0]); i++)
		if (sigaction(ending[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			sigaction(ending[i], &sa, NULL);
}
