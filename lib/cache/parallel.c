/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/parallel.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/auto.h"
#include "base/err.h"
#include "sys/threads.h"

#define THREADS_MAX 64

struct team {
	const struct ch_parallel *what;
	atomic_size_t next;
	atomic_bool stop;
	pthread_mutex_t lock;
	struct ch_err err; /* the first one; its code is 0 without */
};

static void fail(struct team *team, const struct ch_err *err)
{
	pthread_mutex_lock(&team->lock);
	if (team->err.code == 0)
		team->err = *err;
	pthread_mutex_unlock(&team->lock);
	atomic_store(&team->stop, true);
}

static void *member(void *arg)
{
	struct team *team = arg;
	const struct ch_parallel *what = team->what;
	struct ch_err err;
	void *own = NULL;
	int rc = what->begin(what->data, &own, &err);

	while (rc == 0 && !atomic_load(&team->stop)) {
		size_t i = atomic_fetch_add(&team->next, 1);

		if (i >= what->n)
			break;
		rc = what->work(what->data, own, i, &err);
	}
	if (rc < 0)
		fail(team, &err);
	if (own)
		what->end(what->data, own);
	return NULL;
}

static unsigned start(struct team *team, pthread_t *threads, unsigned n)
{
	sigset_t all, before;
	unsigned i = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	while (i < n && pthread_create(&threads[i], NULL, member, team) == 0)
		i++;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return i;
}

int ch_parallel(const struct ch_parallel *what, struct ch_err *err)
{
	struct team team = { .what = what, .lock = PTHREAD_MUTEX_INITIALIZER };
	unsigned n = what->threads ? what->threads : (unsigned)ch_threads_cpus();
	pthread_t threads[THREADS_MAX];

	if (n > THREADS_MAX)
		n = THREADS_MAX;
	if (n > what->n)
		n = (unsigned)what->n;
	if (n == 0)
		return 0;
	/* The caller is one of them: it goes on alone if there can be no others. */
	n = start(&team, threads, n - 1);
	member(&team);
	for (unsigned i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	if (team.err.code < 0)
		*err = team.err;
	return team.err.code;
}
