/* SPDX-License-Identifier: Apache-2.0 */
/* base64.h - bytes as texts of 64 letters (RFC 4648) */
#ifndef CH_REGISTRY_BASE64_H
#define CH_REGISTRY_BASE64_H

#include <stddef.h>

/* ret_text: malloc'ed. Returns 0 or -ENOMEM. */
int ch_base64_encode(const char *bytes, size_t len, char **ret_text);

/* ret_bytes: malloc'ed, with a NUL behind them. Returns 0, -EINVAL it is none, or -ENOMEM. */
int ch_base64_decode(const char *text, char **ret_bytes, size_t *ret_len);

#endif
