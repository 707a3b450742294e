/* SPDX-License-Identifier: Apache-2.0 */
/* fetch.h - get a file from a web server (ADD URL)
 *
 * http and https; redirects are followed, but not from https to http. Failures that may pass are
 * repeated as for registries (registry.h). No credentials are sent. */
#ifndef CH_REGISTRY_FETCH_H
#define CH_REGISTRY_FETCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "oci/manifest.h"

struct ch_err;
struct ch_progress;

struct ch_fetch {
	const char *url;
	int fd;			   /* an empty file, open for reading and writing */
	uint64_t max;		   /* bytes; more are an error; 0: as many as come */
	const char *digest;	   /* "sha256:HEX" that it has to have; NULL: any */
	bool no_verify;		   /* of certificates */
	const atomic_bool *cancel; /* as in registry.h */
	struct ch_progress *progress;
};

struct ch_fetched {
	char digest[CH_OCI_DIGEST_SIZE];
	uint64_t size;
	time_t modified; /* by the server's word; -1: it does not say */
};

/* Errors: as in registry.h; -EINVAL the URL; -EFBIG. */
int ch_fetch(const struct ch_fetch *fetch, struct ch_fetched *ret, struct ch_err *err);

/* The last part of the path of URL, without escapes: a name for the file. "" if there is none, or
 * if it could be no name. ret_name: malloc'ed */
int ch_fetch_name(const char *url, char **ret_name, struct ch_err *err);

/* Is TEXT an URL that ch_fetch can fetch? */
bool ch_fetch_is_url(const char *text);

#endif
