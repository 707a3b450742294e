/* SPDX-License-Identifier: Apache-2.0 */
/* xattr.h - extended attributes */
#ifndef CH_FS_XATTR_H
#define CH_FS_XATTR_H

#include <stddef.h>

struct ch_squash;
struct ch_inode;

/* The value of attribute NAME to BUF; with SIZE 0 only its length.
 * Returns the length, -ENODATA, -ERANGE, or -EIO. */
long ch_xattr_get(const struct ch_squash *image, const struct ch_inode *inode, const char *name,
		  void *buf, size_t size);

/* The names, each NUL-terminated, as in listxattr(2), without those of "trusted.", which
 * are nobody's business in a user namespace. Returns as ch_xattr_get(). */
long ch_xattr_list(const struct ch_squash *image, const struct ch_inode *inode, char *buf,
		   size_t size);

#endif
