/* SPDX-License-Identifier: Apache-2.0 */
/* stage.h - a stage of a build: an image that grows, instruction by instruction
 *
 * With a build cache, a stage is a chain of states. As long as the cache has the next one, only
 * that is noted; files are needed when it has not (ch_stage_ready), or at the end. Without,
 * there are files from the beginning.
 *
 *	ch_stage_from_...	where it begins
 *	ch_stage_find		is the state after the next instruction known?
 *	ch_stage_ready		no: get the files, and execute it
 *	ch_stage_keep		and note what came of it
 *	ch_stage_finish		make it an image of storage */
#ifndef CH_BUILD_STAGE_H
#define CH_BUILD_STAGE_H

#include <stdbool.h>

#include "base/teller.h"
#include "build/key.h"
#include "cache/cache.h"
#include "oci/manifest.h"
#include "oci/meta.h"
#include "oci/ref.h"
#include "store/draft.h"
#include "store/lock.h"

struct ch_err;
struct ch_store;

#define CH_STAGE_ROOT "root" /* the branch of the state that all others come from */

/* Where images and states are kept; for all stages. Borrowed. */
struct ch_shelf {
	struct ch_store *store;
	struct ch_cache *cache; /* NULL: none */
	bool rebuild;		/* do not look for states, but for those of base images */
	const struct ch_pull_options *pull; /* how images come that are not there; NULL: they do
					       not */
	struct ch_teller teller;	    /* told what is done, and what to mind */
};

/* The image that a build, or a pull, is for: claimed (store/lock.h) before there are files of any
 * stage of it. */
struct ch_claim {
	const struct ch_ref *ref; /* borrowed */
	struct ch_store_lock lock;
};

static inline void ch_auto_claim(struct ch_claim *claim)
{
	ch_store_unlock(&claim->lock);
}

struct ch_stage {
	const struct ch_shelf *shelf; /* borrowed */
	struct ch_ref ref;	      /* the image it becomes */
	struct ch_oci_meta meta;      /* as of now; for instructions to change */
	bool no_xattrs;		      /* its files are to have no extended attributes; for the
					 caller to say, at first */
	struct ch_claim *claim;	      /* borrowed; on what its files are made for; NULL: none */
	bool has_digests;	      /* it is what a registry has */
	struct ch_oci_digests digests;

	/* private */
	bool has_commit;
	struct ch_oid commit;
	struct ch_cache_state state;
	struct ch_cache_state next; /* after the instruction that was looked for */
	struct ch_draft draft;
	int base;	 /* owned; without a cache: files to begin with, or -1: none */
	bool has_missed; /* nothing behind an instruction that was not known is looked for */
	bool is_blank;	 /* there are no files yet */
	bool is_ready, is_finished;
};

#define CH_STAGE_INIT ((struct ch_stage){ .draft = CH_DRAFT_INIT, .base = -1 })

/* Begin with nothing. */
int ch_stage_from_scratch(struct ch_stage *stage, struct ch_err *err);

/* Begin with what nobody knows, for a dry run: no instruction's result is. */
int ch_stage_from_unknown(struct ch_stage *stage, struct ch_err *err);

/* Begin with the image BASE of storage. Returns 1 if it was in the cache, else 0.
 * Errors: -ENOENT there is no such image. */
int ch_stage_from_image(struct ch_stage *stage, const struct ch_ref *base, struct ch_err *err);

/* Begin with what BASE is by now. */
int ch_stage_from_stage(struct ch_stage *stage, struct ch_stage *base, struct ch_err *err);

/* Begin with, and be, what COMMIT of the cache is. */
int ch_stage_from_commit(struct ch_stage *stage, const struct ch_oid *commit, struct ch_err *err);

/* The caller has decided something about STAGE that no instruction says, but TEXT: what follows
 * is in states of its own. FILES: are they other ones? DRY_RUN: only look for the state. */
int ch_stage_decide(struct ch_stage *stage, const char *text, bool files, bool dry_run,
		    struct ch_err *err);

/* Forget with what STAGE was begun, to begin with something else. */
void ch_stage_forget(struct ch_stage *stage);

/* Is the state known that an instruction with KEY makes of this one? Then it is ours now.
 * Returns 1, 0, or a negative errno. */
int ch_stage_find(struct ch_stage *stage, const struct ch_key *key, struct ch_err *err);

/* The same for a base image that is an instruction of its own: also with rebuild. */
int ch_stage_find_base(struct ch_stage *stage, const struct ch_key *key, struct ch_err *err);

/* Have the files. They are in stage->draft.root, and at stage->draft.path. */
int ch_stage_ready(struct ch_stage *stage, struct ch_err *err);

/* The instruction that ch_stage_find did not know was executed. TEXT: how it is shown. FILES:
 * has it changed files, or only metadata? */
int ch_stage_keep(struct ch_stage *stage, const char *text, bool files, struct ch_err *err);

/* Make it an image, unless it is that already; and its branch lead to it. Its files stay where they
 * are, for other stages (stage->draft.root). */
int ch_stage_finish(struct ch_stage *stage, struct ch_err *err);

/* The same for who has locked the image. */
int ch_stage_put(struct ch_stage *stage, struct ch_err *err);

void ch_stage_done(struct ch_stage *stage);

static inline void ch_auto_stage(struct ch_stage *stage)
{
	ch_stage_done(stage);
}

#endif
