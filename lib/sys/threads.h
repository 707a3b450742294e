/* SPDX-License-Identifier: Apache-2.0 */
/* threads.h - the same work by several threads, while the caller waits */
#ifndef CH_SYS_THREADS_H
#define CH_SYS_THREADS_H

#include <stddef.h>

/* How many CPUs we may use: at least 1 */
size_t ch_threads_cpus(void);

/* Call WORK(DATA) in as many threads as there are CPUs for us, but at least EACH of N tasks for
 * a thread, and at most 8; and at least in the calling one. WORK shares the tasks out itself.
 * Returns when all have returned. That threads cannot be had is no failure. */
void ch_threads_run(size_t n, size_t each, void (*work)(void *data), void *data);

#endif
