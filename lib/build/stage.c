/* SPDX-License-Identifier: Apache-2.0 */
#include "build/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/progress.h"
#include "build/placed.h"
#include "store/imagemeta.h"
#include "store/store.h"
#include "sys/owner.h"
#include "sys/tree.h"

/* ---- states of the cache ------------------------------------------------------------------- */

static int key_state(const struct ch_cache_state *parent, const struct ch_key *key,
		     struct ch_cache_state *ret, struct ch_err *err)
{
	const struct ch_cache_part part = { key->buf.data, key->buf.len };

	if (ch_buf_bad(&key->buf))
		return ch_err_nomem(err);
	return ch_cache_state_make(parent, &part, 1, ret, err);
}

/* Be at COMMIT, with its state and its metadata. */
static int go_to(struct ch_stage *stage, const struct ch_oid *commit, struct ch_err *err)
{
	ch_auto(cache_info) struct ch_cache_info info = { 0 };
	int rc = ch_cache_read(stage->shelf->cache, commit, &info, err);

	if (rc < 0)
		return rc;
	ch_oci_meta_done(&stage->meta);
	stage->has_commit = true;
	stage->commit = *commit;
	stage->state = info.state;
	if (!info.config || !*info.config)
		return 0;
	return ch_oci_meta_parse(info.config, strlen(info.config), &stage->meta, err);
}

/* A new commit in STAGE's place. IMAGE: NULL, the files are those of the last one. */
static int commit(struct ch_stage *stage, const char *text, const struct ch_cache_image *image,
		  const struct ch_cache_state *state, struct ch_err *err)
{
	ch_auto(str) char *config = NULL;
	struct ch_oid made;
	struct ch_cache_report report = { 0 };
	int rc = ch_oci_meta_print(&stage->meta, &config, err);

	if (rc < 0)
		return rc;

	const struct ch_cache_new what = {
		.parent = stage->has_commit ? &stage->commit : NULL,
		.image = image,
		.state = state,
		.message = text,
		.config = config,
	};

	rc = ch_cache_commit(stage->shelf->cache, &what, &made, &report, err);
	if (rc < 0)
		return rc;
	stage->has_commit = true;
	stage->commit = made;
	stage->state = *state;
	if (report.devices || report.sockets)
		ch_tell(&stage->shelf->teller, CH_WARN,
			"device files and sockets are not kept in the cache");
	return 0;
}

/* The state that all others come from: nothing. */
static int go_to_root(struct ch_stage *stage, struct ch_err *err)
{
	struct ch_cache *cache = stage->shelf->cache;
	ch_auto(key) struct ch_key key = CH_KEY_INIT;
	struct ch_cache_state state;
	struct ch_oid found;

	ch_key_text(&key, "ROOT");
	if (key_state(NULL, &key, &state, err) < 0)
		return err->code;

	int rc = ch_cache_lookup(cache, &state, &found, err);

	if (rc > 0)
		return go_to(stage, &found, err);
	if (rc == 0)
		rc = commit(stage, "ROOT", NULL, &state, err);
	return rc < 0 ? rc : ch_cache_branch_set(cache, CH_STAGE_ROOT, &stage->commit, err);
}

/* ---- begin ------------------------------------------------------------------------------------
 */

int ch_stage_from_scratch(struct ch_stage *stage, struct ch_err *err)
{
	stage->is_blank = true;
	return stage->shelf->cache ? go_to_root(stage, err) : 0;
}

int ch_stage_from_unknown(struct ch_stage *stage, struct ch_err *err)
{
	stage->has_missed = true;
	return ch_stage_from_scratch(stage, err);
}

/* An image that came into storage while there was no cache. Each time it is another one: what
 * is in it, nobody knows. */
