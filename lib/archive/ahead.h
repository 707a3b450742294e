/* SPDX-License-Identifier: Apache-2.0 */
/* ahead.h - a stream that is uncompressed by a thread of its own, some steps ahead of who uses
 * it; a part of read.c */
#ifndef CH_ARCHIVE_AHEAD_H
#define CH_ARCHIVE_AHEAD_H

#include <sys/types.h>

struct ch_ahead;
struct ch_stream;

/* From now on, STREAM belongs to the thread, until ch_ahead_stop or until ch_ahead_next has
 * returned 0 or an error. Returns NULL if a thread cannot be had. */
struct ch_ahead *ch_ahead_start(struct ch_stream *stream);

/* As ch_stream_next, for one thread. */
ssize_t ch_ahead_next(struct ch_ahead *ahead, const void **ret_data);

/* Ends the thread, which may have to wait for input first, and frees AHEAD; NULL is no error. */
void ch_ahead_stop(struct ch_ahead *ahead);

#endif
