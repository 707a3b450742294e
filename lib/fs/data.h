/* SPDX-License-Identifier: Apache-2.0 */
/* data.h - contents of regular files
 *
 * The one door to file data: what is behind it (cache, decompressors, read-ahead) is
 * nobody else's business. */
#ifndef CH_FS_DATA_H
#define CH_FS_DATA_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define CH_DATA_MAX (1UL << 20)

struct ch_data;
struct ch_err;
struct ch_squash;
struct ch_inode;
struct ch_push;
struct ch_reader;

/* readers: how many threads read at the same time, at most. IMAGE is borrowed.
 * fuse_fd: of the mount whose page cache may be given more than was asked for, or -1 */
int ch_data_new(const struct ch_squash *image, unsigned readers, int fuse_fd,
		struct ch_data **ret_data, struct ch_err *err);
void ch_data_free(struct ch_data *data);

/* For a thread that gives the kernel more than was asked for. NULL: not worth it for this
 * image. */
struct ch_push *ch_data_push(struct ch_data *data);

/* What one thread needs for itself. */
int ch_reader_new(struct ch_data *data, struct ch_reader **ret_reader, struct ch_err *err);
void ch_reader_free(struct ch_reader *reader);

/* Get up to SIZE bytes at OFF, of CH_DATA_MAX at most; less only at the end of the file.
 *
 * ret_parts, ret_n: where they are, in order, valid until ch_data_done(), which must follow success
 * Returns the number of bytes, or -EIO, -EINVAL (not a regular file). */
long ch_data_get(struct ch_reader *reader, const struct ch_inode *inode, uint64_t off, size_t size,
		 const struct iovec **ret_parts, unsigned *ret_n);
void ch_data_done(struct ch_reader *reader);

#endif
