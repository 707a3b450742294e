/* SPDX-License-Identifier: Apache-2.0 */
/* bundle.h - the files of an image layout, by name: in a directory, or in a tar archive
 *
 * An archive is looked through once, and its members then are read where they are: nothing is
 * unpacked. So it must not be compressed, and it must be a file. Both kinds are foreign data: no
 * link leads out, and every place is within the file. */
#ifndef CH_CONVERT_BUNDLE_H
#define CH_CONVERT_BUNDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

struct ch_bundle;
struct ch_err;

/* More members than an image's archive has: it is something else. */
#define CH_BUNDLE_MEMBERS_MAX 65536

/* What is open as FD, which is borrowed. Errors: -EINVAL neither a directory nor a tar archive, or
 * one that is compressed, damaged, or too large for this. */
int ch_bundle_open(int fd, struct ch_bundle **ret_bundle, struct ch_err *err);

void ch_bundle_free(struct ch_bundle *bundle);

static inline void ch_auto_bundle(struct ch_bundle **bundle)
{
	ch_bundle_free(*bundle);
}

/* Is there something called NAME? */
bool ch_bundle_has(const struct ch_bundle *bundle, const char *name);

/* A file: some bytes of a file. */
struct ch_piece {
	int fd;	      /* to be read by pread(2) */
	bool is_ours; /* it is to be closed */
	uint64_t off, size;
};

#define CH_PIECE_INIT ((struct ch_piece){ .fd = -1 })

static inline void ch_auto_piece(struct ch_piece *piece)
{
	if (piece->is_ours)
		close(piece->fd);
}

/* Find the file NAME. Errors: -ENOENT; -EINVAL it is no file; of the file system. */
int ch_bundle_find(const struct ch_bundle *bundle, const char *name, struct ch_piece *ret_piece,
		   struct ch_err *err);

/* Read up to SIZE bytes of it, from AT on. Returns their number, 0 at its end, or an error. */
ssize_t ch_piece_read(const struct ch_piece *piece, uint64_t at, void *buf, size_t size,
		      struct ch_err *err);

/* All of it, if it has at most MAX bytes. ret_text: malloc'ed; a NUL is behind it. Errors: -EFBIG.
 */
int ch_piece_text(const struct ch_piece *piece, size_t max, char **ret_text, size_t *ret_len,
		  struct ch_err *err);

/* The whole file NAME, of at most MAX bytes. ret_text: malloc'ed; a NUL is behind it.
 * Errors: as above; -EFBIG. */
int ch_bundle_text(const struct ch_bundle *bundle, const char *name, size_t max, char **ret_text,
		   size_t *ret_len, struct ch_err *err);

#endif
