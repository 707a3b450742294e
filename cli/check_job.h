/* SPDX-License-Identifier: Apache-2.0 */
/* check_job.h - ch-check under a PMIx launcher: all ranks together try it out
 *
 * Rank 0 gathers what the others have seen; they print nothing unless they cannot even
 * connect. */
#ifndef CH_CLI_CHECK_JOB_H
#define CH_CLI_CHECK_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "probe/probe.h"

enum { CH_JOB_PMIX, CH_JOB_FENCE, CH_JOB_CMA, CH_JOB_ITEMS };

struct ch_job {
	bool is_there; /* is there a launcher? */
	uint32_t rank;
	struct ch_finding finding[CH_JOB_ITEMS];
	struct ch_buf ranks; /* one line a rank */

	/* For the JSON document; empty without a connection. */
	char nspace[256], library[128], server[64];
	uint32_t size, nodes, local_size;
};

/* Name and meaning of the items, as in a probe. */
extern const struct ch_probe ch_job_items[];

/* Returns within a minute, or ends the program with a message and status 1. */
void ch_job_try(struct ch_job *ret_job);

#endif
