/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/base64.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int ch_base64_encode(const char *bytes, size_t len, char **ret_text)
{
	char *text = malloc((len + 2) / 3 * 4 + 1), *out = text;

	if (!text)
		return -ENOMEM;
	for (size_t i = 0; i < len; i += 3) {
		size_t n = len - i < 3 ? len - i : 3;
		uint32_t bits = 0;

		for (size_t k = 0; k < 3; k++)
			bits = bits << 8 | (k < n ? (unsigned char)bytes[i + k] : 0);
		for (size_t k = 0; k < 4; k++)
			*out++ = k <= n ? letters[bits >> (18 - 6 * k) & 63] : '=';
	}
	*out = '\0';
	*ret_text = text;
	return 0;
}

int ch_base64_decode(const char *text, char **ret_bytes, size_t *ret_len)
{
	size_t n = strspn(text, letters), len = 0;
	uint32_t bits = 0;
	char *bytes;

	/* Some writers leave the '=' out. */
	if (n % 4 == 1 || text[n + strspn(text + n, "=")])
		return -EINVAL;
	bytes = malloc(n / 4 * 3 + 3);
	if (!bytes)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		bits = bits << 6 | (uint32_t)(strchr(letters, text[i]) - letters);
		if (i % 4 != 0)
			bytes[len++] = (char)(bits >> (2 * (3 - i % 4)));
	}
	bytes[len] = '\0';
	*ret_bytes = bytes;
	*ret_len = len;
	return 0;
}
