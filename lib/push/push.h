/* SPDX-License-Identifier: Apache-2.0 */
/* push.h - send an image to a registry
 *
 * An image becomes one layer, a configuration, and a manifest of Docker's schema 2, or OCI's if
 * the layer is compressed as only that has it (zstd). The same image gives the same digests,
 * whenever and wherever. What the registry has is not sent; what one of its other repositories is
 * known to have, is taken from there.
 *
 * Layers are kept in the upload cache (layers.h), so that an image that has not changed is not
 * packed again. */
#ifndef CH_PUSH_PUSH_H
#define CH_PUSH_PUSH_H

#include <stdatomic.h>
#include <stdbool.h>

#include "archive/compress.h"
#include "base/teller.h"
#include "oci/manifest.h"

struct ch_err;
struct ch_ref;
struct ch_registry;
struct ch_store;

/* All is borrowed. */
struct ch_push {
	struct ch_store *store; /* where the upload cache is */
	const char *name;	/* of the image there */
	int image;		/* its root directory */
	/* It is this image of storage, which others must not change while it is packed; NULL: it is
	 * somewhere else. */
	const struct ch_ref *ref;
	struct ch_registry *registry;	 /* opened with CH_REGISTRY_PUSH; its reference counts */
	struct ch_compress_how compress; /* gzip or zstd */
	bool no_xattrs;			 /* leave out extended attributes */
	/* True ends the packing with -ECANCELED; what the registry does, its own options end.
	 * NULL: nobody does. */
	const atomic_bool *cancel;
	struct ch_teller teller; /* told what is done */
};

/* ret_digests: what the registry calls it by. Errors: those of the registry (registry.h), of the
 * file system, of walks (archive/walk.h). */
int ch_push(const struct ch_push *push, struct ch_oci_digests *ret_digests, struct ch_err *err);

#endif
