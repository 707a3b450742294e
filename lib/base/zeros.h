/* SPDX-License-Identifier: Apache-2.0 */
/* zeros.h - is there nothing but zeros? */
#ifndef CH_BASE_ZEROS_H
#define CH_BASE_ZEROS_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Of LEN bytes, at least one. A look at the first ones is mostly enough. */
static inline bool ch_is_zeros(const void *data, size_t len)
{
	const char *bytes = data;

	return bytes[0] == 0 && memcmp(bytes, bytes + 1, len - 1) == 0;
}

#endif
