/* SPDX-License-Identifier: Apache-2.0 */
/* squash_compress.h - how blocks are compressed */
#ifndef CH_CONVERT_SQUASH_COMPRESS_H
#define CH_CONVERT_SQUASH_COMPRESS_H

#include <stddef.h>

#include <sqfs/compressor.h>

#include "convert/squash_write.h"

struct ch_err;

/* The compressor for HOW; RET_ID: of its format. Free it with sqfs_destroy(). */
int ch_squash_compressor_new(const struct ch_squash_compress *how, size_t block_size,
			     SQFS_COMPRESSOR *ret_id, sqfs_compressor_t **ret, struct ch_err *err);

/* gzip by libdeflate, which is twice as fast as zlib, and finer: LEVEL up to 12. NULL: no
 * memory. */
sqfs_compressor_t *ch_squash_deflate_new(int level, size_t block_size);

/* WITH (which is taken), but what did not get shorter is no result: the library's lz4 gives that
 * as one, and readers refuse it. NULL: no memory. */
sqfs_compressor_t *ch_squash_shorter_new(sqfs_compressor_t *with);

/* Nothing is compressed. NULL: no memory. */
sqfs_compressor_t *ch_squash_store_new(void);

#endif
