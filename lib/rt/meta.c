/* SPDX-License-Identifier: Apache-2.0 */
#include "rt/meta.h"

#include <string.h>

const char *ch_meta_next(const char *text, size_t len, const char *kind, size_t *pos)
{
	size_t n = strlen(kind);

	while (*pos < len) {
		const char *item = text + *pos;
		size_t size = strnlen(item, len - *pos);

		if (*pos + size == len)
			return NULL; /* the NUL is missing */
		*pos += size + 1;
		if (size > n && memcmp(item, kind, n) == 0 && item[n] == ' ')
			return item + n + 1;
	}
	return NULL;
}
