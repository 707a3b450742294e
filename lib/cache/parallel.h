/* SPDX-License-Identifier: Apache-2.0 */
/* parallel.h - do the same to many things, with several threads */
#ifndef CH_CACHE_PARALLEL_H
#define CH_CACHE_PARALLEL_H

#include <stddef.h>

struct ch_err;

struct ch_parallel {
	unsigned threads; /* 0: as many as there are processors for us */
	size_t n;	  /* things */

	/* Make what one thread needs for itself; ret_own: goes to the others. */
	int (*begin)(void *data, void **ret_own, struct ch_err *err);
	/* Do the I-th. */
	int (*work)(void *data, void *own, size_t i, struct ch_err *err);
	/* Release it; also after an error. */
	void (*end)(void *data, void *own);
	void *data;
};

/* All N of them, in about their order. Returns 0, or the first error, after which no other
 * thing is begun. No signal is taken by a thread. */
int ch_parallel(const struct ch_parallel *what, struct ch_err *err);

#endif
