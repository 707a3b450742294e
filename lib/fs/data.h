/* SPDX-License-Identifier: Apache-2.0 */
/* data.h - contents of regular files
 *
 * The one door to file data: what is behind it (cache, decompressors, read-ahead) is
 * nobody else's business. */
#ifndef CH_FS_DATA_H
#define CH_FS_DATA_H

#include <stddef.h>
#include <stdint.h>

struct ch_data;
struct ch_err;
struct ch_squash;
struct ch_inode;
struct ch_reader;

/* readers: how many threads read at the same time, at most. IMAGE is borrowed. */
int ch_data_new(const struct ch_squash *image, unsigned readers, struct ch_data **ret_data,
		struct ch_err *err);
void ch_data_free(struct ch_data *data);

/* What one thread needs for itself. */
int ch_reader_new(struct ch_data *data, struct ch_reader **ret_reader, struct ch_err *err);
void ch_reader_free(struct ch_reader *reader);

/* Read up to SIZE bytes at OFF; less only at the end of the file.
 * Returns the number, or -EIO, -EINVAL (not a regular file). */
long ch_data_read(struct ch_reader *reader, const struct ch_inode *inode, uint64_t off, void *buf,
		  size_t size);

#endif
