/* SPDX-License-Identifier: Apache-2.0 */
/* unpack.h - decompressors of SquashFS blocks: the one door to the compression libraries
 *
 * Contexts of decompressors are large and slow to make: they are kept, one for each thread
 * that unpacks at the same time. */
#ifndef CH_FS_UNPACK_H
#define CH_FS_UNPACK_H

#include <stdbool.h>
#include <stddef.h>

struct ch_unpacker;

/* Name of the compressor with the superblock's number ID, or NULL. */
const char *ch_unpack_name(unsigned id);

bool ch_unpack_known(unsigned id);

/* For images compressed with ID, which must be known. NULL: no memory. */
struct ch_unpacker *ch_unpacker_new(unsigned id);
void ch_unpacker_free(struct ch_unpacker *unpacker);

/* Decompress LEN bytes at IN to at most SIZE bytes at OUT. Thread-safe.
 * Returns the length, or -EIO. */
long ch_unpack_block(struct ch_unpacker *unpacker, const void *in, size_t len, void *out,
		     size_t size);

#endif
