/* SPDX-License-Identifier: Apache-2.0 */
/* digest.h - hashes as registries write them: "sha256:HEX" */
#ifndef CH_REGISTRY_DIGEST_H
#define CH_REGISTRY_DIGEST_H

#include <stddef.h>

#include "oci/manifest.h"

struct ch_err;
struct ch_hash;

/* The end of HASH, which is of SHA-256. */
void ch_digest_end(struct ch_hash *hash, char ret[CH_OCI_DIGEST_SIZE]);

/* Of LEN bytes. */
int ch_digest_of(const void *bytes, size_t len, char ret[CH_OCI_DIGEST_SIZE], struct ch_err *err);

#endif
