/* SPDX-License-Identifier: Apache-2.0 */
/* press.h - an object as it is in a pack: header, and content in zlib's format
 *
 * Text is compressed, fast; all else is stored as it is: what has been compiled or compressed
 * costs more time than it saves room. */
#ifndef CH_CACHE_PRESS_H
#define CH_CACHE_PRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/pack.h"

struct ch_err;
struct libdeflate_compressor;

/* One thread's compressor. Zero is empty; release it with ch_press_done. */
struct ch_press {
	struct libdeflate_compressor *deflate;
	uint8_t *room;
	size_t cap;
};

void ch_press_done(struct ch_press *press);

static inline void ch_auto_press(struct ch_press *press)
{
	ch_press_done(press);
}

/* Make it of LEN bytes of DATA. It is in PRESS's room, until the next one. */
int ch_press_object(struct ch_press *press, enum ch_kind kind, const void *data, size_t len,
		    size_t *ret_len, struct ch_err *err);

/* Is it worth to compress this? Judged by how it begins. */
bool ch_press_is_text(const uint8_t *data, size_t len);

/* The header of an object of SIZE bytes: returns its length. */
#define CH_PRESS_HEADER_MAX 12
size_t ch_press_header(enum ch_kind kind, uint64_t size, uint8_t ret[CH_PRESS_HEADER_MAX]);

#endif
