/* SPDX-License-Identifier: Apache-2.0 */
#include "convert/squash_inode.h"

#include <stdlib.h>
#include <string.h>

#include <sqfs/dir.h>

#include "convert/squash_tree.h"

enum { NO_XATTR = -1, INDEXES_MAX = UINT16_MAX };

/* What all have. The owner is the only one of the table. */
static void set_base(sqfs_inode_generic_t *inode, const struct ch_squash_inode *from)
{
	inode->base.mode = (sqfs_u16)from->mode;
	inode->base.mod_time = from->mtime;
	inode->base.inode_number = from->number;
}

static sqfs_inode_generic_t *allocate(const void *extra, size_t len)
{
	sqfs_inode_generic_t *inode = calloc(1, sizeof(*inode) + len);

	if (!inode)
		return NULL;
	inode->payload_bytes_available = inode->payload_bytes_used = (sqfs_u32)len;
	if (len > 0)
		memcpy(inode->extra, extra, len);
	return inode;
}

static uint64_t holes(const struct ch_squash_file *file, uint32_t block_size)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < file->n_blocks; i++) {
		uint64_t left = file->size - (uint64_t)i * block_size;

		if (file->blocks[i] == 0)
			sum += left < block_size ? left : block_size;
	}
	/* Linux takes a file to be one byte at least. */
	return sum > 0 && sum == file->size ? sum - 1 : sum;
}

static sqfs_inode_generic_t *make_file(const struct ch_squash_inode *from, uint32_t block_size,
				       uint32_t xattr)
{
	const struct ch_squash_file *file = from->file;
	sqfs_inode_generic_t *inode = allocate(NULL, 0);
	uint64_t sparse = holes(file, block_size);

	if (!inode)
		return NULL;
	if (from->nlink == 1 && sparse == 0 && xattr == (uint32_t)NO_XATTR &&
	    file->start <= UINT32_MAX && file->size <= UINT32_MAX) {
		inode->base.type = SQFS_INODE_FILE;
		inode->data.file = (sqfs_inode_file_t){
			.blocks_start = (sqfs_u32)file->start,
			.fragment_index = file->fragment,
			.fragment_offset = file->offset,
			.file_size = (sqfs_u32)file->size,
		};
	} else {
		inode->base.type = SQFS_INODE_EXT_FILE;
		inode->data.file_ext = (sqfs_inode_file_ext_t){
			.blocks_start = file->start,
			.file_size = file->size,
			.sparse = sparse,
			.nlink = from->nlink,
			.fragment_idx = file->fragment,
			.fragment_offset = file->offset,
			.xattr_idx = xattr,
		};
	}
	return inode;
}

static sqfs_inode_generic_t *make_link(const struct ch_squash_inode *from)
{
	size_t len = strlen(from->target);
	sqfs_inode_generic_t *inode = allocate(from->target, len);

	if (!inode)
		return NULL;
	inode->base.type = SQFS_INODE_SLINK;
	inode->data.slink.nlink = from->nlink;
	inode->data.slink.target_size = (sqfs_u32)len;
	return inode;
}

static sqfs_inode_generic_t *make_ipc(const struct ch_squash_inode *from)
{
	sqfs_inode_generic_t *inode = allocate(NULL, 0);

	if (!inode)
		return NULL;
	inode->base.type = S_ISFIFO(from->mode) ? SQFS_INODE_FIFO : SQFS_INODE_SOCKET;
	inode->data.ipc.nlink = from->nlink;
	return inode;
}

sqfs_inode_generic_t *ch_squash_inode_make(const struct ch_squash_inode *from, uint32_t block_size,
					   uint32_t xattr)
{
	sqfs_inode_generic_t *inode;

	if (S_ISREG(from->mode))
		inode = make_file(from, block_size, xattr);
	else if (S_ISLNK(from->mode))
		inode = make_link(from);
	else
		inode = make_ipc(from);
	if (!inode)
		return NULL;
	set_base(inode, from);
	if (xattr != (uint32_t)NO_XATTR)
		sqfs_inode_set_xattr_index(inode, xattr);
	return inode;
}

/* A huge directory can have more index entries than their number can say. They only make
 * looking for a name quicker. */
static void limit_index(sqfs_inode_generic_t *inode)
{
	const char *data = (const char *)inode->extra;
	size_t at = 0, n = 0;

	while (n < INDEXES_MAX && at < inode->payload_bytes_used) {
		sqfs_dir_index_t index;

		memcpy(&index, data + at, sizeof(index));
		at += sizeof(index) + index.size + 1;
		n++;
	}
	inode->data.dir_ext.inodex_count = (sqfs_u16)n;
	inode->payload_bytes_used = (sqfs_u32)at;
}

sqfs_inode_generic_t *ch_squash_inode_of_dir(const struct ch_squash_inode *from,
					     const sqfs_dir_writer_t *writer, uint32_t xattr)
{
	const struct ch_squash_inode *parent = from->dir->parent ? from->dir->parent : from;
	sqfs_inode_generic_t *inode = sqfs_dir_writer_create_inode(writer, 0, xattr,
								   parent->number);

	if (!inode)
		return NULL;
	set_base(inode, from);
	if (inode->base.type == SQFS_INODE_DIR) {
		inode->data.dir.nlink = from->nlink;
	} else {
		inode->data.dir_ext.nlink = from->nlink;
		limit_index(inode);
	}
	return inode;
}
