/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/watch.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

#include "base/err.h"

enum { PAUSE_NS = 100 * 1000 * 1000, SECOND_NS = 1000 * 1000 * 1000 };

bool ch_watch_is_interrupted(void)
{
	sigset_t pending;

	return sigpending(&pending) == 0 &&
	       (sigismember(&pending, SIGINT) == 1 || sigismember(&pending, SIGTERM) == 1 ||
		sigismember(&pending, SIGHUP) == 1);
}

void ch_watch_explain(struct ch_err *err)
{
	if (err->code == -ECANCELED && ch_watch_is_interrupted())
		ch_err_set(err, -EINTR, "interrupted");
}

/* Those of the process are pending for all its threads. They are not taken: they end it, once
 * they are not blocked any more. */
static void *watch(void *data)
{
	struct ch_watch *w = data;
	struct timespec until;

	do {
		if (ch_watch_is_interrupted())
			atomic_store(&w->cancel, true);
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += PAUSE_NS;
		if (until.tv_nsec >= SECOND_NS) {
			until.tv_sec++;
			until.tv_nsec -= SECOND_NS;
		}
	} while (sem_timedwait(&w->over, &until) < 0);
	return NULL;
}

int ch_watch_start(struct ch_watch *w, struct ch_err *err)
{
	int rc;

	sem_init(&w->over, 0, 0);
	rc = pthread_create(&w->thread, NULL, watch, w);
	if (rc != 0)
		return ch_err_rc(err, -rc, "start a thread");
	w->is_running = true;
	return 0;
}

void ch_watch_stop(struct ch_watch *w)
{
	if (!w->is_running)
		return;
	sem_post(&w->over);
	pthread_join(w->thread, NULL);
	sem_destroy(&w->over);
	w->is_running = false;
}
