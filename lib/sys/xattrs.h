/* SPDX-License-Identifier: Apache-2.0 */
/* xattrs.h - read and remove the extended attributes of files that need not be open (xattr(7)) */
#ifndef CH_SYS_XATTRS_H
#define CH_SYS_XATTRS_H

#include <stdbool.h>
#include <stddef.h>

/* Does this attribute belong to the file, not to the system that it is on? Those are user.* and
 * security.capability. ACLs are apart: their users and groups are those of the system. */
bool ch_xattr_is_of_file(const char *name);
bool ch_xattr_is_acl(const char *name);

/* Is it a part of an image: either of them? */
bool ch_xattr_is_of_image(const char *name);

/* For those of NAME, an entry of the directory DIR which is not followed, that KEEPS says yes
 * to, in the order of their names, call EACH, until that returns other than 0. What may not be
 * read, or is not supported, is not there. Returns what EACH did, or -E2BIG: too many. */
int ch_xattrs_each(int dir, const char *name, bool (*keeps)(const char *xattr),
		   int (*each)(void *data, const char *xattr, const void *value, size_t len),
		   void *data);

/* The same for the file that is open as FD (O_PATH is not enough): a third of the time. */
int ch_xattrs_each_open(int fd, bool (*keeps)(const char *xattr),
			int (*each)(void *data, const char *xattr, const void *value, size_t len),
			void *data);

/* Remove those of NAME (as above) that are a part of an image. What the file's mode forbids is
 * permitted for that moment. Returns 0, or the negative errno of one that stays: capabilities need
 * privileges. */
int ch_xattrs_remove(int dir, const char *name);

#endif
