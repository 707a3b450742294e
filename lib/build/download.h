/* SPDX-License-Identifier: Apache-2.0 */
/* download.h - files that ADD gets from web servers */
#ifndef CH_BUILD_DOWNLOAD_H
#define CH_BUILD_DOWNLOAD_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "oci/manifest.h"

struct ch_err;
struct ch_store;

struct ch_download {
	int fd;	    /* owned; the file, which has no name anywhere */
	char *name; /* owned: the last part of the URL's path; "" if there is none */
	char digest[CH_OCI_DIGEST_SIZE];
	uint64_t size;
	time_t modified; /* as the server says; else 0 */
};

#define CH_DOWNLOAD_INIT ((struct ch_download){ .fd = -1 })

/* Get the file at URL. It takes its space in STORE. The user may end it by a signal (pull/watch.h).
 *
 * digest: "sha256:HEX" that it has to have, or NULL
 * no_verify: certificates count nothing
 * ret: of CH_DOWNLOAD_INIT */
int ch_download(const char *url, const char *digest, bool no_verify, struct ch_store *store,
		struct ch_download *ret, struct ch_err *err);

void ch_download_done(struct ch_download *download);

static inline void ch_auto_download(struct ch_download *download)
{
	ch_download_done(download);
}

#endif
