/* SPDX-License-Identifier: Apache-2.0 */
#include "store/draft.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "inner.h"
#include "oci/ref.h"
#include "store/store.h"

/* Find a name in tmp. */
static int find_place(struct ch_draft *draft, struct ch_err *err)
{
	if (ch_store_new_place(draft->store, draft->ref->file, CH_STORE_DRAFT_MARK, &draft->lock,
			       err) < 0)
		return err->code;
	draft->place = draft->lock.name;
	if (asprintf(&draft->path, "%s/tmp/%s", draft->store->path, draft->place) < 0) {
		draft->path = NULL;
		return ch_err_nomem(err);
	}
	return 0;
}

/* Let the owner do everything: to move a directory, one must be able to change it. */
static int make_movable(int root)
{
	struct stat st;

	if (fstat(root, &st) < 0)
		return -1;
	return (st.st_mode & S_IRWXU) == S_IRWXU ? 0 : fchmod(root, (st.st_mode & 07777) | S_IRWXU);
}

static int make_root(struct ch_draft *draft, struct ch_err *err)
{
	int tmp = draft->store->tmp;

	draft->is_spare = draft->from == CH_DRAFT_SPARE &&
			  ch_store_take_spare(draft->store, draft->place);
	if (!draft->is_spare && mkdirat(tmp, draft->place, 0700) < 0)
		return ch_err_sys(err, "make '%s'", draft->path);
	draft->root = openat(tmp, draft->place, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	/* By others, it is protected by storage. */
	if (draft->root < 0 || fchmod(draft->root, 0755) < 0)
		return ch_err_sys(err, "open '%s'", draft->path);
	return 0;
}

int ch_draft_new(struct ch_store *store, const struct ch_ref *ref, enum ch_draft_from from,
		 struct ch_draft *ret_draft, struct ch_err *err)
{
	ch_auto(draft) struct ch_draft draft = CH_DRAFT_INIT;

	draft.store = store;
	draft.ref = ref;
	draft.from = from;
	if (find_place(&draft, err) < 0 || make_root(&draft, err) < 0)
		return err->code;
	*ret_draft = draft;
	draft = CH_DRAFT_INIT;
	return 0;
}

int ch_draft_again(struct ch_draft *draft, struct ch_err *err)
{
	const struct ch_store *s = draft->store;

	ch_close(&draft->root);
	draft->from = CH_DRAFT_EMPTY;
	ch_store_move_stat(s, draft->place, NULL);
	if (ch_store_throw(s, s->tmp, draft->place, draft->ref->file, err) < 0)
		return err->code;
	return make_root(draft, err);
}

/* Where the file system cannot exchange (NFS), there is no image for a moment; what was there comes
 * back if the draft cannot take its place. */
static int replace_in_turn(const struct ch_draft *draft, struct ch_err *err)
{
	const struct ch_store *s = draft->store;
	ch_auto(store_lock) struct ch_store_lock old = { 0 };
	const char *file = draft->ref->file;
	int rc;

	if (ch_store_set_aside(s, s->img, file, file, &old, err) < 0)
		return err->code;
	rc = renameat(s->tmp, draft->place, s->img, file) < 0 ? -errno : 0;
	if (rc < 0)
		(void)renameat(s->tmp, old.name, s->img, file);
	else
		(void)renameat(s->tmp, old.name, s->tmp, draft->place);
	return rc;
}

/* Let the draft be the image. The one that there was has its name in tmp then. Returns 1 if there
 * was one, 0, or a negative errno. */
static int replace(const struct ch_draft *draft, struct ch_err *err)
{
	const struct ch_store *s = draft->store;
	const char *file = draft->ref->file;
	int rc;

	if (renameat2(s->tmp, draft->place, s->img, file, RENAME_EXCHANGE) == 0)
		return 1;
	if (errno != ENOENT && errno != EINVAL)
		return -errno;
	if (renameat(s->tmp, draft->place, s->img, file) == 0)
		return 0;
	if (errno != ENOTEMPTY && errno != EEXIST)
		return -errno;
	rc = replace_in_turn(draft, err);
	return rc < 0 ? rc : 1;
}

/* What is known of the files goes with them. */
static void exchange_stat(const struct ch_store *s, const char *place, const char *file)
{
	if (renameat2(s->stat, place, s->stat, file, RENAME_EXCHANGE) == 0)
		return;
	ch_store_move_stat(s, file, NULL);
	ch_store_move_stat(s, place, file);
}

/* What is at the draft's place is not needed any more. */
static int let_go(const struct ch_draft *draft, struct ch_err *err)
{
	const struct ch_store *s = draft->store;
	const char *place = draft->lock.name, *file = draft->ref->file;

	if (draft->from == CH_DRAFT_SPARE)
		return ch_store_keep_spare(s, place, file, err);
	ch_store_move_stat(s, place, NULL);
	return ch_store_throw(s, s->tmp, place, file, err);
}

int ch_draft_put(struct ch_draft *draft, struct ch_err *err)
{
	const struct ch_store *s = draft->store;
	const char *file = draft->ref->file;
	int had;

	if (make_movable(draft->root) < 0 || (!draft->can_be_lost && syncfs(draft->root) < 0))
		return ch_err_sys(err, "write image '%s'", draft->path);
	had = replace(draft, err);
	/* What can be lost is known by its note, which is on the disk (noted.h): what the note is
	 * about has to be in its place, too, or an older image would seem to be sound. */
	if (had >= 0 && fsync(s->img) < 0)
		had = -errno;
	ch_store_settle_notes(s, file);
	if (had < 0)
		return ch_err_rc(err, had, "move '%s' to '%s/img/%s'", draft->path, s->path, file);
	exchange_stat(s, draft->place, file);
	draft->place = NULL;
	/* The image is there; an older one that cannot be removed is tried again later on. */
	if (had && let_go(draft, err) < 0)
		ch_tell(&s->waiter.teller, CH_WARN, "not removed: %s", err->msg);
	return 0;
}

int ch_draft_commit(struct ch_draft *draft, struct ch_err *err)
{
	ch_auto(store_lock) struct ch_store_lock lock = { 0 };

	if (ch_store_lock(draft->store, draft->ref, &lock, err) < 0)
		return err->code;
	return ch_draft_put(draft, err);
}

void ch_draft_done(struct ch_draft *draft)
{
	struct ch_err err;

	ch_close(&draft->root);
	/* What cannot be removed now, who opens storage next tries again, and says so. */
	if (draft->place)
		(void)let_go(draft, &err);
	ch_store_unlock(&draft->lock);
	free(draft->path);
	*draft = CH_DRAFT_INIT;
}
