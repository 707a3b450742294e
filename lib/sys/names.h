/* SPDX-License-Identifier: Apache-2.0 */
/* names.h - the names in a directory */
#ifndef CH_SYS_NAMES_H
#define CH_SYS_NAMES_H

#include <stdbool.h>
#include <stddef.h>

struct ch_names {
	char **list; /* owned; by their bytes; without "." and ".." */
	size_t n, cap;
};

/* Read the directory that is open as FD; its position is then the end. Returns 0 or a negative
 * errno. */
int ch_names_read(int fd, struct ch_names *ret_names);

/* The same for the directory DIR, whose position stays; O_PATH suffices. */
int ch_names_list(int dir, struct ch_names *ret_names);

/* Is there nothing in the directory DIR but what EXCEPT names (ends with NULL)? Not so if it cannot
 * be read. */
bool ch_names_has_only(int dir, const char *const *except);

/* Is the entry NAME of the directory DIR, not followed, what is open as FD? Who waits for a lock on
 * a file asks that when he has it: another one may have been put in its place. */
bool ch_names_is(int dir, const char *name, int fd);

void ch_names_done(struct ch_names *names);

static inline void ch_auto_names(struct ch_names *names)
{
	ch_names_done(names);
}

#endif
