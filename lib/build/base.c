/* SPDX-License-Identifier: Apache-2.0 */
#include "build/base.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"
#include "build/again.h"
#include "build/stage.h"
#include "pull/pull.h"
#include "store/imagemeta.h"
#include "store/lock.h"
#include "store/store.h"

#define MESSAGE "PULL "

/* The files of an image that the cache has not. */
static int fill(struct ch_stage *stage, struct ch_pull *pull, struct ch_err *err)
{
	ch_auto(str) char *config = NULL;
	struct ch_oci_meta meta = { 0 };

	if (ch_stage_ready(stage, err) < 0 ||
	    ch_pull_fill(pull, stage->draft.root, &config, &meta, err) < 0)
		return err->code;
	ch_oci_meta_done(&stage->meta);
	stage->meta = meta;
	return ch_store_write_config(stage->draft.root, config, err);
}

static int begin(struct ch_stage *stage, struct ch_pull *pull, const struct ch_ref *from,
		 struct ch_err *err)
{
	ch_auto(key) struct ch_key key = CH_KEY_INIT;
	ch_auto(str) char *text = NULL;
	int rc = ch_stage_from_scratch(stage, err);

	ch_key_text(&key, MESSAGE);
	ch_key_text(&key, ch_pull_key(pull));
	if (stage->no_xattrs)
		ch_key_text(&key, "no xattrs");
	if (asprintf(&text, MESSAGE "%s", from->text) < 0) {
		text = NULL;
		return ch_err_nomem(err);
	}
	if (rc == 0)
		rc = ch_stage_find_base(stage, &key, err);
	if (rc != 0)
		return rc;
	rc = fill(stage, pull, err);
	return rc < 0 ? rc : ch_stage_keep(stage, text, true, err);
}

int ch_base_pull(struct ch_stage *stage, const struct ch_ref *from,
		 const struct ch_pull_options *how, struct ch_err *err)
{
	ch_auto(pull) struct ch_pull *pull = NULL;

	if (ch_pull_open(from, how, &pull, err) < 0)
		return err->code;
	/* What lacks layers is something else. */
	stage->has_digests = how->last_layer == 0;
	ch_pull_digests(pull, &stage->digests);
	return begin(stage, pull, from, err);
}

/* STAGE becomes the image of its name. That is enough in the cache, if its files are not needed and
 * are not there; another image of that name is not to stay. */
static int end(struct ch_stage *stage, bool files, struct ch_err *err)
{
	const struct ch_shelf *shelf = stage->shelf;
	ch_auto(store_lock) struct ch_store_lock lock = { 0 };

	if (ch_store_lock(shelf->store, &stage->ref, &lock, err) < 0)
		return err->code;
	if (shelf->cache && !files && !stage->is_ready && !ch_store_has(shelf->store, &stage->ref))
		return ch_cache_branch_set(shelf->cache, stage->ref.text, &stage->commit, err);
	return ch_stage_put(stage, err);
}

static int fetch(const struct ch_shelf *shelf, const struct ch_ref *ref, const char *arch,
		 bool files, struct ch_err *err)
{
	struct ch_pull_options how = *shelf->pull;
	ch_auto(stage) struct ch_stage stage = CH_STAGE_INIT;
	int rc;

	stage.shelf = shelf;
	how.arch = arch ? arch : how.arch;
	how.may_be_old = true;
	rc = ch_ref_parse(ref->text, &stage.ref, err);
	if (rc == 0)
		rc = ch_base_pull(&stage, ref, &how, err);
	return rc < 0 ? rc : end(&stage, files, err);
}

int ch_base_fetch(const struct ch_shelf *shelf, const struct ch_ref *ref, const char *arch,
		  struct ch_err *err)
{
	return fetch(shelf, ref, arch, false, err);
}

/* Does the cache have it? Then get files from there, if they are needed. Returns 1 if it has. */
static int find_cached(const struct ch_shelf *shelf, const struct ch_ref *ref, bool files,
		       struct ch_err *err)
{
	struct ch_oid commit;

	if (files)
		return ch_again_make(shelf, ref, err);
	return shelf->cache ? ch_cache_branch_get(shelf->cache, ref->text, &commit, err) : 0;
}

int ch_base_have(const struct ch_shelf *shelf, const struct ch_ref *ref, bool files,
		 struct ch_err *err)
{
	bool is_there = ch_store_has(shelf->store, ref) && !ch_again_is_due(shelf, ref);
	int rc = is_there ? 1 : find_cached(shelf, ref, files, err);

	if (rc != 0 || !shelf->pull)
		return rc < 0 ? rc : 0;
	return fetch(shelf, ref, NULL, files, err);
}

bool ch_base_was_pulled(const struct ch_shelf *shelf, const struct ch_ref *ref)
{
	ch_auto(cache_info) struct ch_cache_info info = { 0 };
	struct ch_oid commit;
	struct ch_err ignored;

	return shelf->cache &&
	       ch_cache_branch_get(shelf->cache, ref->text, &commit, &ignored) == 1 &&
	       ch_cache_read(shelf->cache, &commit, &info, &ignored) == 0 &&
	       strncmp(info.message, MESSAGE, strlen(MESSAGE)) == 0;
}
