/* SPDX-License-Identifier: Apache-2.0 */
/* rmtree.h - remove whole trees of files
 *
 * Whatever is in them: directories that nobody may enter, a million files, ten thousand
 * levels. Links are removed, not followed, and other mounts are not entered. */
#ifndef CH_SYS_RMTREE_H
#define CH_SYS_RMTREE_H

struct ch_err;

/* Remove NAME (no slash in it) of the directory DIR, and all that is below. What is not there
 * is no error. A failure leaves some of it, and of that, directories may have other places:
 * deep ones are moved up. */
int ch_rmtree(int dir, const char *name, struct ch_err *err);

/* The same, for what may take long: EACH (NULL: nobody) is called with DATA whenever a file or a
 * directory is gone. */
int ch_rmtree_each(int dir, const char *name, void (*each)(void *data), void *data,
		   struct ch_err *err);

/* The same; on a terminal it is seen how many are gone (base/progress.h). For ch-image and
 * ch-convert. */
int ch_rmtree_shown(int dir, const char *name, struct ch_err *err);

#endif
