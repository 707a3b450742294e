/* SPDX-License-Identifier: Apache-2.0 */
/* large.h - large files, beside the repository
 *
 * Each is a file named by the SHA-256 of its content. In the tree is a blob that says which.
 * They are copied in and out with shared blocks where the file system can (FICLONE). */
#ifndef CH_CACHE_LARGE_H
#define CH_CACHE_LARGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ch_err;
struct ch_cache;

#define CH_LARGE_BYTES 32
#define CH_LARGE_TEXT  128 /* of a blob, with NUL */

struct ch_large {
	uint8_t hash[CH_LARGE_BYTES];
	uint64_t size;
};

/* Put the file FD of SIZE bytes, from its beginning, into CACHE, unless it is there. */
int ch_large_put(struct ch_cache *cache, int fd, uint64_t size, struct ch_large *ret_large,
		 struct ch_err *err);

/* Write LARGE to the empty file FD. -ENOENT: it is gone. */
int ch_large_get(struct ch_cache *cache, const struct ch_large *large, int fd, struct ch_err *err);

/* The SHA-256 of the file FD's first SIZE bytes. */
int ch_large_hash(int fd, uint64_t size, uint8_t ret[CH_LARGE_BYTES], struct ch_err *err);

/* What the blob says. Returns its length. */
size_t ch_large_to_text(const struct ch_large *large, char ret[CH_LARGE_TEXT]);

/* Read it. -EBADMSG. */
int ch_large_from_text(const char *text, size_t len, struct ch_large *ret_large,
		       struct ch_err *err);

/* Its name in the directory of large files, which is two levels deep. */
#define CH_LARGE_NAME (2 * CH_LARGE_BYTES + 2)
void ch_large_name(const struct ch_large *large, char ret[CH_LARGE_NAME]);

#endif
