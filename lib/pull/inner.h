/* SPDX-License-Identifier: Apache-2.0 */
/* inner.h - what the files of this folder share */
#ifndef CH_PULL_INNER_H
#define CH_PULL_INNER_H

#include "oci/image.h"
#include "oci/manifest.h"
#include "pull/blobs.h"
#include "pull/pull.h"
#include "pull/watch.h"

struct ch_pull {
	struct ch_pull_options options;
	struct ch_blobs blobs;
	struct ch_watch watch;
	struct ch_registry *registry; /* owned */

	char digest[CH_OCI_DIGEST_SIZE]; /* of the manifest */
	struct ch_oci_manifest manifest; /* of an image */
	char *config;			 /* owned */
	size_t config_len;
	struct ch_oci_image image;
	char key[CH_OCI_DIGEST_SIZE + 32];
};

/* Say of whom ERR is; and what is meant, if it is about a signal. Returns its code. */
int ch_pull_fail(const struct ch_pull *pull, struct ch_err *err);

#endif
