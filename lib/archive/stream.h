/* SPDX-License-Identifier: Apache-2.0 */
/* stream.h - the bytes of an archive, uncompressed; a part of read.c */
#ifndef CH_ARCHIVE_STREAM_H
#define CH_ARCHIVE_STREAM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "gunzip.h"
#include "hash/hash.h"

struct archive;
struct ch_archive;

struct ch_stream {
	const struct ch_archive *from; /* borrowed */
	struct archive *filter;	       /* owned; undoes the compression */
	struct ch_hash hash;
	uint64_t bytes;	      /* that came out */
	struct ch_gunzip in;  /* what goes in */
	atomic_bool unwanted; /* set by any thread: nobody waits for what comes */
	bool failed;	      /* then ERR says why */
	struct ch_err err;    /* kept here, since libarchive calls us back */
};

int ch_stream_open(const struct ch_archive *from, struct ch_stream *ret_stream, struct ch_err *err);

/* The next bytes; they are there until the next call. Returns their number, 0 at the end, or a
 * negative errno: then STREAM's err is set. */
ssize_t ch_stream_next(struct ch_stream *stream, const void **ret_data);

void ch_stream_done(struct ch_stream *stream);

static inline void ch_auto_stream(struct ch_stream *stream)
{
	ch_stream_done(stream);
}

#endif