static int adopt(struct ch_stage *stage, const struct ch_ref *base, int root, struct ch_err *err)
{
	ch_auto(key) struct ch_key key = CH_KEY_INIT;
	ch_auto(str) char *text = NULL;
	struct ch_cache_state state;
	struct ch_placed placed = CH_PLACED_INIT;
	bool can_be_lost = false;
	int rc = go_to_root(stage, err);

	if (rc < 0)
		return rc;
	if (asprintf(&text, "IMPORT %s", base->text) < 0)
		return ch_err_nomem(err);
	ch_key_unique(&key);
	rc = ch_placed_open(stage->shelf->store, base->file, root, &placed, err);
	if (rc == 0)
		rc = key_state(&stage->state, &key, &state, err);
	if (rc == 0)
		rc = ch_store_read_meta(root, &stage->meta, err);
	placed.image.progress = ch_progress_new("to the cache", CH_PROGRESS_FILES, 0);
	if (rc == 0)
		rc = commit(stage, text, &placed.image, &state, err);
	if (rc == 0)
		rc = ch_cache_branch_set(stage->shelf->cache, base->text, &stage->commit, err);
	if (rc == 0)
		rc = ch_placed_note(stage->shelf->store, base, root, &stage->commit, &can_be_lost,
				    err);
	ch_placed_done(&placed);
	return rc;
}

/* Is BASE in the cache? Then begin with that: 1, else 0. What is in storage is what it is noted to
 * be, even if its branch says something else: somebody was killed who was about to replace it. If
 * the cache has not got that, it was imported, or made without the cache. */
static int find_base(struct ch_stage *stage, const struct ch_ref *base, struct ch_err *err)
{
	const struct ch_shelf *shelf = stage->shelf;
	bool is_there = ch_store_has(shelf->store, base);
	struct ch_oid found;
	int rc = is_there ? ch_placed_commit(shelf->store, base, &found)
			  : ch_cache_branch_get(shelf->cache, base->text, &found, err);

	if (rc <= 0)
		return rc;
	rc = go_to(stage, &found, err);
	return rc == -ENOENT && is_there ? 0 : rc < 0 ? rc : 1;
}

/* Two builds that begin with the same new image want one state of it. */
static int find_or_adopt(struct ch_stage *stage, const struct ch_ref *base, struct ch_err *err)
{
	const struct ch_store *store = stage->shelf->store;
	ch_auto(store_lock) struct ch_store_lock lock = { 0 };
	int rc = find_base(stage, base, err);

	if (rc == 0)
		rc = ch_store_lock(store, base, &lock, err);
	if (rc == 0)
		rc = find_base(stage, base, err);
	if (rc != 0)
		return rc;

	ch_auto(fd) int root = ch_store_read(store, base, err);

	return root < 0 ? root : adopt(stage, base, root, err);
}

int ch_stage_from_image(struct ch_stage *stage, const struct ch_ref *base, struct ch_err *err)
{
	if (stage->shelf->cache)
		return find_or_adopt(stage, base, err);
	stage->base = ch_store_read(stage->shelf->store, base, err);
	return stage->base < 0 ? stage->base : ch_store_read_meta(stage->base, &stage->meta, err);
}

int ch_stage_from_stage(struct ch_stage *stage, struct ch_stage *base, struct ch_err *err)
{
	if (stage->shelf->cache)
		return go_to(stage, &base->commit, err);

	ch_auto(str) char *text = NULL;
	int rc = ch_stage_ready(base, err);

	if (rc == 0)
		rc = ch_oci_meta_print(&base->meta, &text, err);
	if (rc == 0)
		rc = ch_oci_meta_parse(text, strlen(text), &stage->meta, err);
	if (rc < 0)
		return rc;
	stage->base = fcntl(base->draft.root, F_DUPFD_CLOEXEC, 3);
	return stage->base < 0 ? ch_err_sys(err, "stage '%s'", base->ref.text) : 0;
}

int ch_stage_from_commit(struct ch_stage *stage, const struct ch_oid *commit, struct ch_err *err)
{
	return go_to(stage, commit, err);
}

void ch_stage_forget(struct ch_stage *stage)
{
	ch_close(&stage->base);
	ch_oci_meta_done(&stage->meta);
	stage->has_commit = false;
}

/* ---- grow ---------------------------------------------------------------------------------- */

