/* SPDX-License-Identifier: Apache-2.0 */
/* write_file.c - a big file, piece by piece, to a pack */
#include <stdlib.h>
#include <unistd.h>

#include <libdeflate.h>
#include <zlib.h>

#include "base/auto.h"
#include "base/err.h"
#include "cache/object.h"
#include "cache/press.h"
#include "cache/write.h"
#include "hash/hash.h"

#define CHUNK (256 << 10)

struct stream {
	struct ch_writer *w;
	struct ch_hash hash;
	uint32_t crc;
	z_stream z;
	uint8_t in[CHUNK], out[CHUNK];
};

static int emit(struct stream *s, const void *data, size_t len, struct ch_err *err)
{
	s->crc = libdeflate_crc32(s->crc, data, len);
	return ch_writer_append(s->w, data, len, err);
}

static int squeeze(struct stream *s, size_t len, bool last, struct ch_err *err)
{
	int rc = 0;

	s->z.next_in = s->in;
	s->z.avail_in = (uInt)len;
	do {
		s->z.next_out = s->out;
		s->z.avail_out = CHUNK;
		deflate(&s->z, last ? Z_FINISH : Z_NO_FLUSH);
		rc = emit(s, s->out, CHUNK - s->z.avail_out, err);
	} while (rc == 0 && s->z.avail_out == 0);
	return rc;
}

static int changed(struct ch_err *err)
{
	return ch_err_set(err, -EAGAIN, "it changes while it is read");
}

static int stream_file(struct stream *s, int fd, uint64_t size, struct ch_err *err)
{
	uint64_t left = size;
	int rc = 0;

	while (rc == 0 && left > 0) {
		ssize_t n = read(fd, s->in, left < CHUNK ? left : CHUNK);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ch_err_sys(err, "read");
		if (n == 0)
			return changed(err);
		/* The first piece decides, as for small ones. */
		if (left == size &&
		    deflateInit(&s->z, ch_press_is_text(s->in, (size_t)n) ? 1 : 0) != Z_OK)
			return ch_err_nomem(err);
		ch_hash_more(&s->hash, s->in, (size_t)n);
		left -= (uint64_t)n;
		rc = squeeze(s, (size_t)n, left == 0, err);
	}
	return rc;
}

static int add_stream(struct stream *s, const struct ch_oid *oid, int fd, uint64_t size,
		      struct ch_err *err)
{
	uint8_t head[CH_PRESS_HEADER_MAX];
	uint64_t offset = s->w->len;
	struct ch_oid is;
	int rc = ch_object_begin(&s->hash, CH_KIND_BLOB, size, err);

	if (rc == 0)
		rc = emit(s, head, ch_press_header(CH_KIND_BLOB, size, head), err);
	if (rc == 0)
		rc = stream_file(s, fd, size, err);
	deflateEnd(&s->z);
	if (rc < 0)
		return rc;
	ch_hash_end(&s->hash, is.bytes);
	if (!ch_oid_is_equal(&is, oid))
		return changed(err);
	return ch_writer_note(s->w, oid, s->crc, offset, err);
}

int ch_writer_add_file(struct ch_writer *w, const struct ch_oid *oid, int fd, uint64_t size,
		       struct ch_err *err)
{
	ch_auto(mem) struct stream *s = calloc(1, sizeof(*s));

	if (!s)
		return ch_err_nomem(err);
	s->w = w;
	pthread_mutex_lock(&w->lock);

	int rc = add_stream(s, oid, fd, size, err);

	pthread_mutex_unlock(&w->lock);
	ch_hash_done(&s->hash);
	return rc;
}
