/* SPDX-License-Identifier: Apache-2.0 */
/* watch.h - notice that the user is tired of waiting
 *
 * Whoever cleans up when a signal ends him has it blocked meanwhile. What then waits for others,
 * looks at a flag, which is set here when SIGINT, SIGTERM or SIGHUP is pending. */
#ifndef CH_PULL_WATCH_H
#define CH_PULL_WATCH_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>

struct ch_err;

struct ch_watch {
	atomic_bool cancel; /* anybody may set it, too */

	/* private */
	bool is_running;
	pthread_t thread;
	sem_t over;
};

/* Begin to set WATCH's cancel. WATCH is zero, and must not move. */
int ch_watch_start(struct ch_watch *watch, struct ch_err *err);

void ch_watch_stop(struct ch_watch *watch);

static inline void ch_auto_watch(struct ch_watch *watch)
{
	ch_watch_stop(watch);
}

/* Is such a signal pending? */
bool ch_watch_is_interrupted(void);

/* If ERR says that something was cancelled because of it, say that. */
void ch_watch_explain(struct ch_err *err);

#endif
