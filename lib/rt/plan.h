/* SPDX-License-Identifier: Apache-2.0 */
/* plan.h - a request as a list of mounts, in the order in which they are made
 *
 * Pure: nothing here touches the system. The builder walks the list (build.h); --dry-run
 * prints it. */
#ifndef CH_RT_PLAN_H
#define CH_RT_PLAN_H

#include <stddef.h>
#include <stdio.h>

#include "rt/image.h"
#include "rt/request.h"

enum ch_op_kind {
	CH_OP_IMAGE_DIR,    /* SRC becomes the root */
	CH_OP_IMAGE_HOST,   /* the host's root, with all that is mounted in it */
	CH_OP_IMAGE_SQUASH, /* SRC, served by the image server, becomes the root */
	CH_OP_FAKE,	    /* a writable layer in memory over the root; TEXT: its size */
	CH_OP_BIND,	    /* SRC on DST */
	CH_OP_TMPFS,	    /* a fresh tmpfs on DST */
	CH_OP_PASSWD,	    /* a generated file on DST */
	CH_OP_GROUP,
};

struct ch_op {
	enum ch_op_kind kind;
	const char *src, *dst, *text; /* borrowed from the request, or static */
	unsigned flags;		      /* CH_BIND_* */
	uint64_t offset;	      /* CH_OP_IMAGE_SQUASH: in a SIF file; else 0 */
};

struct ch_plan {
	struct ch_op *ops; /* owned */
	size_t n;
};

/* REQ must outlive the plan. Errors: -ENOMEM; -EINVAL for what does not go together. */
int ch_plan_make(const struct ch_request *req, const struct ch_image *image,
		 struct ch_plan *ret_plan, struct ch_err *err);

/* One line an operation. */
void ch_plan_print(const struct ch_plan *plan, FILE *out);

void ch_plan_done(struct ch_plan *plan);

static inline void ch_auto_plan(struct ch_plan *plan)
{
	ch_plan_done(plan);
}

#endif
