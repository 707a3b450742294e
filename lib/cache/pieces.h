/* SPDX-License-Identifier: Apache-2.0 */
/* pieces.h - take little-endian numbers and texts off a block of bytes, and put them there
 *
 * A reader that has come to the end is bad from then on, and gives zeros: it is asked once,
 * at the end. */
#ifndef CH_CACHE_PIECES_H
#define CH_CACHE_PIECES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/le.h"

struct ch_pieces {
	const uint8_t *p, *end;
	bool bad;
};

/* The next LEN bytes; NULL (and bad) if there are not so many. */
static inline const uint8_t *ch_pieces_take(struct ch_pieces *from, size_t len)
{
	const uint8_t *p = from->p;

	if (from->bad || len > (size_t)(from->end - p)) {
		from->bad = true;
		return NULL;
	}
	from->p += len;
	return p;
}

static inline uint8_t ch_pieces_u8(struct ch_pieces *from)
{
	const uint8_t *p = ch_pieces_take(from, 1);

	return p ? *p : 0;
}

static inline uint16_t ch_pieces_u16(struct ch_pieces *from)
{
	const uint8_t *p = ch_pieces_take(from, 2);

	return p ? ch_le16(p) : 0;
}

static inline uint32_t ch_pieces_u32(struct ch_pieces *from)
{
	const uint8_t *p = ch_pieces_take(from, 4);

	return p ? ch_le32(p) : 0;
}

static inline uint64_t ch_pieces_u64(struct ch_pieces *from)
{
	const uint8_t *p = ch_pieces_take(from, 8);

	return p ? ch_le64(p) : 0;
}

/* LEN bytes of a number. */
static inline void ch_pieces_put(struct ch_buf *to, uint64_t number, size_t len)
{
	uint64_t le = htole64(number);

	ch_buf_add(to, &le, len);
}

#endif
