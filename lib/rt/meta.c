/* SPDX-License-Identifier: Apache-2.0 */
#include "rt/meta.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"

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

int ch_meta_check(const char *text, size_t len, const char *kind, struct ch_err *err)
{
	size_t pos = 0;
	const char *item = ch_meta_next(text, len, kind, &pos);

	return item ? ch_err_set(err, -EINVAL, "%s", item) : 0;
}

size_t ch_meta_put_error(const struct ch_err *err, char *text, size_t size)
{
	snprintf(text, size, "error %s", err->msg);
	return strlen(text) + 1;
}
