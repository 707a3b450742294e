/* SPDX-License-Identifier: Apache-2.0 */
/* image_delete.c - ch-image delete: images by pattern, with their stages */
#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/log.h"
#include "base/text.h"
#include "image.h"
#include "image_cache.h"
#include "image_signals.h"
#include "oci/ref.h"
#include "store/lock.h"
#include "store/store.h"

/* Is NAME a stage of an image that PATTERN means: that with "_stageN" behind it? */
static bool is_stage(const char *pattern, const char *name)
{
	const char *p = name + strlen(name);
	ch_auto(str) char *image = NULL;

	while (p > name && isdigit((unsigned char)p[-1]))
		p--;
	if (!*p || p - name < (ptrdiff_t)strlen("_stage") ||
	    memcmp(p - strlen("_stage"), "_stage", strlen("_stage")) != 0)
		return false;
	image = strndup(name, (size_t)(p - name) - strlen("_stage"));
	return image && fnmatch(pattern, image, 0) == 0;
}

/* What it was stays in the cache (NULL: there is none), for undelete. */
static int delete_one(struct ch_store *store, struct ch_cache *cache, const char *name,
		      struct ch_err *err)
{
	ch_auto(ref) struct ch_ref ref = { 0 };
	ch_auto(store_lock) struct ch_store_lock claim = { 0 }, lock = { 0 };

	if (ch_ref_parse(name, &ref, err) < 0)
		return err->code;
	ch_log(CH_INFO, "deleting image: %s", ref.text);
	if (ch_store_claim(store, &ref, &claim, err) < 0 ||
	    ch_store_lock(store, &ref, &lock, err) < 0 || ch_store_delete(store, &ref, err) < 0)
		return err->code;
	if (cache && ch_cache_branch_delete(cache, ref.text, err) < 0)
		return err->code;
	return 0;
}

/* Delete what GLOB means. Returns how many that were, or an error. */
static int delete_glob(struct ch_store *store, struct ch_cache *cache, const char *glob,
		       struct ch_err *err)
{
	ch_auto(store_names) struct ch_store_names names = { 0 };
	ch_auto(str) char *pattern = NULL;
	int n = 0;

	if (ch_text_copy(glob, &pattern, err) < 0 || ch_store_list(store, &names, err) < 0)
		return err->code;
	ch_ref_unescape(pattern);
	for (size_t i = 0; i < names.n; i++) {
		if (fnmatch(pattern, names.list[i], 0) != 0 && !is_stage(pattern, names.list[i]))
			continue;
		/* Somebody may have been faster. */
		if (delete_one(store, cache, names.list[i], err) < 0 && err->code != -ENOENT)
			return err->code;
		n++;
	}
	return n;
}

int ch_image_delete(void *settings, int argc, char **argv, struct ch_err *err)
{
	ch_auto(store) struct ch_store *store = NULL;
	ch_auto(cache) struct ch_cache *cache = NULL;
	int missing = 0;

	ch_image_signals_tidy();
	if (ch_image_storage(settings, &store, err) < 0 ||
	    ch_image_cache(settings, store, &cache, err) < 0)
		return err->code;
	/* Who deletes wants room. */
	if (ch_store_drop_spare(store, err) < 0)
		return err->code;
	for (int i = 0; i < argc; i++) {
		int n = delete_glob(store, cache, argv[i], err);

		if (n < 0)
			return n;
		if (n > 0)
			continue;
		ch_log(CH_WARN, "no image '%s' in storage '%s'", argv[i], ch_store_where(store));
		missing++;
	}
	if (missing > 0)
		return ch_err_set(err, -ENOENT, "%d of %d not found", missing, argc);
	return 0;
}
