/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/xattrs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/auto.h"
#include "sys/mnt.h"

enum {
	NAMES_MAX = 1024,
	/* The kernel's XATTR_LIST_MAX and XATTR_SIZE_MAX (linux/limits.h) */
	TEXT_MAX = 65536,
	PLACE_MAX = CH_FD_PATH_MAX + NAME_MAX + 2,
};

/* By path, since what we may not read cannot be opened; that of a directory we hold is safe, and
 * the last part is not followed. */
static const char *path_of(int dir, const char *name, char out[PLACE_MAX])
{
	char at[CH_FD_PATH_MAX];

	snprintf(out, PLACE_MAX, "%s/%s", ch_fd_path(dir, at), name);
	return out;
}

bool ch_xattr_is_of_file(const char *name)
{
	return strncmp(name, "user.", 5) == 0 || strcmp(name, "security.capability") == 0;
}

bool ch_xattr_is_acl(const char *name)
{
	return strncmp(name, "system.posix_acl_", 17) == 0;
}

bool ch_xattr_is_of_image(const char *name)
{
	return ch_xattr_is_of_file(name) || ch_xattr_is_acl(name);
}

/* ---- read ---- */

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* LIST: names, each with its NUL. Those that are kept go to NAMES. Returns their number, or -E2BIG.
 */
static int pick(const char *list, size_t len, bool (*keeps)(const char *xattr), const char **names)
{
	int n = 0;

	for (const char *p = list; p < list + len; p += strlen(p) + 1) {
		if (!keeps(p))
			continue;
		if (n == NAMES_MAX)
			return -E2BIG;
		names[n++] = p;
	}
	if (n)
		qsort(names, (size_t)n, sizeof(*names), by_bytes);
	return n;
}

/* A file: by PATH, whose last part is not followed; NULL: open as FD */
struct file {
	const char *path;
	int fd;
};

static ssize_t list_names(const struct file *f, char *list, size_t size)
{
	return f->path ? llistxattr(f->path, list, size) : flistxattr(f->fd, list, size);
}

static ssize_t get_value(const struct file *f, const char *name, void *value, size_t size)
{
	return f->path ? lgetxattr(f->path, name, value, size)
		       : fgetxattr(f->fd, name, value, size);
}

static int each_of(const struct file *f, bool (*keeps)(const char *xattr),
		   int (*each)(void *data, const char *xattr, const void *value, size_t len),
		   void *data)
{
	char list[TEXT_MAX];
	const char *names[NAMES_MAX];

	/* Without support for them, there are none. */
	ssize_t len = list_names(f, list, sizeof(list));
	int n = len > 0 ? pick(list, (size_t)len, keeps, names) : 0, rc = n < 0 ? n : 0;

	for (int i = 0; rc == 0 && i < n; i++) {
		char value[TEXT_MAX];

		len = get_value(f, names[i], value, sizeof(value));
		if (len >= 0)
			rc = each(data, names[i], value, (size_t)len);
	}
	return rc;
}

int ch_xattrs_each(int dir, const char *name, bool (*keeps)(const char *xattr),
		   int (*each)(void *data, const char *xattr, const void *value, size_t len),
		   void *data)
{
	char place[PLACE_MAX];

	return each_of(&(struct file){ .path = path_of(dir, name, place) }, keeps, each, data);
}

int ch_xattrs_each_open(int fd, bool (*keeps)(const char *xattr),
			int (*each)(void *data, const char *xattr, const void *value, size_t len),
			void *data)
{
	return each_of(&(struct file){ .fd = fd }, keeps, each, data);
}

/* ---- remove ---- */

/* The attributes user.* are removed by who may write to the file. */
static int remove_as_owner(const char *path, const char *xattr)
{
	ch_auto(fd) int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	char same[CH_FD_PATH_MAX];
	struct stat st;
	int rc = 0;

	if (fd < 0 || fstat(fd, &st) < 0 ||
	    chmod(ch_fd_path(fd, same), (st.st_mode & 07777) | S_IWUSR) < 0)
		return -errno;
	if (removexattr(same, xattr) < 0)
		rc = -errno;
	if (chmod(same, st.st_mode & 07777) < 0 && rc == 0)
		rc = -errno;
	return rc;
}

int ch_xattrs_remove(int dir, const char *name)
{
	char place[PLACE_MAX];
	const char *path = path_of(dir, name, place);
	char list[TEXT_MAX];
	ssize_t len = llistxattr(path, list, sizeof(list));
	int rc = 0;

	for (const char *p = list; p < list + len; p += strlen(p) + 1) {
		int one = 0;

		if (ch_xattr_is_of_image(p) && lremovexattr(path, p) < 0)
			one = errno == EACCES ? remove_as_owner(path, p) : -errno;
		rc = rc < 0 ? rc : one;
	}
	return rc;
}
