/* SPDX-License-Identifier: Apache-2.0 */
/* squash_out.h - the file of an image, as libsquashfs wants one, and what its errors mean */
#ifndef CH_CONVERT_SQUASH_OUT_H
#define CH_CONVERT_SQUASH_OUT_H

#include <stdint.h>

#include <sqfs/io.h>

struct ch_err;

struct ch_squash_out {
	sqfs_file_t base;
	int fd;	       /* borrowed */
	uint64_t size; /* of the image so far; the file may be longer */
	int code; /* negative errno of what failed first, or 0: the library does not pass it on */
	const char *what; /* failed */
};

void ch_squash_out_init(struct ch_squash_out *out, int fd);

/* Append. Returns 0 or an SQFS_ERROR. */
int ch_squash_out_add(struct ch_squash_out *out, const void *data, size_t len);

/* The image is complete: end the file there, on a multiple of 4 KiB, so that it can be a block
 * device. */
int ch_squash_out_end(struct ch_squash_out *out, struct ch_err *err);

/* The library has returned RC, an SQFS_ERROR, when it was to WHAT. Returns a negative errno. */
int ch_squash_fault(const struct ch_squash_out *out, int rc, const char *what, struct ch_err *err);

#endif
