/* SPDX-License-Identifier: Apache-2.0 */
/* dirsink.h - a directory as a sink: entries become files
 *
 * Nothing outside the directory is touched: paths are looked for below it as if it were "/"
 * (openat2(2), RESOLVE_IN_ROOT), so that links lead nowhere else; what is there by an entry's
 * name is removed first, never written through; the target of a hard link is looked for in the
 * same way. Contents are limited by the disk only; what has to be remembered of directories, to
 * 256 MiB at least (-E2BIG).
 *
 * Owners are the user; directories get at least rwx, files rw for the user; other bits of the
 * mode, set-user-ID included, are kept, and so are times, holes, and extended attributes as
 * far as the file system can. Blocks of zeros become holes, too: most archives have no others,
 * and what they were made of may be larger than the disk. */
#ifndef CH_ARCHIVE_DIRSINK_H
#define CH_ARCHIVE_DIRSINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

#include "archive/entry.h"

struct ch_err;

/* Directories whose attributes are set in the end: till then, others are made in them. */
struct ch_dirsink_dir {
	char *path;	 /* owned */
	unsigned levels; /* it, and what is above it: so many are meant */
	mode_t mode;
	struct timespec mtime;
};

/* The file that was added last */
struct ch_dirsink_file {
	int fd;	       /* owned, or -1: there is none */
	char *path;    /* owned */
	uint64_t at;   /* where its contents end, so far */
	uint64_t size; /* as announced */
	mode_t mode;
	struct timespec mtime;
	struct ch_entry_xattr *xattrs; /* owned, and all in it: one block */
	size_t n_xattrs;
};

struct ch_dirsink {
	struct ch_sink sink; /* what it is used by */

	int parent; /* owned, or -1; the directory (O_PATH) of the entry added last */

	/* private */
	int root;	   /* borrowed */
	char *parent_path; /* owned */
	struct ch_dirsink_file file;
	struct ch_dirsink_dir *dirs; /* owned */
	size_t n, cap, bytes;	     /* all that they take */
};

/* Entries go to the directory that is open as ROOT, which is borrowed. After end, more may be
 * added, and end be called again. */
void ch_dirsink_init(struct ch_dirsink *ret_sink, int root);

/* End the file that was added last, so that the tree is as it would be if this were the end,
 * but for the attributes of directories. For who changes it himself in between; he may remove
 * and add what he likes. */
int ch_dirsink_pause(struct ch_dirsink *sink, struct ch_err *err);

void ch_dirsink_done(struct ch_dirsink *sink);

static inline void ch_auto_dirsink(struct ch_dirsink *sink)
{
	ch_dirsink_done(sink);
}

#endif
