/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/entry_xattrs.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "archive/entry.h"
#include "base/analyser.h"
#include "base/le.h"
#include "sys/xattrs.h"

/* The two layouts of security.capability (linux/capability.h): the longer one has the root of a
 * namespace at its end, and is like the other one before. */
enum { CAPS_2 = 20, CAPS_3 = 24 };

/* Make the capabilities VALUE those of all namespaces. Returns their length then. */
static size_t generalize(uint8_t *value, size_t len)
{
	uint32_t magic = len == CAPS_3 ? ch_le32(value) : 0;

	if ((magic & VFS_CAP_REVISION_MASK) != VFS_CAP_REVISION_3)
		return len;
	value[3] = VFS_CAP_REVISION_2 >> VFS_CAP_REVISION_SHIFT;
	return CAPS_2;
}

CH_MOVES_BEGIN
static int add(void *data, const char *name, const void *value, size_t len)
{
	struct ch_entry_xattrs *x = data;

	if (x->n == x->cap) {
		size_t cap = x->cap ? 2 * x->cap : 4;
		void *list = reallocarray(x->list, cap, sizeof(*x->list));

		if (!list)
			return -ENOMEM;
		x->list = list;
		x->cap = cap;
	}

	/* A name and its value are one piece. */
	size_t name_size = strlen(name) + 1;
	char *both = malloc(name_size + len);

	if (!both)
		return -ENOMEM;
	memcpy(both, name, name_size);
	memcpy(both + name_size, value, len);
	if (strcmp(name, "security.capability") == 0)
		len = generalize((uint8_t *)both + name_size, len);
	x->list[x->n++] = (struct ch_entry_xattr){ both, both + name_size, len };
	return 0; // cppcheck-suppress memleak; it is in the list
}
CH_MOVES_END

int ch_entry_xattrs_read(int fd, struct ch_entry_xattrs *ret_xattrs)
{
	return ch_xattrs_each_open(fd, ch_xattr_is_of_file, add, ret_xattrs);
}

void ch_entry_xattrs_done(struct ch_entry_xattrs *xattrs)
{
	for (size_t i = 0; i < xattrs->n; i++)
		free((void *)(uintptr_t)xattrs->list[i].name);
	free(xattrs->list);
	*xattrs = (struct ch_entry_xattrs){ 0 };
}
