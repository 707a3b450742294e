/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/press.h"

#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "base/be.h"
#include "base/err.h"

#define STORED_MAX 65535 /* bytes of a block that is not compressed */

void ch_press_done(struct ch_press *press)
{
	if (press->state)
		deflateEnd(press->state);
	free(press->state);
	free(press->room);
	*press = (struct ch_press){ 0 };
}

bool ch_press_is_text(const uint8_t *data, size_t len)
{
	return len >= 256 && !memchr(data, '\0', len < 4096 ? len : 4096) &&
	       /* gzip, xz, zstd, bzip2, and pictures may lack a NUL there. */
	       data[0] < 0x80 && memcmp(data, "BZh", 3) != 0;
}

static z_stream *deflater(struct ch_press *press)
{
	z_stream *z = press->state;

	if (z)
		return deflateReset(z) == Z_OK ? z : NULL;
	z = calloc(1, sizeof(*z));
	if (z && deflateInit(z, 1) != Z_OK) {
		free(z);
		return NULL;
	}
	press->state = z;
	return z;
}

size_t ch_press_header(enum ch_kind kind, uint64_t size, uint8_t ret[CH_PRESS_HEADER_MAX])
{
	size_t n = 0;
	uint8_t byte = (uint8_t)(kind << 4 | (size & 15));

	for (size >>= 4; size; size >>= 7) {
		ret[n++] = byte | 0x80;
		byte = size & 0x7f;
	}
	ret[n++] = byte;
	return n;
}

/* Header of a stored block (RFC 1951, 3.2.4). */
static void stored_header(uint8_t *p, size_t len, bool last)
{
	p[0] = last;
	p[1] = (uint8_t)len;
	p[2] = (uint8_t)(len >> 8);
	p[3] = p[1] ^ 0xff;
	p[4] = p[2] ^ 0xff;
}

/* As zlib's level 0 would: header, blocks, check sum. */
static size_t store(const uint8_t *data, size_t len, uint8_t *to)
{
	uint8_t *p = to;
	size_t done = 0;

	*p++ = 0x78;
	*p++ = 0x01;
	do {
		size_t n = len - done < STORED_MAX ? len - done : STORED_MAX;

		stored_header(p, n, done + n == len);
		memcpy(p + 5, data + done, n);
		p += 5 + n;
		done += n;
	} while (done < len);
	ch_put_be32(p, (uint32_t)adler32(adler32(0, NULL, 0), data, (uInt)len));
	return (size_t)(p + 4 - to);
}

int ch_press_object(struct ch_press *press, enum ch_kind kind, const void *data, size_t len,
		    size_t *ret_len, struct ch_err *err)
{
	/* Enough for both: zlib's bound is for what does not shrink. */
	size_t most = CH_PRESS_HEADER_MAX + compressBound(len) + 5 * (len / STORED_MAX + 1) + 6;
	z_stream *z = ch_press_is_text(data, len) ? deflater(press) : NULL;

	if (most > press->cap) {
		free(press->room);
		press->cap = 0;
		press->room = malloc(most);
		if (!press->room)
			return ch_err_nomem(err);
		press->cap = most;
	}

	size_t head = ch_press_header(kind, len, press->room);

	if (z) {
		z->next_in = (z_const Bytef *)(uintptr_t)data;
		z->avail_in = (uInt)len;
		z->next_out = press->room + head;
		z->avail_out = (uInt)(press->cap - head);
		if (deflate(z, Z_FINISH) == Z_STREAM_END) {
			*ret_len = head + z->total_out;
			return 0;
		}
	}
	*ret_len = head + store(data, len, press->room + head);
	return 0;
}
