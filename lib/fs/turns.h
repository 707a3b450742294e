/* SPDX-License-Identifier: Apache-2.0 */
/* turns.h - how many threads wait for requests at the same time
 *
 * The kernel gives requests to waiting threads in turn. Two that wait are enough to answer
 * the next request at once; more of them only take turns on cold caches. The others sleep,
 * until all are at work. */
#ifndef CH_FS_TURNS_H
#define CH_FS_TURNS_H

#include <pthread.h>

struct ch_turns {
	pthread_mutex_t lock;
	pthread_cond_t wanted;
	unsigned waiting; /* for requests, or about to */
	unsigned asleep;
};

#define CH_TURNS_INIT                                                                              \
	{                                                                                          \
		PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0                          \
	}

/* Before waiting for a request: sleeps as long as others do that. */
void ch_turns_wait(struct ch_turns *turns);

/* With a request in hand: somebody else has to wait for the next one. */
void ch_turns_work(struct ch_turns *turns);

#endif
