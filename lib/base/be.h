/* SPDX-License-Identifier: Apache-2.0 */
/* be.h - big-endian numbers at any address */
#ifndef CH_BASE_BE_H
#define CH_BASE_BE_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

static inline uint32_t ch_be32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return be32toh(v);
}

static inline void ch_put_be32(uint8_t *p, uint32_t v)
{
	v = htobe32(v);
	memcpy(p, &v, sizeof(v));
}

#endif
