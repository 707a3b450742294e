/* SPDX-License-Identifier: Apache-2.0 */
/* dirsink_dirs.h - directories of dirsink.h: those on the way, and attributes */
#ifndef CH_ARCHIVE_DIRSINK_DIRS_H
#define CH_ARCHIVE_DIRSINK_DIRS_H

#include "archive/dirsink.h"

/* Open the directory PATH (O_PATH), and make it, and those above it, where they are missing.
 * Links that lead nowhere get what they name. Returns it (the caller's), or a negative errno. */
int ch_dirsink_open_dir(struct ch_dirsink *ds, const char *path);

/* PATH, and so many LEVELS above it, are to have these attributes in the end. */
int ch_dirsink_note_dir(struct ch_dirsink *ds, const char *path, unsigned levels, mode_t mode,
			struct timespec mtime, struct ch_err *err);

/* Set the attributes of all that were noted, and forget them. */
int ch_dirsink_end_dirs(struct ch_dirsink *ds, struct ch_err *err);

void ch_dirsink_forget_dirs(struct ch_dirsink *ds);

#endif
