/* SPDX-License-Identifier: Apache-2.0 */
/* force_distro.h - how fakeroot(1) comes into the images of each distribution */
#ifndef CH_BUILD_FORCE_DISTRO_H
#define CH_BUILD_FORCE_DISTRO_H

#include <stddef.h>

struct ch_force_step {
	const char *check;   /* shell command: succeeds if there is nothing to do */
	const char *install; /* shell command */
};

#define CH_FORCE_WORDS 4
#define CH_FORCE_STEPS 2

struct ch_force_distro {
	const char *name;
	const char *file, *pattern;	   /* this one of the image has a line like that */
	const char *words[CH_FORCE_WORDS]; /* commands that need it; up to a NULL */
	struct ch_force_step steps[CH_FORCE_STEPS];
};

/* The distribution of the image directory IMAGE. Its files are not followed outside. Returns
 * NULL if it is of none that is known. */
const struct ch_force_distro *ch_force_distro_find(const char *image);

#endif
