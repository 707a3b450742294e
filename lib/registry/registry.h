/* SPDX-License-Identifier: Apache-2.0 */
/* registry.h - client of registries: manifests and blobs, down and up
 *
 * Speaks the OCI distribution protocol, which is Docker's registry protocol, version 2, over HTTPS.
 * Plain HTTP is spoken to this machine (localhost, 127.0.0.0/8), if what listens there speaks no
 * TLS, and to others if CH_REGISTRY_NO_VERIFY asks for it.
 *
 * Requests that fail in a way that may pass (connections, 429, 5xx) are repeated, with growing
 * pauses, a few times; transfers go on where they broke off. All that is received is bounded, and
 * compared with its digest. Nothing here writes to storage; nothing is printed.
 *
 * A handle is for one repository and one thread at a time; ch_registry_again makes another one for
 * another thread, which shares what was negotiated (credentials, tokens, how the host is spoken
 * to). */
#ifndef CH_REGISTRY_REGISTRY_H
#define CH_REGISTRY_REGISTRY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "oci/manifest.h"

struct ch_err;
struct ch_progress;
struct ch_ref;
struct ch_registry;

enum {
	CH_REGISTRY_AUTH = 1 << 0,	/* with credentials from the first request on */
	CH_REGISTRY_PUSH = 1 << 1,	/* the right to write is needed, too; includes AUTH */
	CH_REGISTRY_NO_VERIFY = 1 << 2, /* any certificate; plain HTTP if there is no TLS */
	/* Passwords may be good for one use: credentials are found, or asked for, each time. */
	CH_REGISTRY_FORGET = 1 << 3,
};

/* Credentials; malloc'ed. */
struct ch_credentials {
	char *user; /* NULL: there are none */
	char *secret;
	bool is_token; /* the secret is an identity token; the user does not count */
};

/* Wipes them. */
void ch_credentials_done(struct ch_credentials *credentials);

static inline void ch_auto_credentials(struct ch_credentials *credentials)
{
	ch_credentials_done(credentials);
}

struct ch_registry_options {
	unsigned flags; /* CH_REGISTRY_* */

	/* Ask somebody for credentials of the registry HOST ("HOST:PORT"): with CH_REGISTRY_AUTH,
	 * when neither environment nor files (registry/credentials.h) have them. Called by any
	 * thread, by one at a time for a host. Nobody is there: -EACCES. NULL: nobody is asked. */
	int (*ask)(void *context, const char *host, struct ch_credentials *ret, struct ch_err *err);
	void *context;

	/* Borrowed; true ends what is under way with -ECANCELED, within a second. NULL: nobody
	 * does. */
	const atomic_bool *cancel;
};

/* Open the repository of REF (of which nothing is kept). "docker.io/x" and names without a host
 * are on Docker Hub; $CH_REGY_DEFAULT_HOST, _PORT and _PATH_PREFIX say otherwise for the latter.
 * Nothing is sent yet. Errors: -EINVAL, -ENOMEM. */
int ch_registry_open(const struct ch_ref *ref, const struct ch_registry_options *options,
		     struct ch_registry **ret_registry, struct ch_err *err);

/* Another handle for the same. */
int ch_registry_again(struct ch_registry *registry, struct ch_registry **ret_registry,
		      struct ch_err *err);

/* NULL is fine. What others got from ch_registry_again stays. */
void ch_registry_close(struct ch_registry *registry);

static inline void ch_auto_registry(struct ch_registry **registry)
{
	ch_registry_close(*registry);
}

/* All that is meant: "registry-1.docker.io:443/library/debian:bookworm". Borrowed. */
const char *ch_registry_name(const struct ch_registry *registry);

/* "HOST:PORT", and the repository: "registry-1.docker.io:443", "library/debian". Borrowed. */
const char *ch_registry_host(const struct ch_registry *registry);
const char *ch_registry_repository(const struct ch_registry *registry);

/* The digest or tag of the reference that was opened ("latest" if there was none). Borrowed. */
const char *ch_registry_reference(const struct ch_registry *registry);

/* Say hello (GET /v2/), with all the rights that will be needed, so that a lack of them is known
 * before the work. Errors: as below. */
int ch_registry_check(struct ch_registry *registry, struct ch_err *err);

