/* SPDX-License-Identifier: Apache-2.0 */
/* run_points.h - mount points made in an image for one command, and taken away again
 *
 * All is done by descriptors below the image's root: links of the image lead nowhere else.
 * The time of a directory that nobody else changes is afterwards what it was. */
#ifndef CH_BUILD_RUN_POINTS_H
#define CH_BUILD_RUN_POINTS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

struct ch_err;

struct ch_run_points {
	struct ch_run_point {
		int dir;    /* in which it was made; owned */
		char *name; /* owned */
		bool is_dir;
		ino_t ino;
		struct timespec before, after; /* when DIR was changed last */
	} * list;
	size_t n;
};

/* Make PATH, which is absolute in the image ROOT, and what is missing above it. What is there
 * stays. In directories that we may not write to, nothing is made: the keeper may. */
int ch_run_points_make(struct ch_run_points *points, int root, const char *path, bool is_dir,
		       struct ch_err *err);

/* Take away what was made, unless it is in use now: a directory that is not empty, a file with
 * something in it. */
void ch_run_points_done(struct ch_run_points *points);

static inline void ch_auto_run_points(struct ch_run_points *points)
{
	ch_run_points_done(points);
}

#endif
