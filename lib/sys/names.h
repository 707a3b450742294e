/* SPDX-License-Identifier: Apache-2.0 */
/* names.h - the names in a directory, sorted */
#ifndef CH_SYS_NAMES_H
#define CH_SYS_NAMES_H

#include <stddef.h>

struct ch_names {
	char **list; /* owned; by their bytes; without "." and ".." */
	size_t n, cap;
};

/* Read the directory that is open as FD; its position is then the end. Returns 0 or a negative
 * errno. */
int ch_names_read(int fd, struct ch_names *ret_names);

void ch_names_done(struct ch_names *names);

static inline void ch_auto_names(struct ch_names *names)
{
	ch_names_done(names);
}

#endif
