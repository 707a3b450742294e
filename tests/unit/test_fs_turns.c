/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

#include "fs/turns.h"

enum { THREADS = 8 };

/* Requests that threads can take, as they do from the kernel. */
static struct {
	struct ch_turns turns;
	pthread_mutex_t lock;
	pthread_cond_t change;
	unsigned requests;
	unsigned working;
	bool release; /* the workers */
	bool end;
} world;

static atomic_uint waiting, most_waiting;

static bool take(void)
{
	unsigned n = atomic_fetch_add(&waiting, 1) + 1;
	unsigned most = atomic_load(&most_waiting);

	while (n > most && !atomic_compare_exchange_weak(&most_waiting, &most, n))
		;
	pthread_mutex_lock(&world.lock);
	while (world.requests == 0 && !world.end)
		pthread_cond_wait(&world.change, &world.lock);

	bool got = world.requests > 0;

	if (got)
		world.requests--;
	pthread_mutex_unlock(&world.lock);
	atomic_fetch_sub(&waiting, 1);
	return got;
}

static void work(void)
{
	pthread_mutex_lock(&world.lock);
	world.working++;
	pthread_cond_broadcast(&world.change);
	while (!world.release)
		pthread_cond_wait(&world.change, &world.lock);
	world.working--;
	pthread_cond_broadcast(&world.change);
	pthread_mutex_unlock(&world.lock);
}

static void *serve(void *arg)
{
	bool go_on = true;

	(void)arg;
	while (go_on) {
		ch_turns_wait(&world.turns);
		go_on = take();
		ch_turns_work(&world.turns);
		if (go_on)
			work();
	}
	return NULL;
}

/* Has *N become WANT? Within 10 s. */
static bool becomes(const unsigned *n, unsigned want)
{
	struct timespec until;
	int rc = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 10;
	pthread_mutex_lock(&world.lock);
	while (*n != want && rc == 0)
		rc = pthread_cond_timedwait(&world.change, &world.lock, &until);
	pthread_mutex_unlock(&world.lock);
	return rc == 0;
}

static void tell(unsigned requests, bool release, bool end)
{
	pthread_mutex_lock(&world.lock);
	world.requests = requests;
	world.release = release;
	world.end = end;
	pthread_cond_broadcast(&world.change);
	pthread_mutex_unlock(&world.lock);
}

static void all_work_when_needed_and_two_wait(void **state)
{
	pthread_t ids[THREADS];

	(void)state;
	world = (__typeof__(world)){
		CH_TURNS_INIT, PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0, false,
		false
	};
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&ids[i], NULL, serve, NULL), 0);
	for (unsigned round = 0; round < 20; round++) {
		tell(THREADS, false, false);
		assert_true(becomes(&world.working, THREADS));
		tell(0, true, false);
		assert_true(becomes(&world.working, 0));
	}
	assert_true(atomic_load(&most_waiting) <= 2);
	/* Those who wait see the end, and let the others in to see it, too. */
	tell(0, true, true);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(ids[i], NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_work_when_needed_and_two_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
