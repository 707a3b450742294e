/* SPDX-License-Identifier: Apache-2.0 */
/* squash_write.h - write a SquashFS image from a stream of entries
 *
 * A sink (archive/entry.h): contents are compressed by several threads and written while they
 * come; names and attributes stay in memory till the end, about 100 bytes and the name for
 * each entry, and are written then.
 *
 * The image is SquashFS 4.0, for all readers. Everything belongs to root. Kept are types,
 * permissions, set-user-ID included, times (seconds, from 1970 to 2106: others become the
 * nearest of these), hard links, holes (of whole blocks) and extended attributes: user.*,
 * security.* and trusted.*, which is what the format has; others are left out. What is replaced
 * by a later entry of the same path is not in the tree, but its contents stay in the image.
 *
 * The same entries with the same options give the same bytes, however many threads there are.
 * The time of the image itself is the newest of its files. Only the order of contents in the
 * image depends on the order of entries: names may come in any. */
#ifndef CH_CONVERT_SQUASH_WRITE_H
#define CH_CONVERT_SQUASH_WRITE_H

#include <stdbool.h>
#include <stdint.h>

struct ch_err;
struct ch_progress;
struct ch_sink;
struct ch_squash_writer;

enum ch_squash_alg { /* of compression; 0: the default */
		     CH_SQUASH_DEFAULT,
		     CH_SQUASH_NOTHING, /* "none": nothing is compressed */
		     CH_SQUASH_GZIP,
		     CH_SQUASH_LZ4,
		     CH_SQUASH_XZ,
		     CH_SQUASH_ZSTD,
};

struct ch_squash_compress {
	enum ch_squash_alg alg;
	int level; /* 0: the algorithm's default */
};

struct ch_squash_options {
	struct ch_squash_compress compress;
	uint32_t block_size;	      /* bytes: a power of two, 4 KiB to 1 MiB; 0: 128 KiB */
	unsigned threads;	      /* that compress; 0: as many as there are processors for us */
	bool xattrs;		      /* keep extended attributes */
	struct ch_progress *progress; /* borrowed; NULL: none; told of contents, in bytes */
};

/* "ALG[:LEVEL]", as in the option --compress. Errors: -EINVAL, and what can be chosen. */
int ch_squash_compress_parse(const char *text, struct ch_squash_compress *ret_compress,
			     struct ch_err *err);

/* Begin an image at the begin of what is open as FD: an empty regular file, readable and writable
 * (blocks are compared with those that are there). FD is borrowed: it is not closed, nor
 * synchronized. Messages do not name the file. */
int ch_squash_writer_new(int fd, const struct ch_squash_options *options,
			 struct ch_squash_writer **ret_writer, struct ch_err *err);

/* Its sink, for one thread at a time. When end() has returned 0, the image is complete.
 * Errors: -EINVAL entries that no file system has (a file as a directory, a hard link to nothing,
 * contents behind the end, names that are too long); -EFBIG what the format cannot hold; those
 * of writing; -ENOMEM. */
struct ch_sink *ch_squash_writer_sink(struct ch_squash_writer *writer);

/* Threads end; the file is left as it is. */
void ch_squash_writer_free(struct ch_squash_writer *writer);

static inline void ch_auto_squash_writer(struct ch_squash_writer **writer)
{
	ch_squash_writer_free(*writer);
}

#endif
