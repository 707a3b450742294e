/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/attrs.h"

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
#include "sys/xattrs.h"

/* ---- read ---- */

static int add(void *to, const char *name, const void *value, size_t len)
{
	ch_xattr_add(to, name, value, (uint32_t)len);
	return 0;
}

int ch_attrs_get(int dir, const char *name, struct ch_arena *arena, struct ch_node *node,
		 struct ch_err *err)
{
	ch_auto(buf) struct ch_buf all = CH_BUF_INIT(CH_XATTRS_MAX);
	int rc = ch_xattrs_each(dir, name, ch_xattr_is_of_image, add, &all);

	if (rc < 0 || ch_buf_bad(&all))
		return ch_err_set(err, -E2BIG, "too many extended attributes");
	if (all.len == 0)
		return 0;
	node->xattrs = ch_arena_copy(arena, all.data, all.len);
	node->xattrs_len = (uint32_t)all.len;
	return node->xattrs ? 0 : ch_err_nomem(err);
}

/* ---- set ---- */

/* Capabilities need privileges; some file systems have none at all. */
static bool is_refusal(int code)
{
	return code == EPERM || code == ENOTSUP || code == EACCES || code == EINVAL;
}

int ch_attrs_set(int dir, const char *name, const struct ch_node *node, uint64_t *ret_refused,
		 struct ch_err *err)
{
	struct ch_pieces from = { .p = node->xattrs };
	struct ch_xattr xattr;
	char at[CH_FD_PATH_MAX], path[CH_FD_PATH_MAX + NAME_MAX + 2];

	*ret_refused = 0;
	if (!node->xattrs)
		return 0;
	from.end = node->xattrs + node->xattrs_len;
	snprintf(path, sizeof(path), "%s/%s", ch_fd_path(dir, at), name);
	while (ch_xattr_next(&from, &xattr) == 1) {
		/* A repository may have been made by anybody. */
		if (!ch_xattr_is_of_image(xattr.name) ||
		    lsetxattr(path, xattr.name, xattr.value, xattr.len, 0) == 0)
			continue;
		if (!is_refusal(errno))
			return ch_err_sys(err, "set '%s'", xattr.name);
		++*ret_refused;
	}
	return 0;
}
