/* SPDX-License-Identifier: Apache-2.0 */
/* dir.h - directory listings
 *
 * A listing is a row of runs: a header (12 bytes) and up to 256 entries that share it. A
 * place to go on from is therefore the position of a header in the listing, and the number
 * of entries to skip: stateless. To find it again, all metadata before it has to be gone
 * through, which for large directories would take a time that grows with the square of their
 * size. So some places where listings have ended are remembered (struct ch_dir_ends); they
 * are not needed for a right answer. */
#ifndef CH_FS_DIR_H
#define CH_FS_DIR_H

#include <stdint.h>
#include <stddef.h>

#include "fs/meta.h"

struct ch_dir_ends;
struct ch_squash;
struct ch_inode;

#define CH_DIR_NAME_MAX 255

/* Positions are opaque but for these; "." and ".." are the caller's to make up. */
#define CH_DIR_DOT    0
#define CH_DIR_DOTDOT 1
#define CH_DIR_FIRST  2 /* the first entry of the listing itself */

struct ch_dir {
	const struct ch_squash *image; /* borrowed */
	struct ch_meta_pos pos;
	uint64_t at;	 /* POS in the listing, bytes */
	uint64_t end;	 /* length of the listing */
	uint64_t header; /* where the current run begins */
	uint32_t done;	 /* entries of the run read so far */
	uint32_t count;	 /* entries in the run */
	uint32_t block;	 /* of the run's inodes */
	uint32_t number; /* the run's inode numbers count from here */
};

struct ch_dirent {
	uint64_t ref;  /* of the inode */
	uint64_t next; /* position behind this entry */
	uint32_t number;
	unsigned type; /* for ch_inode_type() */
	size_t len;
	char name[CH_DIR_NAME_MAX + 2];
};

struct ch_dir_ends *ch_dir_ends_new(void); /* NULL: no memory */
void ch_dir_ends_free(struct ch_dir_ends *ends);

/* Start reading at POSITION (CH_DIR_FIRST, or what a dirent said). ENDS may be NULL. Returns
 * 0, -ENOTDIR, -EINVAL (position), or -EIO. */
int ch_dir_open(const struct ch_squash *image, const struct ch_inode *inode, uint64_t position,
		struct ch_dir_ends *ends, struct ch_dir *ret_dir);

/* Remember where DIR, of INODE, is now. Thread-safe. */
void ch_dir_remember(struct ch_dir_ends *ends, const struct ch_inode *inode,
		     const struct ch_dir *dir);

/* Returns 1, 0 at the end, or -EIO. */
int ch_dir_next(struct ch_dir *dir, struct ch_dirent *ret_entry);

/* Returns 0, -ENOENT, -ENOTDIR, or -EIO. */
int ch_dir_lookup(const struct ch_squash *image, const struct ch_inode *inode, const char *name,
		  struct ch_dirent *ret_entry);

#endif
