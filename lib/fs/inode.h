/* SPDX-License-Identifier: Apache-2.0 */
/* inode.h - inodes, and where their data begins
 *
 * An inode is known by its reference: position of its metadata block in the inode table
 * (32 bits), offset in the unpacked block (16 bits). */
#ifndef CH_FS_INODE_H
#define CH_FS_INODE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "fs/meta.h"

struct ch_squash;

struct ch_inode {
	uint64_t ref;
	mode_t mode;
	uint32_t number;
	uint32_t mtime;
	uint32_t nlink;
	uint32_t xattr; /* index; CH_SQUASH_NONE: none */
	uint32_t major;
	uint32_t minor;
	uint64_t size;		 /* of a regular file, a directory's listing, a link's target */
	uint64_t sparse;	 /* so many bytes of a regular file are holes */
	uint64_t start;		 /* regular: first block; directory: block in the directory table */
	uint32_t fragment;	 /* regular: index; CH_SQUASH_NONE: none */
	uint32_t off;		 /* of the tail in the fragment; of a directory in its block */
	uint32_t parent;	 /* directory: inode number of .. */
	uint32_t indexes;	 /* directory: entries of its index */
	struct ch_meta_pos next; /* behind the inode: block list, link target, index */
};

/* Returns 0 or -EIO. */
int ch_inode_read(const struct ch_squash *image, uint64_t ref, struct ch_inode *ret_inode);

/* The target of a symbolic link, NUL-terminated. Returns its length, or -EIO, or -EINVAL
 * when it is none. */
long ch_inode_target(const struct ch_squash *image, const struct ch_inode *inode, char *buf,
		     size_t size);

/* File type bits for a type number in the image (basic or extended), or 0. */
mode_t ch_inode_type(unsigned type);

#endif
