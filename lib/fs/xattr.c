/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/xattr.h"

#include <errno.h>
#include <linux/limits.h>
#include <stdint.h>
#include <string.h>

#include "base/le.h"
#include "fs/squash.h"
#include "fs/inode.h"
#include "fs/meta.h"

#define ID_SIZE	    16
#define PREFIX_MASK 0xffU
#define ELSEWHERE   0x100U /* the value is a reference to the value */

static const char *const prefixes[] = { "user.", "trusted.", "security." };

#define TRUSTED 1
#define UNKNOWN "" /* prefix that we have not heard of: no name at all */

/* One inode's attributes, being read. */
struct iter {
	const struct ch_squash *image;
	struct ch_meta_pos pos;
	uint32_t left;
	size_t total; /* length of all names so far */
	unsigned type;
	char name[XATTR_NAME_MAX + 1]; /* with prefix */
};

static struct ch_meta_pos place(const struct ch_squash *image, uint64_t ref)
{
	return (struct ch_meta_pos){
		.block = image->xattr_base + (ref >> 16),
		.off = (uint32_t)(ref & 0xffff),
	};
}

static int start(const struct ch_squash *image, const struct ch_inode *inode, struct iter *it)
{
	uint8_t id[ID_SIZE];

	*it = (struct iter){ .image = image };
	if (inode->xattr == CH_SQUASH_NONE || image->xattrs == 0)
		return 0;
	if (ch_squash_table(image, image->xattr_table + 16, image->xattrs, inode->xattr, ID_SIZE,
			    id) < 0)
		return -EIO;
	it->pos = place(image, ch_le64(id));
	it->left = ch_le32(id + 8);
	return 0;
}

static const char *prefix_of(const struct iter *it)
{
	unsigned n = it->type & PREFIX_MASK;

	return n < sizeof(prefixes) / sizeof(prefixes[0]) ? prefixes[n] : UNKNOWN;
}

/* Read type and name; the value follows. Names with an unknown prefix are empty. No inode
 * has more names than can be listed. Returns 1, 0 at the end, -EIO. */
static int next(struct iter *it)
{
	uint8_t head[4];

	if (it->left == 0)
		return 0;
	it->left--;
	if (ch_meta_read(it->image, &it->pos, head, sizeof(head)) < 0)
		return -EIO;
	it->type = ch_le16(head);

	const char *prefix = prefix_of(it);
	size_t before = strlen(prefix);
	size_t len = ch_le16(head + 2);

	it->total += before + len + 1;
	if (len == 0 || len + before > XATTR_NAME_MAX || it->total > XATTR_LIST_MAX)
		return -EIO;
	memcpy(it->name, prefix, before);
	if (ch_meta_read(it->image, &it->pos, it->name + before, len) < 0)
		return -EIO;
	it->name[before ? before + len : 0] = '\0';
	return 1;
}

static int read_length(struct iter *it, struct ch_meta_pos *pos, uint32_t *ret_len)
{
	uint8_t b[4];

	if (ch_meta_read(it->image, pos, b, sizeof(b)) < 0)
		return -EIO;
	*ret_len = ch_le32(b);
	return *ret_len > XATTR_SIZE_MAX ? -EIO : 0;
}

static int skip_value(struct iter *it)
{
	uint32_t len;

	if (read_length(it, &it->pos, &len) < 0)
		return -EIO;
	return ch_meta_read(it->image, &it->pos, NULL, len);
}

static long value(struct iter *it, void *buf, size_t size)
{
	struct ch_meta_pos pos = it->pos;
	uint8_t ref[8];
	uint32_t len;

	if (read_length(it, &pos, &len) < 0)
		return -EIO;
	if (it->type & ELSEWHERE) {
		if (len != sizeof(ref) || ch_meta_read(it->image, &pos, ref, sizeof(ref)) < 0)
			return -EIO;
		pos = place(it->image, ch_le64(ref));
		if (read_length(it, &pos, &len) < 0)
			return -EIO;
	}
	if (size == 0)
		return (long)len;
	if (len > size)
		return -ERANGE;
	return ch_meta_read(it->image, &pos, buf, len) < 0 ? -EIO : (long)len;
}

long ch_xattr_get(const struct ch_squash *image, const struct ch_inode *inode, const char *name,
		  void *buf, size_t size)
{
	struct iter it;
	int rc = start(image, inode, &it);

	while (rc == 0 && (rc = next(&it)) > 0) {
		if (strcmp(it.name, name) == 0)
			return value(&it, buf, size);
		rc = skip_value(&it);
	}
	return rc < 0 ? rc : -ENODATA;
}

long ch_xattr_list(const struct ch_squash *image, const struct ch_inode *inode, char *buf,
		   size_t size)
{
	struct iter it;
	size_t total = 0;
	int rc = start(image, inode, &it);

	while (rc == 0 && (rc = next(&it)) > 0) {
		size_t len = strlen(it.name) + 1;

		rc = skip_value(&it);
		if ((it.type & PREFIX_MASK) == TRUSTED || !it.name[0])
			continue;
		if (size && total + len > size)
			return -ERANGE;
		if (size)
			memcpy(buf + total, it.name, len);
		total += len;
	}
	return rc < 0 ? rc : (long)total;
}
