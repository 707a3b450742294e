/* SPDX-License-Identifier: Apache-2.0 */
/* to_image.c - an image in storage as a target */
#include "archive/dirsink.h"
#include "base/auto.h"
#include "base/err.h"
#include "convert/target.h"
#include "oci/ref.h"
#include "store/draft.h"
#include "store/store.h"

struct to_image {
	struct ch_target target;
	struct ch_draft draft;
	struct ch_dirsink sink;
	bool is_begun;
};

static int check(const struct ch_target_how *how, const struct ch_ref *ref, struct ch_err *err)
{
	if (how->keep && ch_store_has(how->store, ref))
		return ch_err_set(err, -EEXIST, "image '%s' is in storage already: not replaced",
				  ref->text);
	return 0;
}

static int begin(struct ch_target *target, struct ch_sink **ret_sink, struct ch_err *err)
{
	struct to_image *t = (struct to_image *)target;
	ch_auto(ref) struct ch_ref ref = { 0 };

	if (ch_ref_parse(target->how->path, &ref, err) < 0 || check(target->how, &ref, err) < 0 ||
	    ch_draft_new(target->how->store, &ref, CH_DRAFT_EMPTY, &t->draft, err) < 0)
		return err->code;
	ch_dirsink_init(&t->sink, t->draft.root);
	t->is_begun = true;
	/* Whom we have waited for has made it; from now on, nobody can. */
	if (check(target->how, &ref, err) < 0)
		return err->code;
	*ret_sink = &t->sink.sink;
	return 0;
}

static int finish(struct ch_target *target, const struct ch_oci_meta *meta, struct ch_err *err)
{
	(void)meta;
	return ch_draft_commit(&((struct to_image *)target)->draft, err);
}

static void forget(struct ch_target *target)
{
	struct to_image *t = (struct to_image *)target;

	if (!t->is_begun)
		return;
	ch_dirsink_done(&t->sink);
	ch_draft_done(&t->draft);
	t->is_begun = false;
}

const struct ch_target_kind ch_target_image = {
	.size = sizeof(struct to_image),
	.is_named = true,
	.begin = begin,
	.finish = finish,
	.forget = forget,
};
