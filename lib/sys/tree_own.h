/* SPDX-License-Identifier: Apache-2.0 */
/* tree_own.h - what the files of tree.h share */
#ifndef CH_SYS_TREE_OWN_H
#define CH_SYS_TREE_OWN_H

#include <stdatomic.h>
#include <sys/stat.h>

struct ch_err;

/* How file data get from one place to another, as far as one copy of a tree has learned */
struct ch_tree_ways {
	atomic_bool no_clone; /* the file systems cannot share blocks */
	atomic_bool no_range; /* copy_file_range(2) does not work between them */
};

/* Copy the contents of FROM, a regular file with ST, to the empty file TO: by sharing blocks if
 * possible, with holes where FROM has some. Returns 0 or a negative errno; -EAGAIN: FROM became
 * shorter meanwhile. */
int ch_tree_data(int from, int to, const struct stat *st, struct ch_tree_ways *ways);

/* Give the file or directory TO what FROM has (-1: it has no such things) of owner, mode,
 * extended attributes and times.
 *
 * keep:  CH_TREE_*
 * mode:  for the mode: that of ST, or another one
 * Returns 0 or a negative errno. */
int ch_tree_meta(int from, int to, const struct stat *st, mode_t mode, unsigned keep);

/* The same for NAME of the directory DIR, which is a link, or a FIFO with MODE. */
int ch_tree_meta_at(int dir, const char *name, const struct stat *st, mode_t mode, unsigned keep);

#endif
