/* SPDX-License-Identifier: Apache-2.0 */
/* gunzip.h - input, with gzip undone by ISA-L, in half the time that zlib takes; a part of
 * stream.c
 *
 * What is not compressed so goes by as it is; and all of it, if charlie was built without ISA-L:
 * then it is left to libarchive, like other compression. */
#ifndef CH_ARCHIVE_GUNZIP_H
#define CH_ARCHIVE_GUNZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct ch_err;
struct ch_gunzip_member;

struct ch_gunzip {
	/* As in read.h, but for UNWANTED */
	ssize_t (*more)(void *data, void *buf, size_t size, struct ch_err *err);
	void *data;

	/* private */
	uint8_t *in; /* owned; what came, AT to END of it not yet used */
	size_t at, end;
	bool is_at_end;			 /* nothing comes any more */
	bool has_begun;			 /* it is known whether it is gzip: then there is MEMBER */
	uint8_t *out;			 /* owned */
	struct ch_gunzip_member *member; /* owned */
};

/* All but MORE and DATA is zero at first. */
int ch_gunzip_init(struct ch_gunzip *gunzip, struct ch_err *err);

/* The next bytes; they are there until the next call. Returns their number, 0 at the end, or a
 * negative errno: that of MORE; -EINVAL damaged; -ENOMEM.
 *
 * Members may follow each other. What is behind the last one, and is none, is left out. */
ssize_t ch_gunzip_next(struct ch_gunzip *gunzip, const void **ret_data, struct ch_err *err);

void ch_gunzip_done(struct ch_gunzip *gunzip);

#endif
