/* SPDX-License-Identifier: Apache-2.0 */
/* trust.h - which certificates are believed, beside the system's
 *
 * As other tools do it, a registry may have a directory HOST:PORT (or HOST, for port 443) below
 * ~/.config/containers/certs.d, ~/.docker/certs.d, /etc/containers/certs.d or /etc/docker/certs.d
 * (the first one counts): *.crt are authorities in addition to the system's, NAME.cert with
 * NAME.key is what we show ourselves with. */
#ifndef CH_REGISTRY_TRUST_H
#define CH_REGISTRY_TRUST_H

#include "base/buf.h"

struct ch_err;

struct ch_trust {
	struct ch_buf certs; /* authorities, PEM */
	char *client_cert;   /* files; owned, or NULL */
	char *client_key;
};

/* The file of authorities instead of the system's: of $CURL_CA_BUNDLE, $SSL_CERT_FILE or
 * $REQUESTS_CA_BUNDLE; NULL: none. Borrowed from the environment. */
const char *ch_trust_file(void);

/* Fill TRUST, which is empty, for the registry "HOST:PORT". If that has authorities of its own, the
 * others are added: those of ch_trust_file, or else of SYSTEM, a file, if it is there (NULL: none
 * is known). */
int ch_trust_registry(struct ch_trust *trust, const char *registry, const char *system,
		      struct ch_err *err);

void ch_trust_done(struct ch_trust *trust);

#endif
