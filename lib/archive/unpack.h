/* SPDX-License-Identifier: Apache-2.0 */
/* unpack.h - unpack tar archives, of whatever compression, into a directory
 *
 * What archives may contain, read.h says; what becomes of it, dirsink.h: whatever they contain,
 * nothing outside the directory is touched. */
#ifndef CH_ARCHIVE_UNPACK_H
#define CH_ARCHIVE_UNPACK_H

#include <stdbool.h>

struct ch_archive_got;
struct ch_err;

struct ch_unpack {
	int root;	   /* borrowed; open directory */
	const char *below; /* unpack to this directory in it, which need not be there; NULL: root */
	/* As in struct ch_archive. To strip, the archive must be seekable, and ROOT empty; BELOW
	 * must be NULL. */
	bool strip_top;
	bool skip_dev;
};

/* Unpack the archive that is open as FD. NAME is for messages.
 * Errors: those of ch_archive_read; of the file system. What was unpacked till then, stays. */
int ch_unpack_archive(int fd, const char *name, const struct ch_unpack *how,
		      struct ch_archive_got *ret, struct ch_err *err);

#endif
