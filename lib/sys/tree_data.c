/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "sys/tree_own.h"

enum {
	PIECE = 64 * 1024,
	/* Below it, a read and a write are cheaper than what copy_file_range(2) does. */
	SMALL = 64 * 1024,
};

/* Copy LEN bytes at OFFSET, by way of our memory. */
static int copy_by_hand(int from, int to, off_t offset, off_t len)
{
	char piece[PIECE];

	while (len > 0) {
		ssize_t got = pread(from, piece, len < PIECE ? (size_t)len : PIECE, offset);

		if (got == 0)
			return -EAGAIN;
		if (got < 0)
			return -errno;
		for (ssize_t at = 0; at < got;) {
			ssize_t put = pwrite(to, piece + at, (size_t)(got - at), offset + at);

			if (put < 0)
				return -errno;
			at += put;
		}
		offset += got;
		len -= got;
	}
	return 0;
}

/* Copy LEN bytes at OFFSET. */
static int copy_piece(int from, int to, off_t offset, off_t len, struct ch_tree_ways *ways)
{
	while (len > SMALL && !ways->no_range) {
		off_t in = offset, out = offset;
		ssize_t got = copy_file_range(from, &in, to, &out, (size_t)len, 0);

		if (got <= 0) {
			/* Kernels and file systems differ in what they cannot do, and in how they
			 * say so, 0 included. By hand, a real error shows again. */
			ways->no_range = got < 0 && errno != ENOSPC && errno != EIO;
			break;
		}
		offset += got;
		len -= got;
	}
	return copy_by_hand(from, to, offset, len);
}

/* Copy what is not a hole. */
static int copy_sparse(int from, int to, off_t size, struct ch_tree_ways *ways)
{
	for (off_t at = 0; at < size;) {
		off_t data = lseek(from, at, SEEK_DATA);

		if (data < 0 && errno == ENXIO)
			break;
		if (data < 0)
			return copy_piece(from, to, at, size - at, ways);

		off_t hole = lseek(from, data, SEEK_HOLE);
		off_t end = hole < 0 || hole > size ? size : hole;
		int rc = data < end ? copy_piece(from, to, data, end - data, ways) : 0;

		if (rc < 0)
			return rc;
		at = end;
	}
	return ftruncate(to, size) < 0 ? -errno : 0;
}

int ch_tree_data(int from, int to, const struct stat *st, struct ch_tree_ways *ways)
{
	if (st->st_size == 0)
		return 0;
	if (!ways->no_clone) {
		if (ioctl(to, FICLONE, from) == 0)
			return 0;
		/* EINVAL may be due to this one file. */
		ways->no_clone = errno != EINVAL;
	}
	if (st->st_blocks < st->st_size / 512)
		return copy_sparse(from, to, st->st_size, ways);
	return copy_piece(from, to, 0, st->st_size, ways);
}
