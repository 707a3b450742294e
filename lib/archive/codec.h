/* SPDX-License-Identifier: Apache-2.0 */
/* codec.h - one piece of data compressed at a time; what compress.h puts together */
#ifndef CH_ARCHIVE_CODEC_H
#define CH_ARCHIVE_CODEC_H

#include <stddef.h>

#include "archive/compress.h"

struct ch_codec {
	size_t piece;	/* bytes that are compressed at a time */
	int usual, max; /* levels */

	/* What one thread needs for LEVEL; NULL: no memory. */
	void *(*make)(int level);
	void (*free)(void *state);

	/* So much room is enough for the piece of LEN bytes. */
	size_t (*bound)(size_t len);

	/* Returns how many of the SIZE bytes were written to OUT; 0: no memory. */
	size_t (*run)(void *state, const void *data, size_t len, void *out, size_t size);
};

/* NULL: CH_COMPRESS_NONE */
const struct ch_codec *ch_codec_of(enum ch_compress_kind kind);

#endif
