/* SPDX-License-Identifier: Apache-2.0 */
/* tree.h - trees of files: which entries they have, and copying them
 *
 * A tree is scanned first, into a list, and copied from that list, by several threads. Both
 * sides are directories below a root, with plain paths (within.h): no link of either leads the
 * copier anywhere else. */
#ifndef CH_SYS_TREE_H
#define CH_SYS_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "sys/within.h"

struct ch_err;

/* ---- lists ---------------------------------------------------------------------------- */

#define CH_TREE_NONE ((size_t)-1)

/* One file, directory, link or FIFO of a tree */
struct ch_tree_entry {
	char *path;	/* owned; in the copy, below its top */
	char *source;	/* owned; plain, below the root */
	char *target;	/* owned; of a link; else NULL */
	struct stat st; /* of the source, when it was scanned */
	size_t same_as; /* index of an earlier entry that is the same file, by a hard link;
			 * else CH_TREE_NONE */
};

struct ch_tree {
	int root;		       /* borrowed */
	struct ch_tree_entry *entries; /* owned; directories before what is in them */
	size_t n, cap;
};

enum ch_tree_verdict {
	CH_TREE_TAKE,
	CH_TREE_LOOK,  /* leave it; but look into a directory, which is taken, too, if something
			* in it is */
	CH_TREE_LEAVE, /* with all that is below */
};

/* What becomes of a symbolic link */
enum ch_tree_link {
	CH_TREE_LINK_KEEP,
	CH_TREE_LINK_LEAVE,
	CH_TREE_LINK_FOLLOW, /* within the root: what leads out of that is an error */
};

struct ch_tree_scan {
	int root;
	enum ch_within within;	 /* of links that are followed */
	const char *path;	 /* plain, below the root: the tree's top */
	const char *name;	 /* NULL: the tree is what the directory PATH contains. Else it is
				  * PATH, whatever that is, which the copy has as NAME; "" is the
				  * directory that is copied to */
	enum ch_tree_link links; /* those whose text does not lead out of the tree */
	enum ch_tree_link unsafe_links; /* those whose text does */
	bool is_flat;			/* do not look into directories */
	/* NULL: everything is taken. PATH is that in the copy, SOURCE that below the root. */
	enum ch_tree_verdict (*filter)(void *data, const char *path, const char *source,
				       mode_t mode);
	/* Told of what cannot be taken: sockets, devices, links that are followed and lead
	 * nowhere; and of links that are left. May be NULL. */
	void (*left)(void *data, const char *source, mode_t mode);
	void *data;
};

/* List a tree: the same files in the same order, wherever they are. */
int ch_tree_scan(const struct ch_tree_scan *scan, struct ch_tree *ret_tree, struct ch_err *err);

void ch_tree_done(struct ch_tree *tree);

static inline void ch_auto_tree(struct ch_tree *tree)
{
	ch_tree_done(tree);
}

/* ---- copies --------------------------------------------------------------------------- */

/* What copies keep of their sources, beside contents */
enum {
	CH_TREE_MODES = 1 << 0, /* all bits. Else permissions, as the umask leaves them */
	CH_TREE_TIMES = 1 << 1,
	CH_TREE_XATTRS = 1 << 2, /* user.*; ACLs and capabilities as far as permitted */
	CH_TREE_OWNERS = 1 << 3, /* as far as permitted */
	CH_TREE_HARDLINKS = 1 << 4,
	CH_TREE_ALL = (1 << 5) - 1,
};

struct ch_tree_copy {
	unsigned keep; /* CH_TREE_* */
	/* The mode of the copy of what has MODE, which includes its type; NULL: that. Needs
	 * CH_TREE_MODES; ACLs are not kept then. */
	mode_t (*mode)(const void *data, mode_t mode);
	const void *data;
	bool is_exact; /* a file that changed since it was scanned is an error */
};

/* Copy TREE into the directory DIR. What is there already is replaced, whatever it is; but
 * directories by directories only in their metadata. A failure leaves what was copied till
 * then, possibly with directories that only the user may enter. */
int ch_tree_copy(const struct ch_tree *tree, int dir, const struct ch_tree_copy *how,
		 struct ch_err *err);

/* Copy all that the directory FROM contains into the directory TO, and its own metadata. KEEP:
 * CH_TREE_*. LEFT and DATA: as of ch_tree_scan. */
int ch_tree_copy_all(int from, int to, unsigned keep,
		     void (*left)(void *data, const char *source, mode_t mode), void *data,
		     struct ch_err *err);

/* ---- extended attributes --------------------------------------------------------------- */

/* Remove those that are a part of images (xattrs.h) from the directory ROOT and all that is in it;
 * what modes keep us from, by ch_as_owner (its context is this one's, too). */
int ch_tree_strip(int root, struct ch_err *err);

#endif
