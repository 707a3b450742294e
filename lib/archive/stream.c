/* SPDX-License-Identifier: Apache-2.0 */
#include "stream.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include <archive.h>

#include "archive/input.h"
#include "archive/read.h"
#include "base/auto.h"
#include "base/progress.h"

static void ch_auto_archive(struct archive **a)
{
	if (*a)
		archive_read_free(*a);
}

/* For a compression that it was built without, libarchive would run a program: such are left
 * out. That one knows only by asking. */
static void add_filters(struct archive *a)
{
	static int (*const filters[])(struct archive *) = {
		archive_read_support_filter_gzip,     archive_read_support_filter_zstd,
		archive_read_support_filter_xz,	      archive_read_support_filter_bzip2,
		archive_read_support_filter_lz4,      archive_read_support_filter_lzma,
		archive_read_support_filter_compress,
	};

	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
		ch_auto(archive) struct archive *probe = archive_read_new();

		if (probe && filters[i](probe) == ARCHIVE_OK)
			(void)filters[i](a);
	}
}

/* The first error counts: others follow from it. */
static int fail(struct ch_stream *s, const struct ch_err *err)
{
	if (!s->failed)
		s->err = *err;
	s->failed = true;
	return s->err.code;
}

static ssize_t read_more(void *data, void *buf, size_t size, struct ch_err *err)
{
	const struct ch_stream *s = data;
	const struct ch_archive *from = s->from;

	ssize_t n = from->more ? from->more(from->data, buf, size, &s->unwanted, err)
			       : ch_input_read(from->fd, buf, size, NULL, &s->unwanted, err);

	if (n > 0)
		ch_progress_add(from->progress, (uint64_t)n);
	return n;
}

/* What libarchive wants when it has run out of input */
static la_ssize_t more_input(struct archive *a, void *data, const void **ret_buf)
{
	struct ch_stream *s = data;
	struct ch_err err;
	ssize_t n = ch_gunzip_next(&s->in, ret_buf, &err);

	if (n < 0) {
		archive_set_error(a, -fail(s, &err), "%s", err.msg);
		return ARCHIVE_FATAL;
	}
	return n;
}

/* What libarchive says, as an error of ours */
static int fail_filter(struct ch_stream *s)
{
	const char *why = archive_error_string(s->filter);
	int code = archive_errno(s->filter) == ENOMEM ? -ENOMEM : -EINVAL;
	struct ch_err err;

	ch_err_set(&err, code, "read: %s", why ? why : "unknown error");
	return fail(s, &err);
}

static void start(struct ch_stream *s)
{
	struct archive_entry *all;
	int rc = archive_read_open(s->filter, s, NULL, more_input, NULL);
	struct ch_err err;

	if (rc == ARCHIVE_OK)
		rc = archive_read_next_header(s->filter, &all);
	if (rc == ARCHIVE_EOF) {
		ch_err_set(&err, -EINVAL, "it is empty");
		fail(s, &err);
	} else if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN) {
		fail_filter(s);
	}
}

int ch_stream_open(const struct ch_archive *from, struct ch_stream *ret_stream, struct ch_err *err)
{
	struct ch_stream *s = ret_stream;

	*s = (struct ch_stream){
		.from = from,
		.filter = archive_read_new(),
		.in = { .more = read_more, .data = s },
	};
	if (!s->filter)
		return ch_err_nomem(err);
	if (ch_gunzip_init(&s->in, err) < 0)
		return err->code;
	if (from->diff_id && ch_hash_start(&s->hash, CH_SHA256, err) < 0)
		return err->code;
	add_filters(s->filter);
	archive_read_support_format_raw(s->filter);
	archive_read_support_format_empty(s->filter);
	start(s);
	return 0;
}

ssize_t ch_stream_next(struct ch_stream *s, const void **ret_data)
{
	uint64_t max = s->from->max;
	la_int64_t at;
	size_t n = 0;
	int rc;

	if (s->failed)
		return s->err.code;
	do
		rc = archive_read_data_block(s->filter, ret_data, &n, &at);
	while (rc == ARCHIVE_OK && n == 0);
	if (rc == ARCHIVE_EOF)
		return 0;
	if (rc != ARCHIVE_OK)
		return fail_filter(s);
	s->bytes += n;
	if (max && s->bytes > max) {
		struct ch_err err;

		ch_err_set(&err, -EFBIG, "it is larger than %" PRIu64 " bytes", max);
		return fail(s, &err);
	}
	if (s->from->diff_id)
		ch_hash_more(&s->hash, *ret_data, n);
	return (ssize_t)n;
}

void ch_stream_done(struct ch_stream *s)
{
	if (s->filter)
		archive_read_free(s->filter);
	ch_hash_done(&s->hash);
	ch_gunzip_done(&s->in);
	*s = (struct ch_stream){ 0 };
}
