/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/threads.h"

#include <pthread.h>
#include <sched.h>

/* The kernel may know of more CPUs than there are. */
enum { THREADS_MAX = 8, CPUS_MAX = 1 << 16 };

struct work {
	void (*fn)(void *data);
	void *data;
};

static void *start(void *data)
{
	const struct work *work = data;

	work->fn(work->data);
	return NULL;
}

size_t ch_threads_cpus(void)
{
	for (size_t max = 1024; max <= CPUS_MAX; max *= 2) {
		cpu_set_t *cpus = CPU_ALLOC(max);
		size_t size = CPU_ALLOC_SIZE(max), n = 0;

		if (cpus && sched_getaffinity(0, size, cpus) == 0)
			n = (size_t)CPU_COUNT_S(size, cpus);
		CPU_FREE(cpus);
		if (n > 0)
			return n;
	}
	return 1;
}

static size_t count(size_t n, size_t each)
{
	size_t most = ch_threads_cpus();

	if (most > THREADS_MAX)
		most = THREADS_MAX;
	return n / each < most ? n / each : most;
}

void ch_threads_run(size_t n, size_t each, void (*work)(void *data), void *data)
{
	struct work shared = { work, data };
	size_t wanted = count(n, each), started = 0;
	pthread_t threads[THREADS_MAX];

	/* The caller is one of them. */
	while (started + 1 < wanted && pthread_create(&threads[started], NULL, start, &shared) == 0)
		started++;
	work(data);
	while (started > 0)
		pthread_join(threads[--started], NULL);
}
