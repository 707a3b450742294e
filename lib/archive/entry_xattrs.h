/* SPDX-License-Identifier: Apache-2.0 */
/* entry_xattrs.h - extended attributes of a file, as entries have them (entry.h) */
#ifndef CH_ARCHIVE_ENTRY_XATTRS_H
#define CH_ARCHIVE_ENTRY_XATTRS_H

#include <stddef.h>

struct ch_entry_xattrs {
	struct ch_entry_xattr *list; /* owned, with all in it */
	size_t n, cap;
};

/* Read those of the file that is open as FD (O_PATH is not enough) that belong to it: user.* and
 * security.capability, in the order of their names. Capabilities that hold in a user namespace
 * only are those of all, for who takes the file elsewhere has another one.
 * ret_xattrs: empty. Returns 0 or a negative errno: -ENOMEM; -E2BIG too many. */
int ch_entry_xattrs_read(int fd, struct ch_entry_xattrs *ret_xattrs);

void ch_entry_xattrs_done(struct ch_entry_xattrs *xattrs);

static inline void ch_auto_entry_xattrs(struct ch_entry_xattrs *xattrs)
{
	ch_entry_xattrs_done(xattrs);
}

#endif
