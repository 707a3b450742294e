/* SPDX-License-Identifier: Apache-2.0 */
/* blobs.h - read those files of an image whose contents are not known, and store them */
#ifndef CH_CACHE_BLOBS_H
#define CH_CACHE_BLOBS_H

#include "cache/node.h"

struct ch_cache;
struct ch_cache_image;
struct ch_cache_report;
struct ch_err;
struct ch_writer;

/* Read what TREE, looked at in IMAGE just now, does not know, with several threads; all of it is
 * known then. -EAGAIN: a file changes. */
int ch_blobs_store(struct ch_cache *cache, struct ch_writer *writer,
		   const struct ch_cache_image *image, struct ch_gittree *tree,
		   struct ch_cache_report *report, struct ch_err *err);

#endif
