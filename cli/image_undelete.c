/* SPDX-License-Identifier: Apache-2.0 */
/* image_undelete.c - ch-image undelete: an image that was deleted, from the build cache */
#include <errno.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/log.h"
#include "image.h"
#include "image_cache.h"
#include "image_signals.h"
#include "oci/ref.h"
#include "store/lock.h"
#include "store/store.h"

/* The image REF, which is locked, becomes COMMIT. */
static int make(const struct ch_shelf *shelf, const struct ch_ref *ref, const struct ch_oid *commit,
		struct ch_err *err)
{
	ch_auto(stage) struct ch_stage stage = CH_STAGE_INIT;
	int rc = ch_ref_parse(ref->text, &stage.ref, err);

	stage.shelf = shelf;
	if (rc == 0)
		rc = ch_stage_from_commit(&stage, commit, err);
	return rc < 0 ? rc : ch_stage_put(&stage, err);
}

static int undelete(const struct ch_shelf *shelf, const struct ch_ref *ref, struct ch_err *err)
{
	ch_auto(store_lock) struct ch_store_lock claim = { 0 }, lock = { 0 };
	struct ch_oid commit;
	int rc;

	if (ch_store_claim(shelf->store, ref, &claim, err) < 0 ||
	    ch_store_lock(shelf->store, ref, &lock, err) < 0)
		return err->code;
	if (ch_store_has(shelf->store, ref))
		return ch_err_set(err, -EEXIST, "undelete: image '%s' exists", ref->text);
	/* A build that was killed at its end has set the branch, and not made the image. */
	rc = ch_cache_branch_get(shelf->cache, ref->text, &commit, err);
	if (rc == 0)
		rc = ch_cache_branch_undelete(shelf->cache, ref->text, &commit, err);
	if (rc == 0)
		return ch_err_set(err, -ENOENT, "undelete: image '%s' is not in the build cache",
				  ref->text);
	return rc < 0 ? rc : make(shelf, ref, &commit, err);
}

int ch_image_undelete(void *settings, int argc, char **argv, struct ch_err *err)
{
	const struct ch_image_common *common = settings;
	ch_auto(ref) struct ch_ref ref = { 0 };
	ch_auto(store) struct ch_store *store = NULL;
	ch_auto(cache) struct ch_cache *cache = NULL;

	(void)argc;
	ch_image_signals_tidy();
	if (ch_ref_parse(argv[0], &ref, err) < 0 || ch_image_storage(common, &store, err) < 0 ||
	    ch_image_cache(common, store, &cache, err) < 0)
		return err->code;
	if (!cache)
		return ch_err_set(err, -EINVAL, "undelete: the build cache is off");

	const struct ch_shelf shelf = ch_image_shelf(common, store, cache);

	return undelete(&shelf, &ref, err);
}
