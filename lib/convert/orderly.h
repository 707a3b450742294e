/* SPDX-License-Identifier: Apache-2.0 */
/* orderly.h - a sink in front of one that wants directories before what is in them
 *
 * Those that are missing are added, with mode 0755 and the time 0; when their own entries come,
 * later, they come again. */
#ifndef CH_CONVERT_ORDERLY_H
#define CH_CONVERT_ORDERLY_H

#include <stdbool.h>

#include "archive/entry.h"
#include "convert/paths.h"

struct ch_orderly {
	struct ch_sink sink; /* what it is used by */

	/* private */
	struct ch_sink *to; /* borrowed */
	struct ch_paths paths;
	bool *is_there; /* owned; by nodes */
	size_t n;	/* of these */
};

/* TO is borrowed, till it is done. */
void ch_orderly_init(struct ch_orderly *orderly, struct ch_sink *to);

void ch_orderly_done(struct ch_orderly *orderly);

#endif
