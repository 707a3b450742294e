/* SPDX-License-Identifier: Apache-2.0 */
/* walk.h - a directory as a stream of entries
 *
 * The same files give the same stream, wherever they are: entries are sorted by the bytes of
 * their names, directories before what is in them, the first of them the root. Nothing is
 * followed out of the directory: every step is one name in a directory that is held.
 *
 * Files with several names are files by the first, and hard links to it by the others. Holes
 * are no data. Extended attributes are as entry_xattrs.h says. Devices and
 * sockets are left out. What the user owns, but may not read, is made readable for the moment.
 */
#ifndef CH_ARCHIVE_WALK_H
#define CH_ARCHIVE_WALK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct ch_err;
struct ch_sink;

struct ch_walk_how {
	bool no_xattrs;
	/* Is PATH, as of an entry, left out, with all that is below? NULL: nothing is. */
	bool (*is_left)(void *data, const char *path);
	void *data;
	const atomic_bool *cancel; /* borrowed; true: stop; NULL: nobody does */
};

struct ch_walked {
	uint64_t entries;
	uint64_t bytes;		   /* of files, without holes */
	uint64_t devices, sockets; /* left out */
};

/* Give all that is below the directory ROOT, which is open for reading, to SINK, but not its
 * end: who wants to may add more.
 *
 * Errors: those of the file system and of the sink; -ENAMETOOLONG more than 512 levels, or a
 * path of more than 4095 bytes; -ESTALE a file changed meanwhile; -ECANCELED. */
int ch_walk_entries(int root, const struct ch_walk_how *how, struct ch_sink *sink,
		    struct ch_walked *ret_walked, struct ch_err *err);

/* A hash of what the file system says about all of it, without a look into files: as long as
 * that is the same, so are the entries, for all but those who set out to deceive. Several threads
 * look: they call HOW's is_left, too.
 *
 * ret_state: CH_SHA256_BYTES
 * ret_walked: bytes are the sizes of files */
int ch_walk_state(int root, const struct ch_walk_how *how, uint8_t *ret_state,
		  struct ch_walked *ret_walked, struct ch_err *err);

#endif
