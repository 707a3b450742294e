/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/squash.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/le.h"
#include "fs/ahead.h"
#include "fs/inode.h"
#include "fs/meta.h"
#include "fs/unpack.h"

#define SUPER_SIZE    96
#define SUPER_MAGIC   0x73717368U
#define BLOCK_LOG_MIN 12
#define BLOCK_LOG_MAX 20
#define AHEAD_MIN     512 /* smaller reads are look-ups in tables, here and there */

static int read_all(int fd, uint64_t pos, void *buf, size_t len)
{
	uint8_t *to = buf;

	if (pos > INT64_MAX - len)
		return -EIO;
	while (len) {
		ssize_t n = pread(fd, to, len, (off_t)pos);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -EIO;
		to += n;
		pos += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

int ch_squash_pread(const struct ch_squash *image, uint64_t pos, void *buf, size_t len)
{
	if (pos > image->size || len > image->size - pos)
		return -EIO;
	if (len >= AHEAD_MIN)
		ch_ahead_note(image->ahead, image->offset + pos, len, image->offset + image->size);
	return read_all(image->fd, image->offset + pos, buf, len);
}

int ch_squash_table(const struct ch_squash *image, uint64_t start, uint32_t count, uint32_t index,
		    size_t each, void *buf)
{
	size_t per_block = CH_META_SIZE / each;
	uint8_t where[8];
	struct ch_meta_pos pos;

	if (index >= count || start > image->size)
		return -EIO;
	if (ch_squash_pread(image, start + index / per_block * sizeof(where), where,
			    sizeof(where)) < 0)
		return -EIO;
	pos = (struct ch_meta_pos){
		.block = ch_le64(where),
		.off = (uint32_t)(index % per_block * each),
	};
	return ch_meta_read(image, &pos, buf, each);
}

static int check_super(const uint8_t *sb, struct ch_err *err)
{
	unsigned log = ch_le16(sb + 22);
	unsigned major = ch_le16(sb + 28);
	unsigned minor = ch_le16(sb + 30);
	unsigned comp = ch_le16(sb + 20);
	const char *name = ch_unpack_name(comp);

	if (ch_le32(sb) != SUPER_MAGIC)
		return ch_err_set(err, -EPROTO, "not a SquashFS file system");
	if (major != 4 || minor != 0)
		return ch_err_set(err, -ENOTSUP,
				  "SquashFS version %u.%u, which this build cannot read", major,
				  minor);
	if (log < BLOCK_LOG_MIN || log > BLOCK_LOG_MAX || ch_le32(sb + 12) != 1U << log)
		return ch_err_set(err, -EPROTO, "damaged: block size %" PRIu32, ch_le32(sb + 12));
	if (!name)
		return ch_err_set(err, -ENOTSUP, "compressed with unknown method %u", comp);
	if (!ch_unpack_known(comp))
		return ch_err_set(err, -ENOTSUP, "compressed with %s, which this build cannot read",
				  name);
	return 0;
}

/* Is all of it there? Block devices have no size to compare. */
static int check_size(const struct ch_squash *image, uint64_t limit, struct ch_err *err)
{
	struct stat st;

	if (fstat(image->fd, &st) < 0)
		return ch_err_sys(err, "stat");
	if (image->size < SUPER_SIZE || image->size > INT64_MAX / 2 ||
	    image->offset > INT64_MAX / 2)
		return ch_err_set(err, -EPROTO, "damaged: size %" PRIu64, image->size);
	if (limit && image->size > limit)
		return ch_err_set(err, -EPROTO,
				  "truncated: its partition has %" PRIu64
				  " bytes, superblock says %" PRIu64,
				  limit, image->size);
	if (S_ISREG(st.st_mode) && image->offset + image->size > (uint64_t)st.st_size) {
		uint64_t have = (uint64_t)st.st_size - image->offset;

		return ch_err_set(err, -EPROTO,
				  "truncated: %" PRIu64 " bytes, superblock says %" PRIu64, have,
				  image->size);
	}
	return 0;
}

static int read_xattr_header(struct ch_squash *image, struct ch_err *err)
{
	uint8_t head[16];

	if (image->xattr_table == UINT64_MAX)
		return 0;
	if (ch_squash_pread(image, image->xattr_table, head, sizeof(head)) < 0)
		return ch_err_set(err, -EPROTO, "damaged: table of extended attributes");
	image->xattr_base = ch_le64(head);
	image->xattrs = ch_le32(head + 8);
	return 0;
}

int ch_squash_open(int fd, uint64_t offset, uint64_t limit, struct ch_squash *ret_image,
		   struct ch_err *err)
{
	uint8_t sb[SUPER_SIZE];
	struct ch_inode root;

	if (read_all(fd, offset, sb, sizeof(sb)) < 0)
		return ch_err_set(err, -EPROTO, "not a SquashFS file system");

	int rc = check_super(sb, err);

	if (rc < 0)
		return rc;

	ch_auto(squash) struct ch_squash image = {
		.fd = fd,
		.offset = offset,
		.size = ch_le64(sb + 40),
		.inodes = ch_le32(sb + 4),
		.block_size = ch_le32(sb + 12),
		.fragments = ch_le32(sb + 16),
		.compressor = ch_le16(sb + 20),
		.root = ch_le64(sb + 32),
		.xattr_table = ch_le64(sb + 56),
		.inode_table = ch_le64(sb + 64),
		.dir_table = ch_le64(sb + 72),
		.frag_table = ch_le64(sb + 80),
	};
	rc = check_size(&image, limit, err);
	if (rc == 0)
		rc = read_xattr_header(&image, err);
	if (rc < 0)
		return rc;
	image.meta = ch_meta_new();
	image.unpacker = ch_unpacker_new(image.compressor);
	image.ahead = ch_ahead_new(fd);
	if (!image.meta || !image.unpacker || !image.ahead)
		return ch_err_nomem(err);
	if (ch_inode_read(&image, image.root, &root) < 0)
		return ch_err_set(err, -EPROTO, "damaged: cannot read the root inode");
	if (!S_ISDIR(root.mode))
		return ch_err_set(err, -EPROTO, "damaged: the root inode is not a directory");
	*ret_image = ch_take(image);
	return 0;
}

void ch_squash_done(struct ch_squash *image)
{
	ch_ahead_free(image->ahead);
	ch_unpacker_free(image->unpacker);
	ch_meta_free(image->meta);
	*image = (struct ch_squash){ 0 };
}
