/* SPDX-License-Identifier: Apache-2.0 */
/* mark.h - go through all objects that a commit needs */
#ifndef CH_CACHE_MARK_H
#define CH_CACHE_MARK_H

#include "cache/large.h"
#include "cache/oid.h"

struct ch_err;
struct ch_odb;

enum ch_mark_kind {
	CH_MARK_COMMIT,
	CH_MARK_TREE,
	CH_MARK_FILE,  /* blob: a file's content, or a link's target */
	CH_MARK_OTHER, /* blob: what is said of a directory; a configuration */
};

struct ch_mark {
	struct ch_odb *odb;		/* borrowed */
	const struct ch_oidmap *before; /* what counts as marked already; or NULL */
	struct ch_oidmap seen;		/* numbers: enum ch_mark_kind */
	struct ch_oidmap large;		/* large files, by the first bytes of their SHA-256 */
	uint64_t bytes;			/* that SEEN takes in packs, large files included */
};

/* Mark COMMIT, its ancestors, and all that they consist of. -ENOENT, -EBADMSG: something is
 * missing or damaged. */
int ch_mark_commit(struct ch_mark *mark, const struct ch_oid *commit, struct ch_err *err);

/* How a large file is named in mark->large. */
struct ch_oid ch_mark_large(const struct ch_large *large);

void ch_mark_done(struct ch_mark *mark);

static inline void ch_auto_mark(struct ch_mark *mark)
{
	ch_mark_done(mark);
}

#endif
