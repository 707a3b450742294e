/* SPDX-License-Identifier: Apache-2.0 */
/* compress.h - compress a stream by all the CPUs we may use, and name it by its hashes
 *
 * The stream is cut into pieces of a fixed size, each of which becomes a stream of the format
 * of its own (gzip: a member, RFC 1952; zstd: a frame, RFC 8878; xz: a stream); these follow
 * each other, which all three formats allow. So the bytes depend on what is written, format and
 * level, not on the number of threads, nor on the sizes of the writes.
 *
 * A few pieces a thread are in memory, not more. */
#ifndef CH_ARCHIVE_COMPRESS_H
#define CH_ARCHIVE_COMPRESS_H

#include <stdint.h>

#include "hash/hash.h"

struct ch_compress;
struct ch_err;
struct ch_output;

enum ch_compress_kind {
	CH_COMPRESS_NONE,
	CH_COMPRESS_GZIP, /* levels 1 to 12 */
	CH_COMPRESS_ZSTD, /* 1 to 19 */
	CH_COMPRESS_XZ,	  /* 1 to 9 */
};

struct ch_compress_how {
	enum ch_compress_kind kind;
	int level;	  /* 0: the usual one */
	unsigned threads; /* 0: one for each CPU that we may use, up to 16 */
};

struct ch_compressed {
	uint64_t size, plain_size;	       /* bytes, after and before */
	uint8_t digest[CH_SHA256_BYTES];       /* of what was written to the output */
	uint8_t plain_digest[CH_SHA256_BYTES]; /* of what was written to us: a layer's diff ID */
};

/* OUT: borrowed, till the compressor is freed; written to only within writes to us and in
 * ch_compress_end, by the same thread. Errors: -EINVAL there is no such level. */
int ch_compress_new(const struct ch_compress_how *how, struct ch_output *out,
		    struct ch_compress **ret_compress, struct ch_err *err);

/* Where to write; part of COMPRESS. */
struct ch_output *ch_compress_input(struct ch_compress *compress);

/* There is no more: write what is left. */
int ch_compress_end(struct ch_compress *compress, struct ch_compressed *ret, struct ch_err *err);

/* At any time; ends all threads. NULL is fine. */
void ch_compress_free(struct ch_compress *compress);

static inline void ch_auto_compress(struct ch_compress **compress)
{
	ch_compress_free(*compress);
}

/* "ALG" or "ALG:LEVEL", where ALG is none, gzip, zstd or xz. Fills kind and level. */
int ch_compress_parse(const char *text, struct ch_compress_how *ret_how, struct ch_err *err);

#endif
