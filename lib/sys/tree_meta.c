/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/auto.h"
#include "sys/tree.h"
#include "sys/tree_own.h"
#include "sys/xattrs.h"

/* The kernel's XATTR_LIST_MAX and XATTR_SIZE_MAX (linux/limits.h) */
enum { XATTR_MAX = 65536 };

static bool is_kept(const char *name, bool with_acl)
{
	return ch_xattr_is_of_file(name) || (with_acl && ch_xattr_is_acl(name));
}

/* Can the failure to set NAME be put up with? The file system may have none; and what is not
 * the user's may be forbidden. */
static bool is_forgivable(const char *name, int error)
{
	return error == ENOTSUP ||
	       (strncmp(name, "user.", 5) != 0 && error != ENOSPC && error != EIO);
}

static int copy_xattrs(int from, int to, bool with_acl)
{
	ssize_t len = flistxattr(from, NULL, 0);

	if (len <= 0)
		return len == 0 || errno == ENOTSUP ? 0 : -errno;

	ch_auto(str) char *names = malloc(2 * XATTR_MAX);

	if (!names)
		return -ENOMEM;

	char *value = names + XATTR_MAX;

	len = flistxattr(from, names, XATTR_MAX);
	if (len < 0)
		return -errno;
	for (const char *name = names; name < names + len; name += strlen(name) + 1) {
		if (!is_kept(name, with_acl))
			continue;

		ssize_t size = fgetxattr(from, name, value, XATTR_MAX);

		if (size < 0 && errno != ENODATA)
			return -errno;
		if (size >= 0 && fsetxattr(to, name, value, (size_t)size, 0) < 0 &&
		    !is_forgivable(name, errno))
			return -errno;
	}
	return 0;
}

static bool is_forbidden(int error)
{
	return error == EPERM || error == EINVAL; /* EINVAL: not mapped in our user namespace */
}

int ch_tree_meta(int from, int to, const struct stat *st, mode_t mode, unsigned keep)
{
	const struct timespec times[] = { st->st_atim, st->st_mtim };
	bool has_xattrs = (keep & CH_TREE_XATTRS) && from >= 0;
	/* They are set by who may write to it. */
	bool is_locked = has_xattrs && (keep & CH_TREE_MODES) && !(mode & S_IWUSR);

	/* The owner first: a change takes setuid bits and capabilities away. Attributes after the
	 * mode, since an ACL brings its own. */
	if ((keep & CH_TREE_OWNERS) && fchown(to, st->st_uid, st->st_gid) < 0 &&
	    !is_forbidden(errno))
		return -errno;
	if ((keep & CH_TREE_MODES) && fchmod(to, (mode & 07777) | (is_locked ? S_IWUSR : 0)) < 0)
		return -errno;
	if (has_xattrs) {
		int rc = copy_xattrs(from, to, ((mode ^ st->st_mode) & 07777) == 0);

		if (rc < 0)
			return rc;
	}
	if (is_locked && fchmod(to, mode & 07777) < 0)
		return -errno;
	if ((keep & CH_TREE_TIMES) && futimens(to, times) < 0)
		return -errno;
	return 0;
}

int ch_tree_meta_at(int dir, const char *name, const struct stat *st, mode_t mode, unsigned keep)
{
	const struct timespec times[] = { st->st_atim, st->st_mtim };

	if ((keep & CH_TREE_OWNERS) &&
	    fchownat(dir, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0 &&
	    !is_forbidden(errno))
		return -errno;
	if ((keep & CH_TREE_MODES) && !S_ISLNK(mode) && fchmodat(dir, name, mode & 07777, 0) < 0)
		return -errno;
	if ((keep & CH_TREE_TIMES) && utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return 0;
}