/* LOOKS: is that wanted? */
static int find(struct ch_stage *stage, const struct ch_key *key, bool looks, struct ch_err *err)
{
	struct ch_cache *cache = stage->shelf->cache;
	struct ch_oid found;

	if (!cache)
		return 0;

	int rc = key_state(&stage->state, key, &stage->next, err);

	if (rc < 0)
		return rc;
	if (looks && !stage->has_missed)
		rc = ch_cache_lookup(cache, &stage->next, &found, err);
	stage->has_missed |= rc == 0;
	if (rc <= 0)
		return rc;
	stage->is_blank = false;
	rc = go_to(stage, &found, err);
	return rc < 0 ? rc : 1;
}

int ch_stage_find(struct ch_stage *stage, const struct ch_key *key, struct ch_err *err)
{
	return find(stage, key, !stage->shelf->rebuild, err);
}

int ch_stage_find_base(struct ch_stage *stage, const struct ch_key *key, struct ch_err *err)
{
	return find(stage, key, true, err);
}

static void left_out(void *data, const char *source, mode_t mode)
{
	const struct ch_shelf *shelf = data;

	(void)mode;
	ch_tell(&shelf->teller, CH_WARN, "not copied: '%s'", source);
}

static int copy_all(void *data, struct ch_err *err)
{
	struct ch_stage *stage = data;

	return ch_tree_copy_all(stage->base, stage->draft.root, CH_TREE_ALL, left_out,
				(void *)(uintptr_t)stage->shelf, err);
}

static int copy_base(struct ch_stage *stage, struct ch_err *err)
{
	if (stage->base < 0)
		return 0;
	ch_tell(&stage->shelf->teller, CH_INFO, "copying image ...");

	int rc = copy_all(stage, err);

	/* Commands, as root, have made files that nobody may read: /etc/shadow for instance. */
	return rc == -EACCES ? ch_as_owner(copy_all, stage, err) : rc;
}

static int check_out(struct ch_stage *stage, struct ch_err *err)
{
	struct ch_placed placed = CH_PLACED_INIT;
	int rc = ch_placed_open(stage->shelf->store, stage->draft.place, stage->draft.root, &placed,
				err);

	if (!stage->is_blank)
		ch_tell(&stage->shelf->teller, CH_INFO, "copying image from cache ...");
	placed.image.progress = ch_progress_new("from the cache", CH_PROGRESS_FILES, 0);
	if (rc == 0)
		rc = ch_cache_checkout(stage->shelf->cache, &stage->commit, &placed.image, NULL,
				       err);
	ch_placed_done(&placed);
	return rc;
}

/* The spare may be a tree that no check-out can begin with: commands may have made it deeper than
 * the cache takes. */
static int fill(struct ch_stage *stage, struct ch_err *err)
{
	int rc = check_out(stage, err);

	if (rc == 0 || !stage->draft.is_spare)
		return rc;
	rc = ch_draft_again(&stage->draft, err);
	return rc == 0 ? check_out(stage, err) : rc;
}

/* The same without a claim. */
static int make_ready(struct ch_stage *stage, struct ch_err *err)
{
	/* A check-out makes of whatever is there what is wanted; of nothing, best. */
	enum ch_draft_from from = stage->shelf->cache && !stage->is_blank ? CH_DRAFT_SPARE
									  : CH_DRAFT_EMPTY;

	if (stage->is_ready)
		return 0;

	int rc = ch_draft_new(stage->shelf->store, &stage->ref, from, &stage->draft, err);

	if (rc < 0)
		return rc;
	stage->is_ready = true;
	return stage->shelf->cache ? fill(stage, err) : copy_base(stage, err);
}

int ch_stage_ready(struct ch_stage *stage, struct ch_err *err)
{
	struct ch_claim *claim = stage->claim;

	if (claim && !claim->lock.store &&
	    ch_store_claim(stage->shelf->store, claim->ref, &claim->lock, err) < 0)
		return err->code;
	return make_ready(stage, err);
}

int ch_stage_keep(struct ch_stage *stage, const char *text, bool files, struct ch_err *err)
{
	struct ch_placed placed = CH_PLACED_INIT;

	if (files && stage->no_xattrs && ch_tree_strip(stage->draft.root, err) < 0)
		return err->code;
	if (!stage->shelf->cache)
		return 0;
	if (!files)
		return commit(stage, text, NULL, &stage->next, err);

	int rc = ch_placed_open(stage->shelf->store, stage->draft.place, stage->draft.root, &placed,
				err);

	placed.image.progress = ch_progress_new("to the cache", CH_PROGRESS_FILES, 0);
	if (rc == 0)
		rc = commit(stage, text, &placed.image, &stage->next, err);
	ch_placed_done(&placed);
	return rc;
}

