/* SPDX-License-Identifier: Apache-2.0 */
/* temp.h - temporary files that outlive nobody for long
 *
 * Their writer holds a lock on them (flock(2)) until they are renamed: whoever finds one and
 * gets the lock, knows that its writer is gone. */
#ifndef CH_CACHE_TEMP_H
#define CH_CACHE_TEMP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct ch_err;

#define CH_TEMP_NAME 32

/* Make a file in DIR, and open it for reading and writing. NAME is filled in: PREFIX and a
 * number that nobody has. Returns the descriptor (the caller's), or a negative errno. */
int ch_temp_open(int dir, const char *prefix, mode_t mode, char name[CH_TEMP_NAME],
		 struct ch_err *err);

/* Is the writer of the file NAME in DIR gone? Then it is locked by us, so that nobody else
 * removes it: returns a descriptor (the caller's), else -1. */
int ch_temp_dead(int dir, const char *name);

/* Let NAME in TO_DIR be DATA of LEN bytes: written to a temporary file in DIR, brought to disk,
 * and renamed. */
int ch_temp_replace(int dir, const char *prefix, int to_dir, const char *name, const void *data,
		    size_t len, struct ch_err *err);

#endif
