/* SPDX-License-Identifier: Apache-2.0 */
/* draft.h - an image in the making
 *
 *	ch_auto(draft) struct ch_draft draft = CH_DRAFT_INIT;
 *	ch_draft_new(store, &ref, CH_DRAFT_EMPTY, &draft, err);
 *	... fill draft.root ...
 *	ch_draft_commit(&draft, err);
 *
 * It is made in tmp of storage. To commit, it is exchanged with the image of its name: the last
 * one to do so decides what that is; who wants to be the only one claims the image before (lock.h).
 * What was never committed is removed: by ch_draft_done, or, if the maker died, by the next one who
 * opens storage.
 *
 * Storage keeps one tree that is nobody's image any more, the spare: who can turn one tree of
 * files into another faster than write it anew begins with that (CH_DRAFT_SPARE). */
#ifndef CH_STORE_DRAFT_H
#define CH_STORE_DRAFT_H

#include <stdbool.h>

#include "store/lock.h"

enum ch_draft_from {
	CH_DRAFT_EMPTY, /* an empty directory */
	/* The spare, whatever is in it, if there is one. What the draft replaces becomes the next
	 * one, if nobody reads it, or the draft itself, if it is not committed. */
	CH_DRAFT_SPARE,
};

struct ch_draft {
	int root;   /* owned; its root directory, open for reading */
	char *path; /* owned; the same as an absolute path, which it has until the commit */
	/* Its name in tmp until the commit, then NULL. A file of that name in the directory
	 * CH_DRAFT_STAT of storage goes where it goes: its maker may keep there what it knows of
	 * the files. */
	const char *place;
	bool is_spare; /* it began with the spare */
	/* For the maker to set: it can be made again, and is, should the machine stop before all of
	 * it is on the disk by who notes that (noted.h). */
	bool can_be_lost;

	/* private */
	struct ch_store *store;	  /* borrowed */
	const struct ch_ref *ref; /* borrowed */
	enum ch_draft_from from;
	struct ch_store_lock lock; /* of its name in tmp */
};

#define CH_DRAFT_STAT	  "stat"
#define CH_DRAFT_STAT_NEW "=new" /* behind a name there: who wrote it was killed; it goes, too */

#define CH_DRAFT_INIT ((struct ch_draft){ .root = -1 })

/* Begin to make the image REF (borrowed). Waits for nobody. */
int ch_draft_new(struct ch_store *store, const struct ch_ref *ref, enum ch_draft_from from,
		 struct ch_draft *ret_draft, struct ch_err *err);

/* Begin again, with an empty directory: what is there cannot be used, and goes, for good. root is
 * another one then. After an error, only ch_draft_done is left. */
int ch_draft_again(struct ch_draft *draft, struct ch_err *err);

/* Make it the image of that name, instead of the one that there was. All of it is on the disk
 * then, unless it can be lost: for that is to wait for all that anybody writes to the file system.
 * root stays open. The image is locked for that moment. */
int ch_draft_commit(struct ch_draft *draft, struct ch_err *err);

/* The same for who has locked it. */
int ch_draft_put(struct ch_draft *draft, struct ch_err *err);

/* Let go; what was not committed is removed. */
void ch_draft_done(struct ch_draft *draft);

static inline void ch_auto_draft(struct ch_draft *draft)
{
	ch_draft_done(draft);
}

#endif
