/* SPDX-License-Identifier: Apache-2.0 */
/* squash_inode.h - inodes as the library writes them */
#ifndef CH_CONVERT_SQUASH_INODE_H
#define CH_CONVERT_SQUASH_INODE_H

#include <stdint.h>

#include <sqfs/dir_writer.h>
#include <sqfs/inode.h>

struct ch_squash_inode;

/* The inode of what is no directory, without the list of blocks, which belongs behind a file's.
 * BLOCK_SIZE and XATTR (an index, or ~0) are the image's. Free it with sqfs_free(); NULL: no
 * memory. */
sqfs_inode_generic_t *ch_squash_inode_make(const struct ch_squash_inode *from, uint32_t block_size,
					   uint32_t xattr);

/* The inode of the directory whose listing WRITER has ended last. The root is its own parent. */
sqfs_inode_generic_t *ch_squash_inode_of_dir(const struct ch_squash_inode *from,
					     const sqfs_dir_writer_t *writer, uint32_t xattr);

#endif
