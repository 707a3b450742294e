/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/digest.h"

#include <string.h>

#include "base/auto.h"
#include "hash/hash.h"

static const char start[] = "sha256:";

void ch_digest_end(struct ch_hash *hash, char ret[CH_OCI_DIGEST_SIZE])
{
	uint8_t bytes[CH_SHA256_BYTES];

	ch_hash_end(hash, bytes);
	memcpy(ret, start, sizeof(start));
	ch_hash_hex(bytes, sizeof(bytes), ret + sizeof(start) - 1);
}

int ch_digest_of(const void *bytes, size_t len, char ret[CH_OCI_DIGEST_SIZE], struct ch_err *err)
{
	ch_auto(hash) struct ch_hash hash = { 0 };
	int rc = ch_hash_start(&hash, CH_SHA256, err);

	if (rc == 0) {
		ch_hash_more(&hash, bytes, len);
		ch_digest_end(&hash, ret);
	}
	return rc;
}
