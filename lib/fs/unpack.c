/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/unpack.h"

#include <errno.h>
#include <string.h>

#include <decompress.h> /* libsquashfuse */

static const char *const names[] = {
	[1] = "gzip", [2] = "lzma", [3] = "lzo", [4] = "xz", [5] = "lz4", [6] = "zstd",
};

const char *ch_unpack_name(unsigned id)
{
	return id < sizeof(names) / sizeof(names[0]) ? names[id] : NULL;
}

bool ch_unpack_known(unsigned id)
{
	return ch_unpack_name(id) && sqfs_decompressor_get((int)id);
}

long ch_unpack(unsigned id, const void *in, size_t len, void *out, size_t size)
{
	sqfs_decompressor f = sqfs_decompressor_get((int)id);
	size_t got = size;
	void *src;

	if (!f)
		return -EIO;
	memcpy(&src, &in, sizeof(src)); /* it takes a pointer to non-const, and only reads */
	if (f(src, len, out, &got) != SQFS_OK || got > size)
		return -EIO;
	return (long)got;
}
