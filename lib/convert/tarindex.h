/* SPDX-License-Identifier: Apache-2.0 */
/* tarindex.h - where in a tar archive its members are
 *
 * Headers are read, contents passed over: so the archive must be a file, and not be compressed.
 * Understood are ustar, GNU and pax archives, as far as names, types and sizes go. */
#ifndef CH_CONVERT_TARINDEX_H
#define CH_CONVERT_TARINDEX_H

#include <stddef.h>
#include <stdint.h>

struct ch_err;

struct ch_tarindex_member {
	char *name;	    /* owned; without "./" and "/" in front */
	char *target;	    /* owned; of a link, hard or symbolic; else NULL */
	char type;	    /* as in the header: '1' and '2' are links, '5' a directory */
	uint64_t off, size; /* of the contents, within the file */
};

struct ch_tarindex {
	struct ch_tarindex_member *list; /* owned; sorted by name, each once: the last one */
	size_t n, cap;
};

/* Look through the archive that is open as FD, from offset 0 on.
 * Errors: -EINVAL no such archive, damaged, or of more than MAX members; -EIO; -ENOMEM. */
int ch_tarindex_read(int fd, size_t max, struct ch_tarindex *ret_index, struct ch_err *err);

/* The member NAME; NULL: there is none. */
const struct ch_tarindex_member *ch_tarindex_find(const struct ch_tarindex *index,
						  const char *name);

void ch_tarindex_done(struct ch_tarindex *index);

static inline void ch_auto_tarindex(struct ch_tarindex *index)
{
	ch_tarindex_done(index);
}

#endif