/* Errors of all that follows, beside what is said there: -ENOENT not there, or hidden from us;
 * -EACCES credentials are missing, or not accepted; -EPERM a proxy (proxy.h) lets us not through;
 * -EPROTO the registry does not do what it should; -EBADMSG not what was asked for: wrong digest or
 * size; -EHOSTUNREACH, -ETIMEDOUT no connection, also after repetitions; -EBUSY too many requests;
 * -ECANCELED; -ENOMEM. */

/* ---- manifests ---------------------------------------------------------------------------- */

struct ch_registry_manifest {
	char *text; /* owned; ends in NUL, too */
	size_t len;
	char *type;			 /* Content-Type, without parameters; owned */
	char digest[CH_OCI_DIGEST_SIZE]; /* of TEXT */
};

void ch_registry_manifest_done(struct ch_registry_manifest *manifest);

static inline void ch_auto_registry_manifest(struct ch_registry_manifest *manifest)
{
	ch_registry_manifest_done(manifest);
}

/* Get a manifest or an index.
 *
 * reference: tag or digest; NULL: that of ch_registry_reference. By digest, the text has that
 * no_index:  ask for an image manifest only: the registry may choose one from an index */
int ch_registry_get_manifest(struct ch_registry *registry, const char *reference, bool no_index,
			     struct ch_registry_manifest *ret, struct ch_err *err);

/* Put LEN bytes there. reference: as above. */
int ch_registry_put_manifest(struct ch_registry *registry, const char *reference, const char *type,
			     const char *text, size_t len, struct ch_err *err);

/* ---- blobs, down -------------------------------------------------------------------------- */

struct ch_registry_download {
	const struct ch_oci_desc *blob; /* borrowed: digest and size count */

	/* A file (read-write; its offset is not used), or -1. What is in it already is taken for
	 * the begin of the blob, and the rest is appended. When the digest is wrong, it is emptied;
	 * on other errors, it keeps what arrived, to go on from. */
	int fd;

	/* Called with the blob's bytes, in order, each once, those that were in the file already
	 * first; or NULL. They are not verified before the end: only the result of
	 * ch_registry_download tells whether they are right. An error ends the download. */
	int (*data)(void *context, const void *bytes, size_t len, struct ch_err *err);
	void *context;

	struct ch_progress *progress; /* gets all bytes; NULL: nobody looks */
};

/* Get a blob: whole, of the size and digest that were promised. What is in the file is not
 * synchronized to the disk. */
int ch_registry_download(struct ch_registry *registry, const struct ch_registry_download *download,
			 struct ch_err *err);

/* Get a small blob (a configuration) into memory. Errors: -EFBIG it is longer than MAX.
 * ret_text: malloc'ed, with a NUL behind it */
int ch_registry_get_blob(struct ch_registry *registry, const struct ch_oci_desc *blob, size_t max,
			 char **ret_text, struct ch_err *err);

/* ---- blobs, up ---------------------------------------------------------------------------- */

/* Does the repository have the blob? */
int ch_registry_has_blob(struct ch_registry *registry, const char *digest, bool *ret_has,
			 struct ch_err *err);

/* Have the registry take the blob from its repository FROM. That it does not want to, or does not
 * let us read there, is no error: *ret_done is false, and the blob has to be sent. */
int ch_registry_mount_blob(struct ch_registry *registry, const char *digest, const char *from,
			   bool *ret_done, struct ch_err *err);

struct ch_registry_upload {
	const struct ch_oci_desc *blob; /* borrowed: digest and size count */
	int fd;				/* the file that it is: read from offset 0 */
	const void *bytes;		/* or memory, if this is not NULL */
	struct ch_progress *progress;	/* NULL: nobody looks */
};

/* Send a blob: in one piece; in several, if that breaks off, or is too long for the registry. What
 * was sent in vain before an error, the registry throws away after some time. -EBADMSG: it has not
 * that digest. */
int ch_registry_upload(struct ch_registry *registry, const struct ch_registry_upload *upload,
		       struct ch_err *err);

/* Send LEN bytes that are in memory; *ret_desc, which is empty, becomes their descriptor, of
 * media type TYPE. If the registry has them, nothing is sent. */
int ch_registry_put_blob(struct ch_registry *registry, const char *type, const void *bytes,
			 size_t len, struct ch_oci_desc *ret_desc, struct ch_err *err);

#endif
