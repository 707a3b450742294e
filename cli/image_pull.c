/* SPDX-License-Identifier: Apache-2.0 */
/* image_pull.c - ch-image pull: an image comes from a registry */
#include <stdio.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/log.h"
#include "build/base.h"
#include "image.h"
#include "image_cache.h"
#include "image_registry.h"
#include "image_signals.h"
#include "oci/ref.h"
#include "store/store.h"

static const char *or_none(const char *text)
{
	return text ? text : "-";
}

static void print_ref(const struct ch_ref *ref)
{
	printf("reference: %s\nfile:      %s\nhost:      %s\n", ref->text, ref->file,
	       or_none(ref->host));
	if (ref->port)
		printf("port:      %u\n", ref->port);
	else
		printf("port:      -\n");
	printf("path:      %s\nname:      %s\ntag:       %s\ndigest:    %s\n", or_none(ref->path),
	       ref->name, or_none(ref->tag), or_none(ref->digest));
}

/* FROM becomes the image that STAGE names. */
static int pull_stage(struct ch_stage *stage, const struct ch_ref *from,
		      const struct ch_pull_options *how, struct ch_err *err)
{
	int rc = ch_base_pull(stage, from, how, err);

	if (rc > 0)
		ch_log(CH_INFO, "the build cache has the image");
	return rc < 0 ? rc : ch_stage_finish(stage, err);
}

static int pull(const struct ch_image_pull *set, const struct ch_ref *from, const char *to,
		struct ch_err *err)
{
	ch_auto(store) struct ch_store *store = NULL;
	ch_auto(cache) struct ch_cache *cache = NULL;
	ch_auto(claim) struct ch_claim claim = { 0 };
	ch_auto(stage) struct ch_stage stage = CH_STAGE_INIT;
	struct ch_pull_options how;
	struct ch_shelf shelf;

	if (ch_image_storage(&set->common, &store, err) < 0 ||
	    ch_image_cache(&set->common, store, &cache, err) < 0 ||
	    ch_ref_parse(to, &stage.ref, err) < 0)
		return err->code;
	shelf = ch_image_shelf(&set->common, store, cache);
	stage.shelf = &shelf;
	claim.ref = &stage.ref;
	stage.claim = &claim;
	stage.no_xattrs = ch_image_drops_xattrs(&set->common);
	how = ch_image_pull_options(&set->common, store, NULL);
	how.last_layer = set->last_layer;
	ch_log(CH_INFO, "pulling image:    %s", from->text);
	if (stage.ref.text && strcmp(stage.ref.text, from->text) != 0)
		ch_log(CH_INFO, "destination:      %s", stage.ref.text);
	if (pull_stage(&stage, from, &how, err) < 0)
		return err->code;
	ch_log(CH_INFO, "done");
	return ch_image_cache_tidy(&set->common, cache, err);
}

int ch_image_pull(void *settings, int argc, char **argv, struct ch_err *err)
{
	const struct ch_image_pull *set = settings;
	ch_auto(ref) struct ch_ref from = { 0 };
	sigset_t before;
	int rc;

	if (ch_ref_parse(argv[0], &from, err) < 0)
		return err->code;
	if (set->parse_only) {
		print_ref(&from);
		return 0;
	}
	ch_image_signals_hold(&before);
	rc = pull(set, &from, argc > 1 ? argv[1] : argv[0], err);
	ch_image_signals_release(&before);
	return rc;
}
