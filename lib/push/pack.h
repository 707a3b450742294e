/* SPDX-License-Identifier: Apache-2.0 */
/* pack.h - an image as a layer: a compressed tar archive */
#ifndef CH_PUSH_PACK_H
#define CH_PUSH_PACK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "archive/compress.h"
#include "archive/walk.h"

struct ch_err;

#define CH_PACK_KEY CH_SHA256_HEX

struct ch_pack_from {
	int root; /* of the image; open, borrowed */
	struct ch_compress_how compress;
	bool no_xattrs;		   /* leave out extended attributes */
	const atomic_bool *cancel; /* borrowed; true: stop; NULL: nobody does */
};

/* A name for the layer that the image would become now: as long as that is the same, so is the
 * layer. ret_bytes: of it, about, uncompressed */
int ch_pack_key(const struct ch_pack_from *from, char ret_key[CH_PACK_KEY], uint64_t *ret_bytes,
		struct ch_err *err);

struct ch_packed {
	struct ch_compressed layer;
	struct ch_walked walked;
	uint64_t whiteouts; /* files whose names mean something else in layers; left out */
};

/* Write the layer to FD, which is empty. BYTES: of ch_pack_key, to show how far it is. */
int ch_pack(const struct ch_pack_from *from, uint64_t bytes, int fd, struct ch_packed *ret_packed,
	    struct ch_err *err);

#endif
