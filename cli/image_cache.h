/* SPDX-License-Identifier: Apache-2.0 */
/* image_cache.h - the build cache of the storage that options mean */
#ifndef CH_CLI_IMAGE_CACHE_H
#define CH_CLI_IMAGE_CACHE_H

#include "build/stage.h"
#include "cache/cache.h"
#include "image_options.h"

/* Open it. ret_cache: NULL if there is to be none (--no-cache). */
int ch_image_cache(const struct ch_image_common *common, struct ch_store *store,
		   struct ch_cache **ret_cache, struct ch_err *err);

/* For the end of what has put something into CACHE (NULL: there is none): keep it small. */
int ch_image_cache_tidy(const struct ch_image_common *common, struct ch_cache *cache,
			struct ch_err *err);

/* Where builds keep what they make; both borrowed. It tells by ch_log. */
struct ch_shelf ch_image_shelf(const struct ch_image_common *common, struct ch_store *store,
			       struct ch_cache *cache);

struct ch_image_build_cache {
	struct ch_image_common common;
	bool reset, gc, verify, tree, is_dot;
	const char *dot; /* borrowed; NULL: the default */
};

extern const struct ch_opt ch_image_build_cache_options[];

#endif
