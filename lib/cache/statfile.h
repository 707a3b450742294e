/* SPDX-License-Identifier: Apache-2.0 */
/* statfile.h - how an image's files looked when their contents were known
 *
 * A file that still looks so (inode, size, mode, times of modification and change) need not be
 * read again. One that had been changed just before it was looked at might have been changed
 * once more within the same tick of the clock: it is written down as not known. */
#ifndef CH_CACHE_STATFILE_H
#define CH_CACHE_STATFILE_H

#include "cache/cache.h"
#include "cache/node.h"

struct ch_err;

/* A cache's contents have a name, which changes whenever something is removed from it: with
 * another one, it may lack what a stat file knows. */
#define CH_GENERATION_BYTES 16

/* A stat file in the making. */
struct ch_statfile {
	const struct ch_cache_image *image;
	int fd;
	char temp[264]; /* its name so far: that of the stat file and "=new" */
	int64_t time;	/* when it was begun, by the file system's clock */
	uint32_t time_nsec;
};

/* Read the stat file of IMAGE. Without one, or if it is damaged, of another generation, or was
 * written before the machine was started, RET_TREE stays empty. */
void ch_statfile_read(const struct ch_cache_image *image,
		      const uint8_t generation[CH_GENERATION_BYTES], struct ch_gittree *ret_tree);

/* Parse one, but for its check sum, the last four bytes. GENERATION: with the machine's start.
 * -EBADMSG, -ESTALE: of another one,
 * -ENOMEM; RET_TREE is empty then. */
int ch_statfile_parse(const uint8_t *data, size_t len,
		      const uint8_t generation[CH_GENERATION_BYTES], struct ch_gittree *ret_tree);

/* Begin one, before files are looked at; for one process at a time. Release with ch_statfile_abort.
 */
int ch_statfile_begin(const struct ch_cache_image *image, struct ch_statfile *ret_statfile,
		      struct ch_err *err);

/* What has been changed since ch_statfile_begin was by us alone, and is over: only what changes
 * from now on counts. */
int ch_statfile_wait(struct ch_statfile *statfile, struct ch_err *err);

/* Let the image's stat file be TREE. */
int ch_statfile_end(struct ch_statfile *statfile, const uint8_t generation[CH_GENERATION_BYTES],
		    const struct ch_gittree *tree, struct ch_err *err);

void ch_statfile_abort(struct ch_statfile *statfile);

static inline void ch_auto_statfile(struct ch_statfile *statfile)
{
	ch_statfile_abort(statfile);
}

#endif
