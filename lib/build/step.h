/* SPDX-License-Identifier: Apache-2.0 */
/* step.h - one instruction in execution
 *
 * Each kind of instruction has a function, ch_do_...: it expands its words, adds them to the
 * step's key, asks ch_step_begin whether the result is known, and if not, changes the stage's
 * metadata and files and calls ch_step_end. Errors go to the step, with a place in the
 * Dockerfile. All return 0 or a negative errno. */
#ifndef CH_BUILD_STEP_H
#define CH_BUILD_STEP_H

#include <stdbool.h>
#include <stddef.h>

#include "build/build.h"
#include "build/context.h"
#include "build/copy.h"
#include "build/key.h"
#include "build/stage.h"
#include "build/statcache.h"
#include "build/vars.h"
#include "dockerfile/dockerfile.h"
#include "dockerfile/err.h"

/* A build in execution. */
struct ch_job {
	const struct ch_build *build;
	struct ch_context context;
	struct ch_statcache hashes; /* of files of the context */
	struct ch_words args;	    /* by ARG: visible from there to the end */
	bool *used;		    /* which of build->args were */
	struct ch_vars_platform host, target;
	struct ch_claim claim; /* on what becomes of the last stage */
	struct ch_stage *stages;
	unsigned executed; /* instructions, so far */
	bool has_told;	   /* that --chown is ignored */
};

struct ch_step {
	struct ch_job *job;
	struct ch_stage *stage;
	const struct ch_dockerfile *df; /* where INSTR is from: ONBUILD has its own */
	const struct ch_df_instr *instr;
	unsigned number;
	struct ch_key key;
	bool has_begun; /* by ch_step_begin */
	struct ch_df_err *err;
};

/* ---- errors --------------------------------------------------------------------------------- */

/* About the instruction as a whole: ERR's message. Returns its code. */
int ch_step_fail(struct ch_step *step, const struct ch_err *err);

int ch_step_nomem(struct ch_step *step);

/* ---- words -------------------------------------------------------------------------------- */

/* WORD with variables replaced, and made a part of the key. ret_text: malloc'ed; NULL if WORD
 * has no text. */
int ch_step_expand(struct ch_step *step, const struct ch_df_word *word, char **ret_text);

/* The same for the value of flag "--NAME"; NULL: it is not there. */
int ch_step_flag(struct ch_step *step, const char *name, char **ret_text);

/* All words, appended to RET. */
int ch_step_words(struct ch_step *step, struct ch_words *ret);

/* All pairs, as NAME=VALUE. They do not see each other. */
int ch_step_pairs(struct ch_step *step, struct ch_words *ret);

/* ---- execution ---------------------------------------------------------------------------- */

/* Show the instruction with MARK behind its number: '*', it was known; '.', it is executed;
 * ' ', neither. */
int ch_step_show(struct ch_step *step, char mark);

/* Show it. Returns 1 if its result is known and there is nothing left to do, or
 * 0: it is to be executed. */
int ch_step_begin(struct ch_step *step);

/* Have the stage's files, to change them. Returns 1 if nothing is to be changed: it is a dry
 * run. */
int ch_step_ready(struct ch_step *step);

/* It was executed. FILES: has it changed files, or only metadata? */
int ch_step_end(struct ch_step *step, bool files);

/* ---- others' files ------------------------------------------------------------------------ */

/* Where FROM leads: a stage before this one, or an image of storage, which becomes a part of
 * the key by the state it is in. */
struct ch_step_source {
	struct ch_stage *stage; /* or NULL: an image */
	struct ch_ref ref;
};
int ch_step_source(struct ch_step *step, const char *from, struct ch_step_source *ret_source);

/* Its root directory, with all files. Returns the descriptor (the caller's). */
int ch_step_source_open(struct ch_step *step, const struct ch_step_source *source);

static inline void ch_auto_step_source(struct ch_step_source *source)
{
	ch_ref_done(&source->ref);
}

/* A command is to see what is at PATH of the context, by a mount: its contents become a part of the
 * key. */
int ch_step_see(struct ch_step *step, const char *path, struct ch_err *err);

/* Copy by PLAN from the context, and what was downloaded: begin, unless the step has begun already;
 * copy, and end. */
int ch_step_copy(struct ch_step *step, const struct ch_copy_plan *plan);

/* ---- instructions ------------------------------------------------------------------------- */

int ch_do_arg(struct ch_step *step);
int ch_do_cmd(struct ch_step *step);
int ch_do_copy(struct ch_step *step); /* ADD, too */
int ch_do_entrypoint(struct ch_step *step);
int ch_do_env(struct ch_step *step);
int ch_do_expose(struct ch_step *step);
int ch_do_from(struct ch_step *step);
int ch_do_healthcheck(struct ch_step *step);
int ch_do_label(struct ch_step *step);
int ch_do_maintainer(struct ch_step *step);
int ch_do_onbuild(struct ch_step *step);
int ch_do_rsync(struct ch_step *step);
int ch_do_run(struct ch_step *step);
int ch_do_shell(struct ch_step *step);
int ch_do_stopsignal(struct ch_step *step);
int ch_do_user(struct ch_step *step);
int ch_do_volume(struct ch_step *step);
int ch_do_workdir(struct ch_step *step);

/* Execute INSTR of DF, as the NUMBER-th one, in STAGE. */
int ch_do(struct ch_job *job, struct ch_stage *stage, const struct ch_dockerfile *df,
	  const struct ch_df_instr *instr, unsigned number, struct ch_df_err *err);

#endif
