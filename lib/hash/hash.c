/* SPDX-License-Identifier: Apache-2.0 */
#include "hash/hash.h"

#include <openssl/evp.h>

#include "base/err.h"

int ch_hash_start(struct ch_hash *hash, enum ch_hash_kind kind, struct ch_err *err)
{
	const EVP_MD *how = kind == CH_SHA1 ? EVP_sha1() : EVP_sha256();

	if (!hash->state)
		hash->state = EVP_MD_CTX_new();
	if (!hash->state)
		return ch_err_nomem(err);
	/* A site's policy can forbid SHA-1. */
	if (EVP_DigestInit_ex(hash->state, how, NULL) != 1)
		return ch_err_set(err, -ENOTSUP, "libcrypto refuses %s",
				  kind == CH_SHA1 ? "SHA-1" : "SHA-256");
	return 0;
}

void ch_hash_more(struct ch_hash *hash, const void *data, size_t len)
{
	/* It fails only for a context that was not begun. */
	(void)EVP_DigestUpdate(hash->state, data, len);
}

void ch_hash_end(struct ch_hash *hash, uint8_t *ret)
{
	(void)EVP_DigestFinal_ex(hash->state, ret, NULL);
}

void ch_hash_done(struct ch_hash *hash)
{
	EVP_MD_CTX_free(hash->state);
	hash->state = NULL;
}

void ch_hash_hex(const uint8_t *bytes, size_t len, char *ret)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		ret[2 * i] = digits[bytes[i] >> 4];
		ret[2 * i + 1] = digits[bytes[i] & 15];
	}
	ret[2 * len] = '\0';
}
