/* SPDX-License-Identifier: Apache-2.0 */
/* twins.h - which paths are the same file, by hard links */
#ifndef CH_SYS_TWINS_H
#define CH_SYS_TWINS_H

#include <stddef.h>

struct ch_err;
struct stat;

struct ch_twins {
	struct ch_twin *slots; /* owned; by hash; their number is a power of two */
	size_t n, cap;
};

/* Is the file with ST, at PATH, one that there was before? ret_first: the path it had then, as
 * long as TWINS lasts; NULL: no, and PATH is noted (copied). */
int ch_twins_find(struct ch_twins *twins, const struct stat *st, const char *path,
		  const char **ret_first, struct ch_err *err);

void ch_twins_done(struct ch_twins *twins);

#endif
