/* SPDX-License-Identifier: Apache-2.0 */
/* step_mounts.h - the --mount flags of a RUN in execution
 *
 * What they say is read before it is known whether the command has to run, and decides that, too;
 * what they need is found only if it has. */
#ifndef CH_BUILD_STEP_MOUNTS_H
#define CH_BUILD_STEP_MOUNTS_H

#include <stddef.h>

#include "base/words.h"

struct ch_run_mount;
struct ch_step;
struct ch_step_source;

struct ch_step_mounts {
	struct ch_run_mount *list; /* owned; for struct ch_run */
	size_t n;

	/* private */
	struct ch_step_source *sources; /* of each; of bind mounts with "from" only */
	struct ch_words kept;		/* paths, secrets */
	int *roots;			/* of each; open directories of bind mounts, or -1 */
};

/* Expand what the flags say, and make a part of the key what they show. RET: zeroed. */
int ch_step_mounts_read(struct ch_step *step, struct ch_step_mounts *ret);

/* Find directories, secrets and agents. Both return as a step does (step.h). */
int ch_step_mounts_find(struct ch_step *step, struct ch_step_mounts *mounts);

void ch_step_mounts_done(struct ch_step_mounts *mounts);

#endif
