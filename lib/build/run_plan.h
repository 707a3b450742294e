/* SPDX-License-Identifier: Apache-2.0 */
/* run_plan.h - what one command gets mounted, and which variables come with it
 *
 * What is on the host is bound by the keeper. What must not be there, or can only be made in
 * the container, is done there by ourselves (run_inside.h): the operations. They come after
 * all binds. */
#ifndef CH_BUILD_RUN_PLAN_H
#define CH_BUILD_RUN_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/words.h"
#include "build/run_cache.h"
#include "rt/bind.h"

struct ch_err;
struct ch_run;

/* Inside: a tmpfs of our own, when there are operations that need it. */
#define CH_RUN_DIR    "/ch/build"
#define CH_RUN_SCRIPT "script"
#define CH_RUN_APT    "apt.conf"

enum ch_run_op_kind {
	CH_RUN_OP_FILE,	 /* DATA as a file NAME of CH_RUN_DIR, bound on TARGET, if any */
	CH_RUN_OP_TMPFS, /* on TARGET */
	CH_RUN_OP_COVER, /* the directory TARGET may be written to; that is lost in the end */
};

struct ch_run_op {
	enum ch_run_op_kind kind;
	char *target;	  /* absolute; owned */
	char name[16];	  /* FILE */
	const char *data; /* FILE; borrowed */
	size_t len;
	mode_t mode;
	uint64_t size; /* TMPFS: bytes; 0: the kernel's default */
};

struct ch_run_plan {
	struct ch_binds binds;
	struct ch_run_op *ops;
	size_t n_ops;
	struct ch_words env; /* variables that come to those of the command, or replace them */
	struct ch_run_caches caches;
	bool is_tmp_fresh; /* something is to be mounted below /tmp: not the host's, then */
};

/* Plan for RUN. Waits for caches that are in use by others. */
int ch_run_plan_make(const struct ch_run *run, struct ch_run_plan *ret_plan, struct ch_err *err);

/* Does any operation need CH_RUN_DIR? */
bool ch_run_plan_wants_dir(const struct ch_run_plan *plan);

void ch_run_plan_done(struct ch_run_plan *plan);

static inline void ch_auto_run_plan(struct ch_run_plan *plan)
{
	ch_run_plan_done(plan);
}

#endif
