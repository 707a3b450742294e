/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/auto.h"
#include "base/err.h"
#include "sys/owner.h"
#include "sys/tree.h"
#include "sys/xattrs.h"

static int strip_all(void *data, struct ch_err *err)
{
	const int *root = data;
	const struct ch_tree_scan scan = { .root = *root, .path = "", .name = "" };
	ch_auto(tree) struct ch_tree tree = { 0 };

	if (ch_tree_scan(&scan, &tree, err) < 0)
		return err->code;
	for (size_t i = 0; i < tree.n; i++) {
		const char *name;
		ch_auto(fd) int dir = ch_within_open_parent(*root, tree.entries[i].source, &name);
		int rc = dir < 0 ? dir : ch_xattrs_remove(dir, *name ? name : ".");

		if (rc < 0)
			return ch_err_rc(err, rc, "remove extended attributes of '/%s'",
					 tree.entries[i].source);
	}
	return 0;
}

int ch_tree_strip(int root, struct ch_err *err)
{
	int rc = strip_all(&root, err);

	/* Capabilities are removed by who may set them; as root, commands have made directories
	 * that nobody may look into. */
	return rc == -EPERM || rc == -EACCES ? ch_as_owner(strip_all, &root, err) : rc;
}
