/* SPDX-License-Identifier: Apache-2.0 */
/* about.h - an image directory: what it says about itself, and what every image has */
#ifndef CH_STORE_ABOUT_H
#define CH_STORE_ABOUT_H

#include <stdint.h>
#include <sys/types.h>
#include <time.h>

struct ch_err;

struct ch_about {
	char *arch;	/* owned; "amd64"; NULL: it does not say */
	uint64_t size;	/* bytes on the disk */
	time_t changed; /* when it became what it is */
};

/* Look at the image whose root directory is open as ROOT. Its metadata is foreign: what is not
 * as it should be is as if it were not there. */
int ch_about_read(int root, struct ch_about *ret_about, struct ch_err *err);

/* The size needs a look at each file: apart. */
int ch_about_size(int root, struct ch_about *about, struct ch_err *err);

void ch_about_done(struct ch_about *about);

static inline void ch_auto_about(struct ch_about *about)
{
	ch_about_done(about);
}

/* A directory (MODE with S_IFDIR) or an empty file (S_IFREG) that containers mount something on */
struct ch_about_point {
	const char *path; /* plain, as of entries (archive/entry.h) */
	mode_t mode;
};

enum { CH_ABOUT_POINTS = 20 };

/* All of them, directories before what is in them; the last one, after them, has no path. */
extern const struct ch_about_point ch_about_points[CH_ABOUT_POINTS + 1];

/* Make them where they are missing. */
int ch_about_mount_points(int root, struct ch_err *err);

#endif
