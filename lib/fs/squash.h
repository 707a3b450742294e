/* SPDX-License-Identifier: Apache-2.0 */
/* squash.h - a SquashFS 4.0 image: superblock, tables, bounded reads
 *
 * Nothing in an image is trusted: every position is checked against the size of the file
 * system, every length against its buffer. What does not fit is -EIO. Positions are bytes
 * from the start of the file system. An open image is immutable, but for the cache of
 * metadata blocks, which has its locks: all functions here are thread-safe. */
#ifndef CH_FS_SQUASH_H
#define CH_FS_SQUASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ch_ahead;
struct ch_err;
struct ch_meta;
struct ch_unpacker;

#define CH_SQUASH_NONE 0xffffffffU /* no fragment, no extended attributes */

struct ch_squash {
	int fd;		 /* borrowed */
	uint64_t offset; /* of the file system in the file */
	uint64_t size;	 /* of the file system */
	uint32_t block_size;
	uint32_t inodes;
	uint32_t fragments;
	unsigned compressor;
	uint64_t root; /* reference of the root inode */
	uint64_t inode_table;
	uint64_t dir_table;
	uint64_t frag_table;
	uint64_t xattr_table; /* of xattr ids; ~0: none */
	uint64_t xattr_base;  /* xattr references count from here */
	uint32_t xattrs;
	struct ch_meta *meta;	      /* owned: cache of metadata blocks */
	struct ch_unpacker *unpacker; /* owned */
	struct ch_ahead *ahead;	      /* owned */
};

/* Open the file system at OFFSET of FD (which must stay open), and check it: superblock,
 * compressor, size, root inode. LIMIT: bytes that it may have; 0: up to the end of the file.
 * Messages do not name the image.
 * Errors: -EPROTO it is none, or damaged; -ENOTSUP compressor or version; -EIO; -ENOMEM. */
int ch_squash_open(int fd, uint64_t offset, uint64_t limit, struct ch_squash *ret_image,
		   struct ch_err *err);

void ch_squash_done(struct ch_squash *image);

static inline void ch_auto_squash(struct ch_squash *image)
{
	ch_squash_done(image);
}

/* Read exactly LEN bytes. Returns 0 or -EIO. */
int ch_squash_pread(const struct ch_squash *image, uint64_t pos, void *buf, size_t len);

/* Read entry INDEX of a table of COUNT entries with EACH bytes: a list at START of the
 * positions of metadata blocks that hold them. Returns 0 or -EIO. */
int ch_squash_table(const struct ch_squash *image, uint64_t start, uint32_t count, uint32_t index,
		    size_t each, void *buf);

#endif
