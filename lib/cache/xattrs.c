/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/xattrs.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "cache/dirmeta.h"
#include "cache/pieces.h"
#include "sys/mnt.h"

#define NAMES_MAX 1024 /* of one file */

struct place {
	char path[CH_FD_PATH_MAX + NAME_MAX + 2];
};

static const char *path_of(int dir, const char *name, struct place *place)
{
	char at[CH_FD_PATH_MAX];

	snprintf(place->path, sizeof(place->path), "%s/%s", ch_fd_path(dir, at), name);
	return place->path;
}

/* Is this one part of an image? */
static bool is_kept(const char *name)
{
	return strncmp(name, "user.", 5) == 0 || strcmp(name, "security.capability") == 0 ||
	       strncmp(name, "system.posix_acl_", 17) == 0;
}

/* ---- read ---- */

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void read_one(const char *path, const char *name, struct ch_buf *to)
{
	char value[65536];
	ssize_t len = lgetxattr(path, name, value, sizeof(value));

	if (len >= 0)
		ch_xattr_add(to, name, value, (uint32_t)len);
}

static int too_many(struct ch_err *err)
{
	return ch_err_set(err, -E2BIG, "too many extended attributes");
}

/* LIST: names, each with its NUL. */
static int read_list(const char *path, const char *list, size_t len, struct ch_buf *to,
		     struct ch_err *err)
{
	const char *names[NAMES_MAX] = { 0 };
	size_t n = 0;

	for (const char *p = list; p < list + len; p += strlen(p) + 1) {
		if (!is_kept(p))
			continue;
		if (n == NAMES_MAX)
			return too_many(err);
		names[n++] = p;
	}
	qsort(names, n, sizeof(*names), by_text);
	for (size_t i = 0; i < n; i++)
		read_one(path, names[i], to);
	return ch_buf_bad(to) ? too_many(err) : 0;
}

int ch_xattrs_get(int dir, const char *name, struct ch_arena *arena, struct ch_node *node,
		  struct ch_err *err)
{
	ch_auto(buf) struct ch_buf all = CH_BUF_INIT(CH_XATTRS_MAX);
	struct place place;
	const char *path = path_of(dir, name, &place);
	char list[65536];
	ssize_t len = llistxattr(path, list, sizeof(list));
	int rc;

	/* Without support for them, there are none. */
	if (len <= 0)
		return 0;
	rc = read_list(path, list, (size_t)len, &all, err);
	if (rc < 0 || all.len == 0)
		return rc;
	node->xattrs = ch_arena_copy(arena, all.data, all.len);
	node->xattrs_len = (uint32_t)all.len;
	return node->xattrs ? 0 : ch_err_nomem(err);
}

/* ---- set, and remove ---- */

/* Capabilities need privileges; some file systems have none at all. */
static bool is_refusal(int code)
{
	return code == EPERM || code == ENOTSUP || code == EACCES || code == EINVAL;
}

int ch_xattrs_set(int dir, const char *name, const struct ch_node *node, uint64_t *ret_refused,
		  struct ch_err *err)
{
	struct ch_pieces from = { .p = node->xattrs, .end = node->xattrs + node->xattrs_len };
	struct ch_xattr xattr;
	struct place place;
	const char *path;

	*ret_refused = 0;
	if (!node->xattrs)
		return 0;
	path = path_of(dir, name, &place);
	while (ch_xattr_next(&from, &xattr) == 1) {
		/* A repository may have been made by anybody. */
		if (!is_kept(xattr.name) ||
		    lsetxattr(path, xattr.name, xattr.value, xattr.len, 0) == 0)
			continue;
		if (!is_refusal(errno))
			return ch_err_sys(err, "set '%s'", xattr.name);
		++*ret_refused;
	}
	return 0;
}

void ch_xattrs_remove(int dir, const char *name)
{
	struct place place;
	const char *path = path_of(dir, name, &place);
	char list[65536];
	ssize_t len = llistxattr(path, list, sizeof(list));

	for (const char *p = list; p < list + len; p += strlen(p) + 1)
		if (is_kept(p))
			(void)lremovexattr(path, p);
}
