/* SPDX-License-Identifier: Apache-2.0 */
/* layer.h - layers of an image, one upon the other, become a directory
 *
 *	ch_auto(layers) struct ch_layers layers = { 0 };
 *	ch_layers_init(&layers, root, err);
 *	ch_layers_apply(&layers, &lowest, &got, err); ...
 *	ch_layers_end(&layers, err);
 *
 * Layers are tar archives (read.h) with whiteouts (whiteout.h). As in dirsink.h, nothing outside
 * the directory is touched. What is below "dev" is left out; set-user-ID, set-group-ID and
 * capabilities are taken away: files are the user's, and who may execute one must not become him.
 */
#ifndef CH_ARCHIVE_LAYER_H
#define CH_ARCHIVE_LAYER_H

#include <stdbool.h>

#include "archive/dirsink.h"
#include "archive/entry.h"

struct ch_archive;
struct ch_archive_got;
struct ch_err;
struct ch_own;

struct ch_layers {
	/* private */
	struct ch_sink sink;  /* of one layer */
	struct ch_dirsink to; /* of them all */
	int root;	      /* borrowed */
	struct ch_own *own;   /* owned */
	bool is_upper;	      /* not the lowest */
	bool is_dropped;      /* what was added last has no use for contents */
};

/* Begin in the empty directory that is open as ROOT, which is borrowed. */
int ch_layers_init(struct ch_layers *ret_layers, int root, struct ch_err *err);

/* Apply the next one, above those applied. Of LAYER, strip_top must be false; skip_dev and
 * no_setid are implied. Errors: as ch_archive_read; the directory is of no use then. */
int ch_layers_apply(struct ch_layers *layers, const struct ch_archive *layer,
		    struct ch_archive_got *ret_got, struct ch_err *err);

/* There are no more: attributes of directories. */
int ch_layers_end(struct ch_layers *layers, struct ch_err *err);

void ch_layers_done(struct ch_layers *layers);

static inline void ch_auto_layers(struct ch_layers *layers)
{
	ch_layers_done(layers);
}

#endif
