/* SPDX-License-Identifier: Apache-2.0 */
/* from_tar.c - a tar archive as a source; it may come through a pipe */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/input.h"
#include "archive/read.h"
#include "base/analyser.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/progress.h"
#include "convert/flatten.h"
#include "convert/source.h"

struct from_tar {
	struct ch_source source;
	const struct ch_source_how *how; /* borrowed */
	int fd;				 /* owned */
	bool keeps_top;			 /* it has more than one top directory */
};

static ssize_t more(void *data, void *buf, size_t size, const atomic_bool *unwanted,
		    struct ch_err *err)
{
	struct from_tar *f = data;
	ssize_t n = ch_input_read(f->fd, buf, size, f->how->cancel, unwanted, err);

	if (n > 0)
		ch_progress_add(f->how->progress, (uint64_t)n);
	return n;
}

/* What is read through a pipe, is gone. */
static int rewind_tar(struct from_tar *f, struct ch_err *err)
{
	if (lseek(f->fd, 0, SEEK_SET) < 0)
		return ch_err_sys(err, "read '%s' again from the start", f->how->path);
	f->keeps_top = true;
	return 1;
}

static int send(struct ch_source *source, struct ch_sink *sink, struct ch_err *err)
{
	struct from_tar *f = (struct from_tar *)source;
	ch_auto(flatten) struct ch_flatten *flat = NULL;
	const struct ch_archive archive = {
		.name = f->how->path,
		.more = more,
		.data = f,
		.strip_top = !f->keeps_top,
		.skip_dev = true,
		.max = ch_source_archive_max(f->how),
	};
	struct ch_archive_got got;
	int rc = ch_flatten_new(true, &flat, err);

	if (rc < 0)
		return rc;
	ch_flatten_begin(flat, sink);
	rc = ch_archive_read(&archive, ch_flatten_layer(flat, 0), &got, err);
	if (rc == 1)
		return rewind_tar(f, err);
	if (rc == 0 && got.members == 0)
		return ch_err_set(err, -EINVAL, "archive '%s' is empty", f->how->path);
	if (rc == 0)
		rc = ch_flatten_end(flat, err);
	source->devices = got.devices;
	return rc < 0 ? err->code : 0;
}

static void free_tar(struct ch_source *source)
{
	struct from_tar *f = (struct from_tar *)source;

	ch_close(&f->fd);
	free(f);
}

/* FD is taken. */
CH_MOVES_BEGIN
static int make(const struct ch_source_how *how, int fd, uint64_t size,
		struct ch_source **ret_source, struct ch_err *err)
{
	struct from_tar *f = calloc(1, sizeof(*f));

	if (!f) {
		close(fd);
		return ch_err_nomem(err);
	}
	*f = (struct from_tar){
		.source = { .send = send, .free = free_tar, .size = size },
		.how = how,
		.fd = fd,
	};
	*ret_source = &f->source;
	return 0;
}
CH_MOVES_END

int ch_source_tar(const struct ch_source_how *how, struct ch_source **ret_source,
		  struct ch_err *err)
{
	int fd = open(how->path, O_RDONLY | O_NOCTTY | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return ch_err_sys(err, "open archive '%s'", how->path);
	if (fstat(fd, &st) < 0 || S_ISDIR(st.st_mode)) {
		close(fd);
		return ch_err_set(err, -EISDIR, "archive '%s' is a directory", how->path);
	}
	return make(how, fd, (uint64_t)st.st_size, ret_source, err);
}
