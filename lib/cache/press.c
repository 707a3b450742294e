/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/press.h"

#include <stdlib.h>
#include <string.h>

#include <libdeflate.h>

#include "base/be.h"
#include "base/err.h"

#define STORED_MAX 65535 /* bytes of a block that is not compressed */

void ch_press_done(struct ch_press *press)
{
	libdeflate_free_compressor(press->deflate);
	free(press->room);
	*press = (struct ch_press){ 0 };
}

bool ch_press_is_text(const uint8_t *data, size_t len)
{
	return len >= 256 && !memchr(data, '\0', len < 4096 ? len : 4096) &&
	       /* gzip, xz, zstd, bzip2, and pictures may lack a NUL there. */
	       data[0] < 0x80 && memcmp(data, "BZh", 3) != 0;
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
	ch_put_be32(p, libdeflate_adler32(1, data, len));
	return (size_t)(p + 4 - to);
}

/* Is there room for all that can become of LEN bytes? */
static bool provide(struct ch_press *press, size_t len)
{
	/* The compressor, too, stores at worst: in blocks that may be smaller. */
	size_t blocks = len / STORED_MAX + 1,
	       most = CH_PRESS_HEADER_MAX + libdeflate_zlib_compress_bound(press->deflate, len) +
		      5 * blocks + 6;

	if (most > press->cap) {
		free(press->room);
		press->room = malloc(most);
		press->cap = press->room ? most : 0;
	}
	return press->room;
}

int ch_press_object(struct ch_press *press, enum ch_kind kind, const void *data, size_t len,
		    size_t *ret_len, struct ch_err *err)
{
	size_t head, n = 0;

	if (!press->deflate)
		press->deflate = libdeflate_alloc_compressor(1);
	if (!press->deflate || !provide(press, len))
		return ch_err_nomem(err);
	head = ch_press_header(kind, len, press->room);
	if (ch_press_is_text(data, len))
		n = libdeflate_zlib_compress(press->deflate, data, len, press->room + head,
					     press->cap - head);
	if (n == 0)
		n = store(data, len, press->room + head);
	*ret_len = head + n;
	return 0;
}
