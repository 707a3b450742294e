/* SPDX-License-Identifier: Apache-2.0 */
/* hash.h - SHA-1 and SHA-256 of data that comes in pieces
 *
 * The one door to libcrypto. SHA-1 is for what Git names so, SHA-256 for all else. */
#ifndef CH_HASH_HASH_H
#define CH_HASH_HASH_H

#include <stddef.h>
#include <stdint.h>

struct ch_err;

enum ch_hash_kind {
	CH_SHA1,
	CH_SHA256,
};

#define CH_SHA1_BYTES	20
#define CH_SHA256_BYTES 32
#define CH_SHA256_HEX	(2 * CH_SHA256_BYTES + 1) /* with NUL */

/* A hash in the making; for one thread at a time. */
struct ch_hash {
	void *state; /* of libcrypto */
};

/* Begin. May be called again for another one, which is cheaper than a fresh struct. HASH must
 * be zero the first time; release it with ch_hash_done. */
int ch_hash_start(struct ch_hash *hash, enum ch_hash_kind kind, struct ch_err *err);

/* More data. It cannot fail. */
void ch_hash_more(struct ch_hash *hash, const void *data, size_t len);

/* The end: CH_SHA1_BYTES or CH_SHA256_BYTES to RET. */
void ch_hash_end(struct ch_hash *hash, uint8_t *ret);

void ch_hash_done(struct ch_hash *hash);

static inline void ch_auto_hash(struct ch_hash *hash)
{
	ch_hash_done(hash);
}

/* LEN bytes as 2 * LEN lower-case digits and a NUL. */
void ch_hash_hex(const uint8_t *bytes, size_t len, char *ret);

#endif
