/* SPDX-License-Identifier: Apache-2.0 */
#include "build/placed.h"

#include <string.h>

#include "base/auto.h"
#include "base/progress.h"
#include "hash/hash.h"
#include "store/draft.h"
#include "store/store.h"

int ch_placed_open(struct ch_store *store, const char *name, int root, struct ch_placed *ret_placed,
		   struct ch_err *err)
{
	int dir = ch_store_dir(store, CH_DRAFT_STAT, err);

	if (dir < 0)
		return dir;
	*ret_placed = (struct ch_placed){
		.image = { .root = root, .dir = dir, .stat_name = name },
		.dir = dir,
	};
	return 0;
}

void ch_placed_done(struct ch_placed *placed)
{
	ch_auto_fd(&placed->dir);
	ch_progress_done(placed->image.progress);
	*placed = CH_PLACED_INIT;
}

int ch_placed_note(struct ch_store *store, const struct ch_ref *ref, int root,
		   const struct ch_oid *commit, bool *can_be_lost, struct ch_err *err)
{
	char hex[CH_OID_HEX];

	ch_hash_hex(commit->bytes, sizeof(commit->bytes), hex);
	return ch_noted_put(store, ref, root, hex, can_be_lost, err);
}

bool ch_placed_commit(const struct ch_store *store, const struct ch_ref *ref,
		      struct ch_oid *ret_commit)
{
	char hex[CH_NOTED_WHAT_MAX];

	return ch_noted_what(store, ref, hex) && strlen(hex) == CH_OID_HEX - 1 &&
	       ch_oid_unhex(hex, ret_commit->bytes, CH_OID_BYTES);
}

enum ch_noted ch_placed_at(const struct ch_store *store, const struct ch_ref *ref,
			   const struct ch_oid *commit)
{
	char hex[CH_OID_HEX];

	ch_hash_hex(commit->bytes, sizeof(commit->bytes), hex);
	return ch_noted_is(store, ref, hex);
}
