/* SPDX-License-Identifier: Apache-2.0 */
/* entry.h - trees of files as a stream of entries, and where such a stream goes
 *
 * What reads a tree (a directory, a tar archive, the layers of an image, a SquashFS image)
 * gives its entries to a sink, one after the other; what writes one is a sink. Neither knows
 * the other. */
#ifndef CH_ARCHIVE_ENTRY_H
#define CH_ARCHIVE_ENTRY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

struct ch_err;

struct ch_entry_xattr {
	const char *name;
	const void *value;
	size_t len;
};

/* Everything is borrowed, for the call it is passed to. */
struct ch_entry {
	const char *path;   /* any bytes; no "/" at begin or end, no parts "", "." and ".."; "": the
			       root */
	const char *link;   /* not NULL: a hard link, another name of the file with that path, which
			       was there before; nothing else counts then */
	const char *target; /* of a symbolic link */
	mode_t mode;	    /* type and permissions; owners are not kept */
	struct timespec mtime;
	uint64_t size; /* of a regular file */
	const struct ch_entry_xattr *xattrs;
	size_t n_xattrs;
};

/* All return 0 or a negative errno; after an error, nothing else may be called.
 *
 * Directories need not come, nor come first: one that is missing is made with mode 0755 and
 * the time 0, and an entry for it may follow. A path that comes again replaces what it was; a
 * directory again only gets other attributes. */
struct ch_sink {
	int (*add)(struct ch_sink *sink, const struct ch_entry *entry, struct ch_err *err);

	/* Contents of the regular file that was added last, in ascending order; what is left out
	 * is a hole. */
	int (*data)(struct ch_sink *sink, uint64_t off, const void *data, size_t len,
		    struct ch_err *err);

	/* There are no more entries. */
	int (*end)(struct ch_sink *sink, struct ch_err *err);
};

#endif
