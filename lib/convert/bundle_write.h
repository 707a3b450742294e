/* SPDX-License-Identifier: Apache-2.0 */
/* bundle_write.h - write the files of an image layout: into a directory, or a tar archive
 *
 * The counterpart of bundle.h. A file may be written before its name and size are known: in an
 * archive, its header is written last. So it is written once, and nothing of it is elsewhere. */
#ifndef CH_CONVERT_BUNDLE_WRITE_H
#define CH_CONVERT_BUNDLE_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "archive/output.h"

struct ch_err;

struct ch_bundle_writer {
	int fd; /* borrowed: an empty directory; or an empty file */
	bool is_dir;

	/* private */
	uint64_t header; /* of the file that is written, in an archive */
	int file;	 /* owned; in a directory */
	struct ch_output_fd out;
};

/* NAME is for messages, and borrowed. */
void ch_bundle_writer_init(struct ch_bundle_writer *writer, int fd, bool is_dir, const char *name);

/* Add the directory NAME, which ends in "/", before what is in it: unpackers that lack it make it,
 * but some have their difficulties. In a directory, nothing. */
int ch_bundle_writer_dir(struct ch_bundle_writer *writer, const char *name, struct ch_err *err);

/* Begin a file. ret_out: for its contents; part of the writer */
int ch_bundle_writer_begin(struct ch_bundle_writer *writer, struct ch_output **ret_out,
			   struct ch_err *err);

/* Its SIZE bytes were written: it is called NAME, a plain path of less than 100 bytes. */
int ch_bundle_writer_end(struct ch_bundle_writer *writer, const char *name, uint64_t size,
			 struct ch_err *err);

/* All of that for a small file. */
int ch_bundle_writer_put(struct ch_bundle_writer *writer, const char *name, const void *data,
			 size_t len, struct ch_err *err);

/* There are no more. */
int ch_bundle_writer_finish(struct ch_bundle_writer *writer, struct ch_err *err);

void ch_bundle_writer_done(struct ch_bundle_writer *writer);

#endif
