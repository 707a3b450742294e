/* SPDX-License-Identifier: Apache-2.0 */
#include "image_cache.h"

#include <fcntl.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/log.h"
#include "image.h"
#include "messages.h"
#include "store/store.h"

/* The cache is tidied up at the end of builds: mostly, that is quick. */
enum { PATIENCE_MS = 1000 };

int ch_image_cache(const struct ch_image_common *common, struct ch_store *store,
		   struct ch_cache **ret_cache, struct ch_err *err)
{
	struct ch_cache_options options = {
		.large = (uint64_t)common->cache_large << 20,
		.waiter = ch_image_waiter(),
	};

	options.waiter.patience_ms = PATIENCE_MS;
	*ret_cache = NULL;
	if (common->cache == CH_IMAGE_CACHE_OFF)
		return 0;

	ch_auto(fd) int dir = open(ch_store_where(store), O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return ch_err_sys(err, "storage '%s'", ch_store_where(store));
	return ch_cache_open(dir, &options, ret_cache, err);
}

int ch_image_cache_tidy(const struct ch_image_common *common, struct ch_cache *cache,
			struct ch_err *err)
{
	return cache ? ch_cache_tidy(cache, (uint64_t)common->cache_max << 20, err) : 0;
}

struct ch_shelf ch_image_shelf(const struct ch_image_common *common, struct ch_store *store,
			       struct ch_cache *cache)
{
	return (struct ch_shelf){
		.store = store,
		.cache = cache,
		.rebuild = common->cache == CH_IMAGE_CACHE_REBUILD,
		.teller = ch_messages,
	};
}
