/* SPDX-License-Identifier: Apache-2.0 */
/* name.h - names in archives as paths of a tree */
#ifndef CH_ARCHIVE_NAME_H
#define CH_ARCHIVE_NAME_H

#include <stdbool.h>

struct ch_err;

/* NAME as a plain path (entry.h), behind the plain path BELOW (or NULL). ret_path: malloc'ed.
 * Errors: -EINVAL it has a part ".."; -ENAMETOOLONG. */
int ch_name_plain(const char *below, const char *name, char **ret_path, struct ch_err *err);

/* What becomes of a directory that everything is in */
enum ch_top_how {
	CH_TOP_KEEP,
	CH_TOP_OPEN,  /* not known yet: the first name decides */
	CH_TOP_STRIP, /* so far, all is in one directory */
};

struct ch_top {
	enum ch_top_how how;
	char *name; /* owned */
};

/* Take the top directory off the plain PATH, in place, if that is to be. Returns 1 if PATH is not
 * in it, though others were. */
int ch_top_strip(struct ch_top *top, char *path, bool is_dir, struct ch_err *err);

void ch_top_done(struct ch_top *top);

#endif
