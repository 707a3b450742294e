/* SPDX-License-Identifier: Apache-2.0 */
/* meta.h - metadata blocks: inodes, directories, small tables
 *
 * Metadata is a stream cut into blocks of 8 KiB, each compressed by itself. A place in it
 * is the position of a block in the image and an offset in the unpacked block. Unpacked
 * blocks are kept in a cache which all threads share. */
#ifndef CH_FS_META_H
#define CH_FS_META_H

#include <stddef.h>
#include <stdint.h>

struct ch_squash;
struct ch_meta;

#define CH_META_SIZE 8192

struct ch_meta_pos {
	uint64_t block;
	uint32_t off;
};

struct ch_meta *ch_meta_new(void); /* NULL: no memory */
void ch_meta_free(struct ch_meta *meta);

/* From now on, the calling thread may look at metadata only so much: at BLOCKS blocks, or
 * as much time as that takes. Beyond, ch_meta_read() is -EIO: so a request for an image made
 * to waste time ends. Without a call there is no limit. */
void ch_meta_allow(unsigned blocks);

/* Copy LEN bytes from POS on to BUF (NULL: skip them), and move POS behind them.
 * Returns 0 or -EIO. */
int ch_meta_read(const struct ch_squash *image, struct ch_meta_pos *pos, void *buf, size_t len);

#endif
