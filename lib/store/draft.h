/* SPDX-License-Identifier: Apache-2.0 */
/* draft.h - an image in the making
 *
 *	ch_auto(draft) struct ch_draft draft = CH_DRAFT_INIT;
 *	ch_draft_new(store, &ref, CH_DRAFT_EMPTY, &draft, err);
 *	... fill draft.root ...
 *	ch_draft_commit(&draft, err);
 *
 * It is made in tmp of storage, while its maker holds the lock on its name. To commit, it is
 * exchanged with the image of that name. What was never committed is removed: by
 * ch_draft_done, or, if the maker died, by the next one who opens storage. */
#ifndef CH_STORE_DRAFT_H
#define CH_STORE_DRAFT_H

#include <stdbool.h>

struct ch_err;
struct ch_ref;
struct ch_store;

enum ch_draft_from {
	CH_DRAFT_EMPTY, /* an empty directory */
	/* The image of that name, if there is one that nobody reads: it is out of img till the
	 * commit, and gone if there is none. For who can make it again quickly. */
	CH_DRAFT_TAKE,
};

struct ch_draft {
	int root;      /* owned; its root directory, open for reading */
	char *path;    /* owned; the same as an absolute path, which it has until the commit */
	bool is_taken; /* CH_DRAFT_TAKE: there was an image */

	/* private */
	struct ch_store *store; /* borrowed */
	char *file;		/* owned; name in img */
	char *place;		/* owned; name in tmp, or NULL: it is not there, or no more */
	int lock;		/* owned; of its name */
};

#define CH_DRAFT_INIT ((struct ch_draft){ .root = -1, .lock = -1 })

/* Begin to make the image REF. While somebody else makes or deletes it, this waits, and says
 * so. The lock on the name is held until ch_draft_done. */
int ch_draft_new(struct ch_store *store, const struct ch_ref *ref, enum ch_draft_from from,
		 struct ch_draft *ret_draft, struct ch_err *err);

/* Make it the image of that name, instead of the one that there was. All of it is on the disk
 * then. root stays open. */
int ch_draft_commit(struct ch_draft *draft, struct ch_err *err);

/* Let go; what was not committed is removed. */
void ch_draft_done(struct ch_draft *draft);

static inline void ch_auto_draft(struct ch_draft *draft)
{
	ch_draft_done(draft);
}

#endif