int ch_stage_decide(struct ch_stage *stage, const char *text, bool files, bool dry_run,
		    struct ch_err *err)
{
	ch_auto(key) struct ch_key key = CH_KEY_INIT;
	int rc;

	ch_key_text(&key, text);
	rc = ch_stage_find_base(stage, &key, err);
	if (rc != 0 || dry_run)
		return rc < 0 ? rc : 0;
	if (files)
		rc = ch_stage_ready(stage, err);
	return rc < 0 ? rc : ch_stage_keep(stage, text, files, err);
}

/* ---- end ---------------------------------------------------------------------------------------
 */

/* Is the image in storage already? */
static bool is_placed(const struct ch_stage *stage)
{
	if (stage->is_ready)
		return false;
	switch (ch_placed_at(stage->shelf->store, &stage->ref, &stage->commit)) {
	case CH_NOTED_SAME:
		return true;
	case CH_NOTED_IN_DOUBT:
		ch_tell(&stage->shelf->teller, CH_INFO,
			"made just before the machine stopped: making it again");
		return false;
	case CH_NOTED_ELSE:
		break;
	}
	return false;
}

/* What is in the cache need not be on the disk a second time. */
static int place(struct ch_stage *stage, struct ch_err *err)
{
	const struct ch_shelf *shelf = stage->shelf;
	struct ch_draft *draft = &stage->draft;
	int rc = ch_store_write_meta(draft->root, &stage->meta, err);

	draft->can_be_lost = shelf->cache;
	if (rc == 0 && shelf->cache)
		rc = ch_placed_note(shelf->store, &stage->ref, draft->root, &stage->commit,
				    &draft->can_be_lost, err);
	if (rc == 0 && stage->has_digests)
		rc = ch_noted_put_digests(shelf->store, &stage->ref, draft->root, &stage->digests,
					  err);
	return rc == 0 ? ch_draft_put(draft, err) : rc;
}

/* The image is there, whatever becomes of this. */
static void note_digests(const struct ch_stage *stage)
{
	const struct ch_shelf *shelf = stage->shelf;
	struct ch_err err;
	ch_auto(fd) int root = ch_store_look(shelf->store, &stage->ref, &err);

	if (root < 0 ||
	    ch_noted_put_digests(shelf->store, &stage->ref, root, &stage->digests, &err) < 0)
		ch_tell(&shelf->teller, CH_WARN, "%s", err.msg);
}

int ch_stage_put(struct ch_stage *stage, struct ch_err *err)
{
	struct ch_cache *cache = stage->shelf->cache;
	bool is_there = cache && is_placed(stage);
	int rc = is_there ? 0 : make_ready(stage, err);

	if (rc == 0 && cache)
		rc = ch_cache_branch_set(cache, stage->ref.text, &stage->commit, err);
	if (rc == 0 && !is_there)
		rc = place(stage, err);
	else if (rc == 0 && stage->has_digests)
		note_digests(stage);
	stage->is_finished = rc == 0;
	return rc;
}

/* Whom one waits for when files are to be made comes before the lock. */
int ch_stage_finish(struct ch_stage *stage, struct ch_err *err)
{
	const struct ch_shelf *shelf = stage->shelf;
	ch_auto(store_lock) struct ch_store_lock lock = { 0 };

	if (stage->is_finished)
		return 0;
	if (!(shelf->cache && is_placed(stage)) && ch_stage_ready(stage, err) < 0)
		return err->code;
	if (ch_store_lock(shelf->store, &stage->ref, &lock, err) < 0)
		return err->code;
	return ch_stage_put(stage, err);
}

void ch_stage_done(struct ch_stage *stage)
{
	ch_draft_done(&stage->draft);
	ch_auto_fd(&stage->base);
	ch_oci_meta_done(&stage->meta);
	ch_ref_done(&stage->ref);
	*stage = CH_STAGE_INIT;
}
