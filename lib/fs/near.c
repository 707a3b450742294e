/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/near.h"

/* So many requests are worth two system calls. */
#define ENOUGH 16

void ch_near_start(struct ch_near *near)
{
	*near = (struct ch_near){ 0 };
	near->is_off = sched_getaffinity(0, sizeof(near->all), &near->all) < 0 ||
		       CPU_COUNT(&near->all) < 2;
}

/* The reader may be in a PID namespace that we do not see, or gone: then nothing is done. */
static void go_to(struct ch_near *near, pid_t reader)
{
	cpu_set_t its, both;

	if (sched_getaffinity(reader, sizeof(its), &its) < 0 || CPU_COUNT(&its) != 1)
		return;
	CPU_AND(&both, &its, &near->all);
	near->is_bound = CPU_COUNT(&both) == 1 && sched_setaffinity(0, sizeof(both), &both) == 0;
}

void ch_near_follow(struct ch_near *near, pid_t reader)
{
	if (near->is_off || reader <= 0) /* the kernel itself asks as 0 */
		return;
	if (reader != near->reader) {
		near->reader = reader;
		near->times = 0;
		if (near->is_bound)
			near->is_bound = sched_setaffinity(0, sizeof(near->all), &near->all) < 0;
	}
	if (near->times < ENOUGH && ++near->times == ENOUGH)
		go_to(near, reader);
}
