/* SPDX-License-Identifier: Apache-2.0 */
/* squash_tree.h - the tree of an image that is being written, in memory
 *
 * Names and inodes are apart, since several names can stand for one inode. What is replaced
 * stays where it is, out of reach; all memory is freed at once. */
#ifndef CH_CONVERT_SQUASH_TREE_H
#define CH_CONVERT_SQUASH_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

struct ch_entry;
struct ch_err;
struct ch_squash_inode;
struct sqfs_inode_generic_t;

#define CH_SQUASH_NO_FRAGMENT 0xffffffffU

struct ch_squash_file {
	uint64_t size;
	uint64_t start;	   /* of its blocks in the image */
	uint32_t *blocks;  /* their sizes as in an inode; 0: a hole */
	uint32_t n_blocks; /* none if it is in a fragment */
	uint32_t fragment; /* or CH_SQUASH_NO_FRAGMENT */
	uint32_t offset;   /* there */
};

struct ch_squash_name {
	struct ch_squash_name *next; /* in its directory */
	struct ch_squash_inode *dir; /* that it is in */
	struct ch_squash_inode *inode;
	uint64_t hash;
	char name[]; /* with NUL */
};

struct ch_squash_dir {
	struct ch_squash_inode *parent;	   /* NULL: it is the root */
	struct ch_squash_name *first;	   /* in the order they came, the last one first */
	struct sqfs_inode_generic_t *made; /* its inode, when its listing is written */
};

struct ch_squash_xattr {
	struct ch_squash_xattr *next; /* names ascend */
	void *value;
	size_t len;
	char name[];
};

struct ch_squash_inode {
	mode_t mode;
	uint32_t mtime;
	uint32_t number; /* 0: none yet */
	uint32_t nlink;	 /* counted at the end */
	uint64_t ref;	 /* where it is, when it is written */
	bool is_written;
	struct ch_squash_xattr *xattrs;
	union { /* by type */
		struct ch_squash_file *file;
		struct ch_squash_dir *dir;
		const char *target;
	};
};

struct ch_squash_tree {
	struct ch_squash_inode *root;
	struct ch_squash_name **table; /* owned: all names, by directory and name */
	size_t n, room;
	uint64_t seed;	 /* of its hashes */
	uint32_t newest; /* time of a file */
	bool xattrs;	 /* are kept */
	char *last;	 /* owned: path of a directory that was found last, and it */
	size_t last_len, last_room;
	struct ch_squash_inode *last_dir;
	struct ch_squash_chunk *chunks; /* owned: memory of all that is in the tree */
};

int ch_squash_tree_init(struct ch_squash_tree *tree, bool xattrs, struct ch_err *err);
void ch_squash_tree_done(struct ch_squash_tree *tree);

/* SIZE bytes of zeros that live as long as the tree, or NULL. */
void *ch_squash_tree_alloc(struct ch_squash_tree *tree, size_t size);

/* ENTRY as entry.h has it.
 *
 * ret_inode: owned by the tree; NULL for a hard link
 * Errors: -EINVAL, -ENOTDIR, -EISDIR, -ENOENT, -ENAMETOOLONG, -ENOMEM */
int ch_squash_tree_add(struct ch_squash_tree *tree, const struct ch_entry *entry,
		       struct ch_squash_inode **ret_inode, struct ch_err *err);

#endif
