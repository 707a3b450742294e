/* SPDX-License-Identifier: Apache-2.0 */
/* to_image.c - an image in storage as a target */
#include "archive/dirsink.h"
#include "base/auto.h"
#include "base/err.h"
#include "convert/target.h"
#include "oci/ref.h"
#include "store/draft.h"
#include "store/lock.h"
#include "store/store.h"

struct to_image {
	struct ch_target target;
	struct ch_ref ref;
	struct ch_store_lock claim;
	struct ch_draft draft;
	struct ch_dirsink sink;
	bool is_begun;
};

static int check(const struct to_image *t, struct ch_err *err)
{
	const struct ch_target_how *how = t->target.how;

	if (how->keep && ch_store_has(how->store, &t->ref))
		return ch_err_set(err, -EEXIST, "image '%s' is in storage already: not replaced",
				  t->ref.text);
	return 0;
}

static int begin(struct ch_target *target, struct ch_sink **ret_sink, struct ch_err *err)
{
	struct to_image *t = (struct to_image *)target;
	struct ch_store *store = target->how->store;

	t->draft = CH_DRAFT_INIT;
	ch_dirsink_init(&t->sink, -1);
	t->is_begun = true;
	/* Whom we have waited for may have made it. */
	if (ch_ref_parse(target->how->path, &t->ref, err) < 0 || check(t, err) < 0 ||
	    ch_store_claim(store, &t->ref, &t->claim, err) < 0 || check(t, err) < 0 ||
	    ch_draft_new(store, &t->ref, CH_DRAFT_EMPTY, &t->draft, err) < 0)
		return err->code;
	ch_dirsink_init(&t->sink, t->draft.root);
	*ret_sink = &t->sink.sink;
	return 0;
}

/* A build that needs it as its base may have got it meanwhile. */
static int finish(struct ch_target *target, const struct ch_oci_meta *meta, struct ch_err *err)
{
	struct to_image *t = (struct to_image *)target;
	ch_auto(store_lock) struct ch_store_lock lock = { 0 };

	(void)meta;
	if (ch_store_lock(target->how->store, &t->ref, &lock, err) < 0 || check(t, err) < 0)
		return err->code;
	return ch_draft_put(&t->draft, err);
}

static void forget(struct ch_target *target)
{
	struct to_image *t = (struct to_image *)target;

	if (!t->is_begun)
		return;
	ch_dirsink_done(&t->sink);
	ch_draft_done(&t->draft);
	ch_store_unlock(&t->claim);
	ch_ref_done(&t->ref);
	t->is_begun = false;
}

const struct ch_target_kind ch_target_image = {
	.size = sizeof(struct to_image),
	.is_named = true,
	.begin = begin,
	.finish = finish,
	.forget = forget,
};
