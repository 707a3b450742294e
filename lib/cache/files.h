/* SPDX-License-Identifier: Apache-2.0 */
/* files.h - trees of files from and to trees of Git */
#ifndef CH_CACHE_FILES_H
#define CH_CACHE_FILES_H

#include "cache/node.h"

struct ch_err;
struct ch_odb;
struct ch_press;
struct ch_writer;

/* Write the trees of TREE, whose files' blobs are known. ret_oid: that of its root. */
int ch_files_write(struct ch_writer *writer, struct ch_press *press, const struct ch_gittree *tree,
		   struct ch_oid *ret_oid, struct ch_err *err);

/* Read the tree OID, which may have been made by anybody: names, depth and number are checked,
 * and hard links lead to files of the tree. ret_tree: empty; release it with ch_gittree_done.
 * Errors: -EBADMSG. */
int ch_files_read(struct ch_odb *odb, const struct ch_oid *oid, struct ch_gittree *ret_tree,
		  struct ch_err *err);

/* An entry of a tree as Git has it. */
struct ch_gittree_entry {
	unsigned mode;
	const char *name; /* ends in NUL */
	struct ch_oid oid;
};

#define CH_MODE_TREE 040000
#define CH_MODE_FILE 0100644
#define CH_MODE_EXEC 0100755
#define CH_MODE_LINK 0120000

/* Take the next entry off *DATA, of *LEN bytes. Returns 1, 0 at the end, or -EBADMSG. */
int ch_gittree_entry_next(const uint8_t **data, size_t *len, struct ch_gittree_entry *ret_entry);

struct ch_buf;
void ch_gittree_entry_add(struct ch_buf *to, const struct ch_gittree_entry *entry);

#endif
