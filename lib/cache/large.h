/* SPDX-License-Identifier: Apache-2.0 */
/* large.h - large files, and those that are mostly holes, beside the repository
 *
 * Each is a file named by a SHA-256 of its content. In the tree is a blob that says which.
 * They are copied in and out with shared blocks where the file system can (FICLONE). */
#ifndef CH_CACHE_LARGE_H
#define CH_CACHE_LARGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct ch_err;
struct ch_cache;
struct stat;

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

/* Is a file that ST is of mostly holes, and too large for these to be kept as zeros? */
bool ch_large_is_sparse(const struct stat *st);

/* Where data begins in the file FD, from AT on; END: there is only a hole till there. */
off_t ch_large_data(int fd, off_t at, off_t end);

/* What identifies the file FD's first SIZE bytes: their SHA-256. If there are zeros for 64 KiB, at
 * a multiple of that, it is made of those of the other bytes and of where they are, for holes of a
 * terabyte take no time; whether zeros are written or a hole makes no difference. */
int ch_large_hash(int fd, uint64_t size, uint8_t ret[CH_LARGE_BYTES], struct ch_err *err);

/* Is HASH that of the file FD's first SIZE bytes? Also if it is the plain SHA-256 of all of them,
 * zeros included, as the first caches named files. Returns 1, 0, or a negative errno. */
int ch_large_is(int fd, uint64_t size, const uint8_t hash[CH_LARGE_BYTES], struct ch_err *err);

/* What the blob says. Returns its length. */
size_t ch_large_to_text(const struct ch_large *large, char ret[CH_LARGE_TEXT]);

/* Read it. -EBADMSG. */
int ch_large_from_text(const char *text, size_t len, struct ch_large *ret_large,
		       struct ch_err *err);

/* Its name in the directory of large files, which is two levels deep. */
#define CH_LARGE_NAME (2 * CH_LARGE_BYTES + 2)
void ch_large_name(const struct ch_large *large, char ret[CH_LARGE_NAME]);

#endif
