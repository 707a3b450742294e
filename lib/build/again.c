/* SPDX-License-Identifier: Apache-2.0 */
#include "build/again.h"

#include <errno.h>

#include "base/auto.h"
#include "base/err.h"
#include "build/placed.h"
#include "build/stage.h"
#include "store/lock.h"
#include "store/store.h"

bool ch_again_is_due(const struct ch_shelf *shelf, const struct ch_ref *ref)
{
	struct ch_oid commit;
	struct ch_err ignored;

	return shelf->cache &&
	       ch_cache_branch_get(shelf->cache, ref->text, &commit, &ignored) == 1 &&
	       ch_placed_at(shelf->store, ref, &commit) == CH_NOTED_IN_DOUBT;
}

int ch_again_make(const struct ch_shelf *shelf, const struct ch_ref *ref, struct ch_err *err)
{
	ch_auto(store_lock) struct ch_store_lock lock = { 0 };
	ch_auto(stage) struct ch_stage stage = CH_STAGE_INIT;
	struct ch_oid commit;
	int rc = 0;

	if (shelf->cache && ch_store_lock(shelf->store, ref, &lock, err) < 0)
		return err->code;
	if (shelf->cache)
		rc = ch_cache_branch_get(shelf->cache, ref->text, &commit, err);
	if (rc <= 0)
		return rc;
	stage.shelf = shelf;
	rc = ch_ref_parse(ref->text, &stage.ref, err);
	if (rc == 0)
		rc = ch_stage_from_commit(&stage, &commit, err);
	if (rc == 0)
		rc = ch_stage_put(&stage, err);
	return rc < 0 ? rc : 1;
}

int ch_again_read(const struct ch_shelf *shelf, const struct ch_ref *ref, struct ch_err *err)
{
	int root = ch_store_read(shelf->store, ref, err), rc;

	if (root != -ESTALE)
		return root;
	rc = ch_again_make(shelf, ref, err);
	if (rc <= 0)
		return rc < 0 ? rc : root;
	return ch_store_read(shelf->store, ref, err);
}
