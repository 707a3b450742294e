/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/xattrs.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "sys/mnt.h"

enum {
	NAMES_MAX = 1024,
	/* The kernel's XATTR_LIST_MAX and XATTR_SIZE_MAX (linux/limits.h) */
	TEXT_MAX = 65536,
};

bool ch_xattr_is_of_file(const char *name)
{
	return strncmp(name, "user.", 5) == 0 || strcmp(name, "security.capability") == 0;
}

bool ch_xattr_is_acl(const char *name)
{
	return strncmp(name, "system.posix_acl_", 17) == 0;
}

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

/* By path, since what we may not read cannot be opened; that of a directory we hold is safe, and
 * the last part is not followed. */
int ch_xattrs_each(int dir, const char *name, bool (*keeps)(const char *xattr),
		   int (*each)(void *data, const char *xattr, const void *value, size_t len),
		   void *data)
{
	char at[CH_FD_PATH_MAX], path[CH_FD_PATH_MAX + NAME_MAX + 2];

	snprintf(path, sizeof(path), "%s/%s", ch_fd_path(dir, at), name);
	return each_of(&(struct file){ .path = path }, keeps, each, data);
}

int ch_xattrs_each_open(int fd, bool (*keeps)(const char *xattr),
			int (*each)(void *data, const char *xattr, const void *value, size_t len),
			void *data)
{
	return each_of(&(struct file){ .fd = fd }, keeps, each, data);
}
