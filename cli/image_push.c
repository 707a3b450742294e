/* SPDX-License-Identifier: Apache-2.0 */
/* image_push.c - ch-image push: an image goes to a registry */
#include <errno.h>
#include <fcntl.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/log.h"
#include "build/again.h"
#include "image.h"
#include "image_cache.h"
#include "image_registry.h"
#include "image_signals.h"
#include "messages.h"
#include "oci/ref.h"
#include "pull/watch.h"
#include "push/push.h"
#include "store/noted.h"
#include "store/store.h"

/* As long as the descriptor is open, which is the caller's, its files stay. */
static int read_stored(const struct ch_image_push *set, struct ch_store *store,
		       const struct ch_ref *ref, struct ch_err *err)
{
	ch_auto(cache) struct ch_cache *cache = NULL;
	struct ch_shelf shelf;

	if (ch_image_cache(&set->common, store, &cache, err) < 0)
		return err->code;
	shelf = ch_image_shelf(&set->common, store, cache);
	return ch_again_read(&shelf, ref, err);
}

/* The root directory of the image: the caller's. */
static int open_image(const struct ch_image_push *set, struct ch_store *store,
		      const struct ch_ref *ref, struct ch_err *err)
{
	int fd;

	if (!set->image)
		return read_stored(set, store, ref, err);
	fd = open(set->image, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? ch_err_sys(err, "image '%s'", set->image) : fd;
}

static void announce(const struct ch_image_push *set, const struct ch_ref *from,
		     const struct ch_ref *to)
{
	ch_log(CH_INFO, "pushing image:   %s", from->text);
	if (to != from)
		ch_log(CH_INFO, "destination:     %s", to->text);
	if (set->image)
		ch_log(CH_INFO, "image path:      %s", set->image);
}

/* For ch-image list. The registry has the image, whatever becomes of this. */
static void note_digests(struct ch_store *store, const struct ch_ref *ref, int image,
			 const struct ch_oci_digests *digests)
{
	struct ch_err err;

	if (ch_noted_try_digests(store, ref, image, digests, &err) < 0)
		ch_log(CH_WARN, "%s", err.msg);
}

static int push(const struct ch_image_push *set, const struct ch_compress_how *compress,
		const struct ch_ref *from, const struct ch_ref *to, struct ch_err *err)
{
	struct ch_registry_options options = ch_image_registry(&set->common);
	ch_auto(watch) struct ch_watch watch = { 0 };
	ch_auto(registry) struct ch_registry *registry = NULL;
	ch_auto(store) struct ch_store *store = NULL;
	struct ch_oci_digests digests;

	options.flags |= CH_REGISTRY_PUSH;
	options.cancel = &watch.cancel;
	if (ch_watch_start(&watch, err) < 0 || ch_registry_open(to, &options, &registry, err) < 0 ||
	    ch_image_storage(&set->common, &store, err) < 0)
		return err->code;

	ch_auto(fd) int image = open_image(set, store, from, err);

	if (image < 0)
		return image;

	const struct ch_push push = {
		.store = store,
		.name = from->text,
		.image = image,
		.ref = set->image ? NULL : from,
		.registry = registry,
		.compress = *compress,
		.no_xattrs = ch_image_drops_xattrs(&set->common),
		.cancel = &watch.cancel,
		.teller = ch_messages,
	};

	announce(set, from, to);
	if (ch_push(&push, &digests, err) < 0) {
		ch_watch_explain(err);
		return ch_err_in(err, "push to '%s'", ch_registry_name(registry));
	}
	ch_log(CH_INFO, "digest:          %s", digests.manifest);
	if (push.ref)
		note_digests(store, push.ref, image, &digests);
	ch_log(CH_INFO, "done");
	return 0;
}

static int read_compress(const struct ch_image_push *set, struct ch_compress_how *ret,
			 struct ch_err *err)
{
	if (!set->compress)
		return 0;
	if (ch_compress_parse(set->compress, ret, err) < 0)
		return ch_image_wrong("compress", err);
	if (ret->kind == CH_COMPRESS_GZIP || ret->kind == CH_COMPRESS_ZSTD)
		return 0;
	ch_err_set(err, -EINVAL, "'%s': layers are compressed by gzip or zstd", set->compress);
	return ch_image_wrong("compress", err);
}

int ch_image_push(void *settings, int argc, char **argv, struct ch_err *err)
{
	const struct ch_image_push *set = settings;
	struct ch_compress_how compress = { .kind = CH_COMPRESS_GZIP };
	ch_auto(ref) struct ch_ref from = { 0 };
	ch_auto(ref) struct ch_ref to = { 0 };
	sigset_t before;
	int rc;

	if (read_compress(set, &compress, err) < 0 || ch_ref_parse(argv[0], &from, err) < 0 ||
	    (argc > 1 && ch_ref_parse(argv[1], &to, err) < 0))
		return err->code;

	const struct ch_ref *where = argc > 1 ? &to : &from;

	if (where->digest)
		return ch_err_set(err, -EINVAL, "'%s' has a digest: images are pushed to a tag",
				  where->text);
	ch_image_signals_hold(&before);
	rc = push(set, &compress, &from, where, err);
	ch_image_signals_release(&before);
	return rc;
}
