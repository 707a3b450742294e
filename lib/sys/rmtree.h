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

#endif
