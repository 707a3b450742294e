/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/object.h"

#include <stdio.h>

#include "base/auto.h"
#include "hash/hash.h"

const char *ch_kind_name(enum ch_kind kind)
{
	static const char *const names[] = {
		[CH_KIND_COMMIT] = "commit",
		[CH_KIND_TREE] = "tree",
		[CH_KIND_BLOB] = "blob",
		[CH_KIND_TAG] = "tag",
	};

	return kind >= CH_KIND_COMMIT && kind <= CH_KIND_TAG ? names[kind] : "object";
}

int ch_object_begin(struct ch_hash *hash, enum ch_kind kind, uint64_t size, struct ch_err *err)
{
	char head[40];
	int len = snprintf(head, sizeof(head), "%s %llu", ch_kind_name(kind),
			   (unsigned long long)size);
	int rc = ch_hash_start(hash, CH_SHA1, err);

	if (rc == 0)
		ch_hash_more(hash, head, (size_t)len + 1);
	return rc;
}

int ch_object_name(enum ch_kind kind, const void *data, size_t len, struct ch_oid *ret_oid,
		   struct ch_err *err)
{
	ch_auto(hash) struct ch_hash hash = { 0 };
	int rc = ch_object_begin(&hash, kind, len, err);

	if (rc < 0)
		return rc;
	ch_hash_more(&hash, data, len);
	ch_hash_end(&hash, ret_oid->bytes);
	return 0;
}
