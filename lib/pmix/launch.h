/* SPDX-License-Identifier: Apache-2.0 */
/* launch.h - what a PMIx launcher says to this process, and whether it works
 *
 * The one door to libpmix. All ranks of a job call the same functions in the same order. */
#ifndef CH_PMIX_LAUNCH_H
#define CH_PMIX_LAUNCH_H

#include <stdbool.h>
#include <stdint.h>

struct ch_err;

struct ch_launch {
	char nspace[256];
	char library[128]; /* what libpmix says of itself */
	char server[64];   /* version of the launcher's PMIx; "" if it does not tell */
	uint32_t rank, size;
	uint32_t nodes, local_size;
	uint32_t next; /* the next local peer; RANK itself if there is none */
};

/* Connect to the launcher. Errors: -EIO, with PMIx's reason. */
int ch_launch_start(struct ch_launch *ret, struct ch_err *err);

/* Leave a text for all others. They see it after the next ch_launch_fence(). */
int ch_launch_put(const char *key, const char *text, struct ch_err *err);

/* Wait for all ranks, SECONDS at most if the launcher cares. */
int ch_launch_fence(const struct ch_launch *l, int seconds, struct ch_err *err);

/* What RANK has left. ret_text: malloc'ed. */
int ch_launch_get(const struct ch_launch *l, uint32_t rank, const char *key, char **ret_text,
		  struct ch_err *err);

void ch_launch_end(void);

#endif
