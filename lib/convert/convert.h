/* SPDX-License-Identifier: Apache-2.0 */
/* convert.h - images from one format to another
 *
 * A source (source.h) gives entries to a target (target.h), through a filter (filter.h). Nothing
 * is unpacked on the way. The result appears when it is complete; whatever happens before leaves
 * what was there as it was. */
#ifndef CH_CONVERT_CONVERT_H
#define CH_CONVERT_CONVERT_H

#include <stdbool.h>
#include <stdint.h>

#include "convert/source.h"
#include "convert/target.h"

struct ch_err;

struct ch_convert {
	enum ch_format from, to;
	struct ch_source_how source; /* but for the progress; cancel ends all of it */
	struct ch_target_how target;
};

struct ch_converted {
	uint64_t devices; /* device files and sockets that were left out */
	uint64_t links;	  /* hard links that were left out, to what is left out */
	unsigned unread;  /* scripts of a SIF file that set more of the environment than was kept */
};

/* Could OUT be made, as far as can be told before? Nothing is. */
int ch_convert_check(const struct ch_convert *convert, struct ch_err *err);

int ch_convert(const struct ch_convert *convert, struct ch_converted *ret, struct ch_err *err);

#endif
