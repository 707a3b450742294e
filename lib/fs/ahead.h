/* SPDX-License-Identifier: Apache-2.0 */
/* ahead.h - reading ahead in the image file
 *
 * What programs read of an image is scattered over it, and the kernel's readahead fetches
 * three bytes for one that is wanted: with thousands of nodes on one file server, that is
 * the time of a start. So the kernel is told not to, and here it is told what to fetch: where
 * reading has gone on in order, as much again as it had in order, up to a limit. */
#ifndef CH_FS_AHEAD_H
#define CH_FS_AHEAD_H

#include <stdint.h>

struct ch_ahead;

/* For FD, which is borrowed. NULL: no memory. */
struct ch_ahead *ch_ahead_new(int fd);
void ch_ahead_free(struct ch_ahead *ahead);

/* LEN bytes at POS of the file are about to be read; the image ends at END. Thread-safe. */
void ch_ahead_note(struct ch_ahead *ahead, uint64_t pos, uint64_t len, uint64_t end);

#endif
