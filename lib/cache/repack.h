/* SPDX-License-Identifier: Apache-2.0 */
/* repack.h - put objects of several packs into one */
#ifndef CH_CACHE_REPACK_H
#define CH_CACHE_REPACK_H

#include <stdint.h>

struct ch_cache;
struct ch_err;
struct ch_oidmap;

/* Copy, as they are, those objects of packs smaller than MAX bytes that are in LIVE (NULL: all)
 * to a new pack, and remove those packs. Packs with differences between objects, which git gc(1)
 * makes, stay as they are. The cache must be ours alone. */
int ch_repack(struct ch_cache *cache, const struct ch_oidmap *live, uint64_t max,
	      struct ch_err *err);

#endif
