/* SPDX-License-Identifier: Apache-2.0 */
/* object.h - what Git calls an object */
#ifndef CH_CACHE_OBJECT_H
#define CH_CACHE_OBJECT_H

#include <stddef.h>
#include <stdint.h>

#include "cache/oid.h"
#include "cache/pack.h"

struct ch_err;
struct ch_hash;

/* Name an object: SHA-1 of kind, size and content. */
int ch_object_name(enum ch_kind kind, const void *data, size_t len, struct ch_oid *ret_oid,
		   struct ch_err *err);

/* Begin to name one whose content is still to come. */
int ch_object_begin(struct ch_hash *hash, enum ch_kind kind, uint64_t size, struct ch_err *err);

/* "blob", "tree", ... */
const char *ch_kind_name(enum ch_kind kind);

#endif
