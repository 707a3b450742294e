/* SPDX-License-Identifier: Apache-2.0 */
#include "convert/squash_out.h"

#include <errno.h>
#include <unistd.h>

#include <sqfs/error.h>

#include "base/err.h"
#include "sys/write.h"

enum { DEVICE_BLOCK = 4096 };

static int fail(struct ch_squash_out *out, const char *what, int code)
{
	if (out->code == 0) {
		out->what = what;
		out->code = code;
	}
	return SQFS_ERROR_IO;
}

static int read_at(sqfs_file_t *base, sqfs_u64 off, void *buf, size_t size)
{
	struct ch_squash_out *out = (struct ch_squash_out *)base;

	for (size_t got = 0; got < size;) {
		ssize_t n = pread(out->fd, (char *)buf + got, size - got, (off_t)(off + got));

		if (n < 0 && errno != EINTR)
			return fail(out, "read the image again", -errno);
		if (n == 0)
			return fail(out, "read the image again", -EIO);
		if (n > 0)
			got += (size_t)n;
	}
	return 0;
}

static int write_at(sqfs_file_t *base, sqfs_u64 off, const void *buf, size_t size)
{
	struct ch_squash_out *out = (struct ch_squash_out *)base;

	int rc = ch_pwrite_all(out->fd, buf, size, (off_t)off);

	if (rc < 0)
		return fail(out, "write the image", rc);
	if (off + size > out->size)
		out->size = off + size;
	return 0;
}

static sqfs_u64 get_size(const sqfs_file_t *base)
{
	return ((const struct ch_squash_out *)base)->size;
}

/* What is behind the end will be written over, or cut off at last. */
static int truncate_to(sqfs_file_t *base, sqfs_u64 size)
{
	((struct ch_squash_out *)base)->size = size;
	return 0;
}

/* It is part of another struct. */
static void destroy(sqfs_object_t *base)
{
	(void)base;
}

void ch_squash_out_init(struct ch_squash_out *out, int fd)
{
	*out = (struct ch_squash_out){
		.base = { .base = { .destroy = destroy },
			  .read_at = read_at,
			  .write_at = write_at,
			  .get_size = get_size,
			  .truncate = truncate_to },
		.fd = fd,
	};
}

int ch_squash_out_add(struct ch_squash_out *out, const void *data, size_t len)
{
	return write_at(&out->base, out->size, data, len);
}

int ch_squash_out_end(struct ch_squash_out *out, struct ch_err *err)
{
	off_t end = (off_t)((out->size + DEVICE_BLOCK - 1) / DEVICE_BLOCK * DEVICE_BLOCK);

	/* Twice: what is added shall be zeros, not what was written over. */
	if (ftruncate(out->fd, (off_t)out->size) < 0 || ftruncate(out->fd, end) < 0)
		return ch_err_sys(err, "write the image");
	return 0;
}

int ch_squash_fault(const struct ch_squash_out *out, int rc, const char *what, struct ch_err *err)
{
	switch (rc) {
	case SQFS_ERROR_IO:
		return ch_err_rc(err, out->code ? out->code : -EIO, "%s",
				 out->code ? out->what : what);
	case SQFS_ERROR_ALLOC:
		return ch_err_nomem(err);
	case SQFS_ERROR_OVERFLOW:
		return ch_err_set(err, -EFBIG, "%s: more than a SquashFS image can hold", what);
	default:
		return ch_err_set(err, -EIO, "%s: libsquashfs reports error %d", what, rc);
	}
}
