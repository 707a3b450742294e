/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/inode.h"

#include <errno.h>
#include <limits.h>
#include <sys/stat.h>

#include "base/le.h"
#include "fs/squash.h"

/* Types in the image; the extended ones are 7 more. */
enum { DIR = 1, REG, LINK, BLK, CHR, FIFO, SOCK, EXTENDED = 7 };

#define HEAD_SIZE 16 /* common to all inodes */
#define BODY_MAX  40

mode_t ch_inode_type(unsigned type)
{
	static const mode_t modes[] = {
		[DIR] = S_IFDIR, [REG] = S_IFREG,  [LINK] = S_IFLNK,  [BLK] = S_IFBLK,
		[CHR] = S_IFCHR, [FIFO] = S_IFIFO, [SOCK] = S_IFSOCK,
	};

	if (type < DIR || type > SOCK + EXTENDED)
		return 0;
	return modes[type > EXTENDED ? type - EXTENDED : type];
}

static void basic_dir(struct ch_inode *inode, const uint8_t *b)
{
	inode->start = ch_le32(b);
	inode->nlink = ch_le32(b + 4);
	inode->size = ch_le16(b + 8);
	inode->off = ch_le16(b + 10);
	inode->parent = ch_le32(b + 12);
}

static void extended_dir(struct ch_inode *inode, const uint8_t *b)
{
	inode->nlink = ch_le32(b);
	inode->size = ch_le32(b + 4);
	inode->start = ch_le32(b + 8);
	inode->parent = ch_le32(b + 12);
	inode->indexes = ch_le16(b + 16);
	inode->off = ch_le16(b + 18);
	inode->xattr = ch_le32(b + 20);
}

static void basic_reg(struct ch_inode *inode, const uint8_t *b)
{
	inode->nlink = 1;
	inode->start = ch_le32(b);
	inode->fragment = ch_le32(b + 4);
	inode->off = ch_le32(b + 8);
	inode->size = ch_le32(b + 12);
}

static void extended_reg(struct ch_inode *inode, const uint8_t *b)
{
	inode->start = ch_le64(b);
	inode->size = ch_le64(b + 8);
	inode->sparse = ch_le64(b + 16);
	inode->nlink = ch_le32(b + 24);
	inode->fragment = ch_le32(b + 28);
	inode->off = ch_le32(b + 32);
	inode->xattr = ch_le32(b + 36);
}

static void symlink_body(struct ch_inode *inode, const uint8_t *b)
{
	inode->nlink = ch_le32(b);
	inode->size = ch_le32(b + 4);
}

/* Minor numbers are split around the major one, as in the kernel's 32-bit encoding. */
static void basic_dev(struct ch_inode *inode, const uint8_t *b)
{
	uint32_t rdev = ch_le32(b + 4);

	inode->nlink = ch_le32(b);
	inode->major = (rdev >> 8) & 0xfff;
	inode->minor = (rdev & 0xff) | ((rdev >> 12) & 0xfff00);
}

static void extended_dev(struct ch_inode *inode, const uint8_t *b)
{
	basic_dev(inode, b);
	inode->xattr = ch_le32(b + 8);
}

static void basic_ipc(struct ch_inode *inode, const uint8_t *b)
{
	inode->nlink = ch_le32(b);
}

static void extended_ipc(struct ch_inode *inode, const uint8_t *b)
{
	inode->nlink = ch_le32(b);
	inode->xattr = ch_le32(b + 4);
}

static const struct {
	size_t size;
	void (*decode)(struct ch_inode *inode, const uint8_t *body);
} bodies[] = {
	[DIR] = { 16, basic_dir },
	[REG] = { 16, basic_reg },
	[LINK] = { 8, symlink_body },
	[BLK] = { 8, basic_dev },
	[CHR] = { 8, basic_dev },
	[FIFO] = { 4, basic_ipc },
	[SOCK] = { 4, basic_ipc },
	[DIR + EXTENDED] = { 24, extended_dir },
	[REG + EXTENDED] = { BODY_MAX, extended_reg },
	[LINK + EXTENDED] = { 8, symlink_body },
	[BLK + EXTENDED] = { 12, extended_dev },
	[CHR + EXTENDED] = { 12, extended_dev },
	[FIFO + EXTENDED] = { 8, extended_ipc },
	[SOCK + EXTENDED] = { 8, extended_ipc },
};

/* The attributes of a link are behind its target. */
static int link_xattr(const struct ch_squash *image, struct ch_inode *inode)
{
	struct ch_meta_pos pos = inode->next;
	uint8_t b[4];

	if (ch_meta_read(image, &pos, NULL, (size_t)inode->size) < 0 ||
	    ch_meta_read(image, &pos, b, sizeof(b)) < 0)
		return -EIO;
	inode->xattr = ch_le32(b);
	return 0;
}

static int check(const struct ch_squash *image, struct ch_inode *inode, unsigned type)
{
	if (S_ISLNK(inode->mode)) {
		if (inode->size == 0 || inode->size >= PATH_MAX)
			return -EIO;
		return type > EXTENDED ? link_xattr(image, inode) : 0;
	}
	if (inode->size > INT64_MAX)
		return -EIO;
	return 0;
}

int ch_inode_read(const struct ch_squash *image, uint64_t ref, struct ch_inode *ret_inode)
{
	struct ch_meta_pos pos = {
		.block = image->inode_table + (ref >> 16),
		.off = (uint32_t)(ref & 0xffff),
	};
	uint8_t head[HEAD_SIZE];
	uint8_t body[BODY_MAX];

	if (ref >> 48 || ch_meta_read(image, &pos, head, sizeof(head)) < 0)
		return -EIO;

	unsigned type = ch_le16(head);
	struct ch_inode inode = {
		.ref = ref,
		.mode = ch_inode_type(type) | (ch_le16(head + 2) & 07777),
		.mtime = ch_le32(head + 8),
		.number = ch_le32(head + 12),
		.xattr = CH_SQUASH_NONE,
		.fragment = CH_SQUASH_NONE,
	};

	if (!ch_inode_type(type) || ch_meta_read(image, &pos, body, bodies[type].size) < 0)
		return -EIO;
	bodies[type].decode(&inode, body);
	inode.next = pos;
	if (check(image, &inode, type) < 0)
		return -EIO;
	*ret_inode = inode;
	return 0;
}

long ch_inode_target(const struct ch_squash *image, const struct ch_inode *inode, char *buf,
		     size_t size)
{
	struct ch_meta_pos pos = inode->next;

	if (!S_ISLNK(inode->mode))
		return -EINVAL;
	if (inode->size >= size || ch_meta_read(image, &pos, buf, (size_t)inode->size) < 0)
		return -EIO;
	buf[inode->size] = '\0';
	return (long)inode->size;
}
