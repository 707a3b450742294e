/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/turns.h"

#define WAITING_MAX 2

void ch_turns_wait(struct ch_turns *t)
{
	pthread_mutex_lock(&t->lock);
	while (t->waiting >= WAITING_MAX) {
		t->asleep++;
		pthread_cond_wait(&t->wanted, &t->lock);
		t->asleep--;
	}
	t->waiting++;
	pthread_mutex_unlock(&t->lock);
}

void ch_turns_work(struct ch_turns *t)
{
	pthread_mutex_lock(&t->lock);
	t->waiting--;
	if (t->waiting == 0 && t->asleep)
		pthread_cond_signal(&t->wanted);
	pthread_mutex_unlock(&t->lock);
}
