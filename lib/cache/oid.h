/* SPDX-License-Identifier: Apache-2.0 */
/* oid.h - names of Git objects: commits, trees, blobs (SHA-1 of kind, size and content) */
#ifndef CH_CACHE_OID_H
#define CH_CACHE_OID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define CH_OID_BYTES 20
#define CH_OID_HEX   (2 * CH_OID_BYTES + 1) /* with NUL */

struct ch_oid {
	uint8_t bytes[CH_OID_BYTES];
};

static inline int ch_oid_cmp(const struct ch_oid *a, const struct ch_oid *b)
{
	return memcmp(a->bytes, b->bytes, CH_OID_BYTES);
}

static inline bool ch_oid_is_equal(const struct ch_oid *a, const struct ch_oid *b)
{
	return ch_oid_cmp(a, b) == 0;
}

/* As text. Returns HEX. */
const char *ch_oid_hex(const struct ch_oid *oid, char hex[CH_OID_HEX]);

/* N bytes from 2 * N digits. Returns false if they are not all lower-case hexadecimal. */
bool ch_oid_unhex(const char *hex, uint8_t *ret, size_t n);

/* A set of names that remembers a number for each; for one thread at a time. Zero is empty. */
struct ch_oidmap {
	struct ch_oidmap_slot *slots;
	size_t n, cap;
};

/* Where the number of OID is, or NULL. Valid until the next addition. */
uint64_t *ch_oidmap_find(const struct ch_oidmap *map, const struct ch_oid *oid);

/* Add OID. Returns 1, 0 if it was there (its number stays), or -ENOMEM. */
int ch_oidmap_add(struct ch_oidmap *map, const struct ch_oid *oid, uint64_t number);

/* Go through all of them, in no order: *AT begins as 0. Returns false at the end. */
bool ch_oidmap_next(const struct ch_oidmap *map, size_t *at, struct ch_oid *ret_oid,
		    uint64_t *ret_number);

void ch_oidmap_done(struct ch_oidmap *map);

static inline void ch_auto_oidmap(struct ch_oidmap *map)
{
	ch_oidmap_done(map);
}

#endif
