/* SPDX-License-Identifier: Apache-2.0 */
/* copy_plan.h - what a plan of copy.h consists of */
#ifndef CH_BUILD_COPY_PLAN_H
#define CH_BUILD_COPY_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "sys/tree.h"

struct ch_context;
struct ch_copy_plan;
struct ch_copy_source;
struct ch_err;

enum ch_copy_kind {
	CH_COPY_FILE, /* what gets the name of the destination, if that is no directory */
	CH_COPY_DIR,  /* what goes into the destination, under the names of its entries */
	CH_COPY_TEXT, /* a here-document */
	CH_COPY_DOWNLOAD,
	CH_COPY_ARCHIVE,
};

/* One source, wildcards expanded */
struct ch_copy_item {
	char *path; /* owned; as written, or as found; without "/" at its end */
	char *into; /* owned; plain: where below the destination */
	enum ch_copy_kind kind;
	const struct ch_copy_source *source; /* borrowed; of a here-document or download */
	struct ch_tree tree; /* owned; of a file or archive, just that, with its name */
};

/* Begin a plan. What it keeps, and its items, are the caller's to add. ret_plan: for
 * ch_copy_plan_done(), also on failure */
int ch_copy_plan_begin(const struct ch_context *context, const char *dest, const char *workdir,
		       const char *chmod, struct ch_copy_plan *ret_plan, struct ch_err *err);

/* Take *ITEM into PLAN. */
int ch_copy_plan_add(struct ch_copy_plan *plan, struct ch_copy_item *item, struct ch_err *err);

/* PATH without what does not matter: empty components, and ".". malloc'ed; NULL without memory */
char *ch_copy_clean(const char *path);

/* Can PATH, by the way it is written, only be a directory? It ends in "/", "/." or "/..". */
bool ch_copy_names_dir(const char *path);

void ch_copy_item_done(struct ch_copy_item *item);

static inline void ch_auto_copy_item(struct ch_copy_item *item)
{
	ch_copy_item_done(item);
}

/* The name that a file has in a destination that is a directory */
const char *ch_copy_item_name(const struct ch_copy_item *item);

#endif
