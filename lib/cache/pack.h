/* SPDX-License-Identifier: Apache-2.0 */
/* pack.h - read packs of Git objects: gitformat-pack(5), versions 2 of pack and index
 *
 * Both files are mapped. Nothing in them is trusted: every offset and length is checked. Of
 * objects that are stored as differences from others, which our packs never have but those of
 * git gc(1) do, only that they are there is known here. */
#ifndef CH_CACHE_PACK_H
#define CH_CACHE_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/oid.h"

struct ch_err;

/* As numbered by Git. */
enum ch_kind {
	CH_KIND_COMMIT = 1,
	CH_KIND_TREE = 2,
	CH_KIND_BLOB = 3,
	CH_KIND_TAG = 4,
	CH_KIND_OFFSET_DELTA = 6,
	CH_KIND_NAME_DELTA = 7,
};

struct ch_pack {
	char name[80];	      /* of the index, as in its directory: "pack-*.idx" */
	const uint8_t *index; /* mapped */
	size_t index_len;
	const uint8_t *data; /* mapped */
	size_t len;
	uint32_t n; /* objects */

	uint64_t *ends; /* where they begin, sorted, and the end of the last; NULL: not needed so
			 * far */
};

/* Open the pack whose index is NAME in the directory DIR. Errors: -ENOENT: it is gone, or its
 * pack is; -EBADMSG. ret_pack: malloc'ed; release it with ch_pack_close. */
int ch_pack_open(int dir, const char *name, struct ch_pack **ret_pack, struct ch_err *err);

void ch_pack_close(struct ch_pack *pack);

static inline void ch_auto_pack(struct ch_pack **pack)
{
	ch_pack_close(*pack);
}

/* Where OID is. Returns false if it is not there. */
bool ch_pack_find(const struct ch_pack *pack, const struct ch_oid *oid, uint64_t *ret_offset);

/* The object that the index has at I, in the order of names. */
struct ch_pack_item {
	struct ch_oid oid;
	uint64_t offset;
	uint32_t crc; /* of its bytes in the pack */
};
void ch_pack_item(const struct ch_pack *pack, uint32_t i, struct ch_pack_item *ret_item);

/* How many bytes the object at OFFSET takes: up to the next one. 0: there is none, or no memory.
 * For one thread at a time. */
uint64_t ch_pack_room(struct ch_pack *pack, uint64_t offset);

/* What begins at an offset. */
struct ch_entry {
	enum ch_kind kind;
	uint64_t size;	     /* of the object, when unpacked */
	const uint8_t *data; /* compressed by zlib; borrowed */
	size_t len;	     /* at most so many bytes: up to the end of the pack */
};
int ch_pack_entry(const struct ch_pack *pack, uint64_t offset, struct ch_entry *ret_entry,
		  struct ch_err *err);

/* Takes a piece of an object. Returns 0 or a negative errno, which ends it; ERR is set then. */
typedef int ch_pack_sink(const void *data, size_t len, void *to, struct ch_err *err);

/* Unpack ENTRY. -EBADMSG: it is damaged (zlib's check sum is looked at), or not of its size. */
int ch_pack_unpack(const struct ch_entry *entry, ch_pack_sink *sink, void *to, struct ch_err *err);

#endif
