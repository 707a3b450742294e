/* SPDX-License-Identifier: Apache-2.0 */
/* unpack.h - decompressors of SquashFS blocks: the one door to libsquashfuse
 *
 * Only its decompressors are used. Its readers of directories, fragments and metadata
 * trust lengths in the image (sqfs_dir_next() copies up to 64 KiB into a buffer for one
 * name) and are not thread-safe; ours are in meta.h, dir.h, data.h. */
#ifndef CH_FS_UNPACK_H
#define CH_FS_UNPACK_H

#include <stdbool.h>
#include <stddef.h>

/* Name of the compressor with the superblock's number ID, or NULL. */
const char *ch_unpack_name(unsigned id);

bool ch_unpack_known(unsigned id);

/* Decompress LEN bytes at IN to at most SIZE bytes at OUT. Thread-safe.
 * Returns the length, or -EIO. */
long ch_unpack(unsigned id, const void *in, size_t len, void *out, size_t size);

#endif
