/* SPDX-License-Identifier: Apache-2.0 */
/* pull.h - get an image from a registry
 *
 *	ch_auto(pull) struct ch_pull *pull = NULL;
 *	ch_pull_open(&ref, &options, &pull, err);	which image is it?
 *	ch_pull_fill(pull, root, err);			unpack it into a directory
 *
 * What is downloaded goes through the download cache of storage (blobs.h). Layers come several at
 * a time (download.h), and are unpacked while they come. Everything is verified: documents and
 * layers by the digests that led to them, unpacked layers by the digests of the configuration. */
#ifndef CH_PULL_PULL_H
#define CH_PULL_PULL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/teller.h"
#include "registry/registry.h"

struct ch_err;
struct ch_oci_digests;
struct ch_oci_meta;
struct ch_pull;
struct ch_ref;
struct ch_store;

/* All is borrowed, until ch_pull_close. */
struct ch_pull_options {
	struct ch_store *store;
	struct ch_registry_options registry; /* its cancel is not used */
	const char *arch;		     /* of ch_oci_arch_parse; NULL: this machine's */
	bool anew;			     /* download what is there, too */
	/* If the registry cannot be reached, what the reference meant the last time will do. */
	bool may_be_old;
	size_t last_layer; /* unpack so many layers only; 0: all */

	struct ch_teller teller; /* told by any thread */
};

/* Find out what REF is: its manifest. While an image is open, signals that are pending (watch.h)
 * end what is under way.
 * Errors: those of registries (registry.h), manifests (oci/manifest.h), storage; -EINTR
 * interrupted. */
int ch_pull_open(const struct ch_ref *ref, const struct ch_pull_options *options,
		 struct ch_pull **ret_pull, struct ch_err *err);

/* The digest of its manifest, and all else that the result depends on, as a text. Borrowed. */
const char *ch_pull_key(const struct ch_pull *pull);

/* Its digests: those of the manifest for its architecture, and of its configuration. */
void ch_pull_digests(const struct ch_pull *pull, struct ch_oci_digests *ret);

/* Unpack it into the empty directory that is open as ROOT: layers, and mount points. After an
 * error, that is of no use.
 *
 * ret_config: its configuration, as it came; malloc'ed
 * ret_meta: what that says
 * Errors: as above; those of layers (archive/layer.h); -EBADMSG a digest is wrong. */
int ch_pull_fill(struct ch_pull *pull, int root, char **ret_config, struct ch_oci_meta *ret_meta,
		 struct ch_err *err);

/* NULL is fine. */
void ch_pull_close(struct ch_pull *pull);

static inline void ch_auto_pull(struct ch_pull **pull)
{
	ch_pull_close(*pull);
}

#endif
