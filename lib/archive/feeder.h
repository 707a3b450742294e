/* SPDX-License-Identifier: Apache-2.0 */
/* feeder.h - a stream that is uncompressed by a thread of its own, some steps ahead of who uses
 * it; a part of read.c */
#ifndef CH_ARCHIVE_FEEDER_H
#define CH_ARCHIVE_FEEDER_H

#include <sys/types.h>

struct ch_feeder;
struct ch_stream;

/* From now on, STREAM belongs to the thread, until ch_feeder_stop or until ch_feeder_next has
 * returned 0 or an error. Returns NULL if a thread cannot be had. */
struct ch_feeder *ch_feeder_start(struct ch_stream *stream);

/* As ch_stream_next, for one thread. */
ssize_t ch_feeder_next(struct ch_feeder *feeder, const void **ret_data);

/* Ends the thread, which waits for no more input, and frees FEEDER; NULL is no error. */
void ch_feeder_stop(struct ch_feeder *feeder);

#endif
