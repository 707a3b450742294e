/* SPDX-License-Identifier: Apache-2.0 */
/* again.h - images of storage that the cache can make again
 *
 * An image that was made just before the machine stopped may be damaged (store/noted.h). The cache
 * is not: what it has is on the disk. */
#ifndef CH_BUILD_AGAIN_H
#define CH_BUILD_AGAIN_H

#include <stdbool.h>

struct ch_err;
struct ch_ref;
struct ch_shelf;

/* Is the image REF the cache's, and may be damaged? */
bool ch_again_is_due(const struct ch_shelf *shelf, const struct ch_ref *ref);

/* Make the image REF of what the cache has. Returns 1; 0 if it has no such image; or an error. */
int ch_again_make(const struct ch_shelf *shelf, const struct ch_ref *ref, struct ch_err *err);

/* Open the image REF of storage for reading, as ch_store_read, whose errors there are; one that
 * may be damaged is made again before, if the cache has it. The shelf's cache may be NULL. */
int ch_again_read(const struct ch_shelf *shelf, const struct ch_ref *ref, struct ch_err *err);

#endif
