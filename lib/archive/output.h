/* SPDX-License-Identifier: Apache-2.0 */
/* output.h - where a stream of bytes goes */
#ifndef CH_ARCHIVE_OUTPUT_H
#define CH_ARCHIVE_OUTPUT_H

#include <stddef.h>

struct ch_err;

struct ch_output {
	/* Take all LEN bytes, which are borrowed for the call. Returns 0 or a negative errno;
	 * after an error, it is not called again. */
	int (*write)(struct ch_output *out, const void *data, size_t len, struct ch_err *err);
};

/* To a file */
struct ch_output_fd {
	struct ch_output out;
	int fd;		  /* borrowed */
	const char *name; /* borrowed; for messages */
};

#define CH_OUTPUT_FD(fd_, name_)                                                                   \
	((struct ch_output_fd){ .out = { ch_output_fd_write }, .fd = (fd_), .name = (name_) })

int ch_output_fd_write(struct ch_output *out, const void *data, size_t len, struct ch_err *err);

#endif
