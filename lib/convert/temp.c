/* SPDX-License-Identifier: Apache-2.0 */
#include "convert/temp.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "archive/input.h"
#include "archive/output.h"
#include "archive/read.h"
#include "archive/stream.h"
#include "base/auto.h"
#include "base/err.h"
#include "convert/source.h"

/* Where the file system has no files without names (NFS), it has one for a moment. */
static int open_named(const char *dir, struct ch_err *err)
{
	ch_auto(str) char *path = NULL;
	int fd;

	if (asprintf(&path, "%s/ch-convert-XXXXXX", dir) < 0) {
		path = NULL;
		return ch_err_nomem(err);
	}
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return ch_err_sys(err, "temporary file in '%s'", dir);
	(void)unlink(path);
	return fd;
}

int ch_convert_temp(const char *dir, struct ch_err *err)
{
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	return fd >= 0 ? fd : open_named(dir, err);
}

struct input {
	const struct ch_source_how *how;
	int fd; /* borrowed */
};

static ssize_t more(void *data, void *buf, size_t size, const atomic_bool *unwanted,
		    struct ch_err *err)
{
	const struct input *in = data;

	return ch_input_read(in->fd, buf, size, in->how->cancel, unwanted, err);
}

static int copy(struct ch_stream *stream, struct ch_output *out, const struct ch_source_how *how,
		struct ch_err *err)
{
	const void *data;
	ssize_t n;

	while ((n = ch_stream_next(stream, &data)) > 0) {
		if (ch_source_is_cancelled(how))
			return ch_err_set(err, -ECANCELED, "interrupted");
		if (out->write(out, data, (size_t)n, err) < 0)
			return err->code;
	}
	if (n < 0)
		*err = stream->err;
	return (int)n;
}

int ch_convert_unpack(int fd, const struct ch_source_how *how, struct ch_err *err)
{
	struct input in = { how, fd };
	const struct ch_archive archive = {
		.name = how->path,
		.more = more,
		.data = &in,
		.max = ch_source_archive_max(how),
	};
	ch_auto(stream) struct ch_stream stream = { 0 };
	ch_auto(fd) int temp = ch_convert_temp(how->temp, err);
	struct ch_output_fd out = CH_OUTPUT_FD(temp, how->temp);

	if (temp < 0)
		return temp;
	if (ch_stream_open(&archive, &stream, err) < 0 || copy(&stream, &out.out, how, err) < 0)
		return err->code;
	if (lseek(temp, 0, SEEK_SET) < 0)
		return ch_err_sys(err, "temporary file");
	return ch_take_fd(&temp);
}
