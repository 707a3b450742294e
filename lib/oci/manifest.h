/* SPDX-License-Identifier: Apache-2.0 */
/* manifest.h - manifests and indices: which blobs an image is made of
 *
 * Those of OCI (image-spec, manifest.md, image-index.md) and of Docker ("schema 2"), which differ
 * only in the names of types. An index has a manifest for each platform; an image manifest has a
 * configuration and layers. They come from registries and archives, so they may be anything: what
 * is accepted is bounded, and has digests that are of SHA-256. */
#ifndef CH_OCI_MANIFEST_H
#define CH_OCI_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ch_err;

#define CH_OCI_MANIFEST_MAX (4 * 1024 * 1024) /* bytes of a manifest or an index */
#define CH_OCI_ITEMS_MAX    4096	      /* layers of an image, manifests of an index */
#define CH_OCI_BLOB_MAX	    (1LL << 48)	      /* bytes of a blob */
#define CH_OCI_DIGEST_SIZE  (7 + 64 + 1)      /* "sha256:", digits, NUL */

/* The digits of a digest */
#define CH_OCI_HEX(digest_) ((digest_) + sizeof("sha256:") - 1)

/* Types of documents and blobs. */
#define CH_OCI_TYPE_INDEX	  "application/vnd.oci.image.index.v1+json"
#define CH_OCI_TYPE_MANIFEST	  "application/vnd.oci.image.manifest.v1+json"
#define CH_OCI_TYPE_CONFIG	  "application/vnd.oci.image.config.v1+json"
#define CH_OCI_TYPE_LAYER	  "application/vnd.oci.image.layer.v1.tar"
#define CH_OCI_TYPE_LAYER_GZIP	  "application/vnd.oci.image.layer.v1.tar+gzip"
#define CH_OCI_TYPE_LAYER_ZSTD	  "application/vnd.oci.image.layer.v1.tar+zstd"
#define CH_DOCKER_TYPE_INDEX	  "application/vnd.docker.distribution.manifest.list.v2+json"
#define CH_DOCKER_TYPE_MANIFEST	  "application/vnd.docker.distribution.manifest.v2+json"
#define CH_DOCKER_TYPE_CONFIG	  "application/vnd.docker.container.image.v1+json"
#define CH_DOCKER_TYPE_LAYER_GZIP "application/vnd.docker.image.rootfs.diff.tar.gzip"
#define CH_DOCKER_TYPE_SIGNED	  "application/vnd.docker.distribution.manifest.v1+prettyjws"

/* Another document or blob, by its hash. Texts are malloc'ed, or NULL. */
struct ch_oci_desc {
	char *type;			 /* media type, as it was said; never NULL after parsing */
	char digest[CH_OCI_DIGEST_SIZE]; /* "sha256:HEX" */
	uint64_t size;			 /* bytes */
	char *os, *arch, *variant;	 /* the platform; of manifests in an index */
	char *ref_name;			 /* annotation org.opencontainers.image.ref.name */
};

enum ch_oci_kind {
	CH_OCI_IMAGE, /* an image manifest: CONFIG, and layers, the lowest one first */
	CH_OCI_INDEX, /* manifests */
};

struct ch_oci_manifest {
	enum ch_oci_kind kind;
	bool is_docker;
	struct ch_oci_desc config; /* of an image */
	struct ch_oci_desc *items; /* owned: layers or manifests */
	size_t n;
};

/* Parse LEN bytes.
 *
 * type: what the registry calls it (Content-Type), or NULL; "mediaType" in the document has to
 *       agree with it
 * Errors: -EINVAL what is wrong with it; -ENOTSUP it is a manifest of schema 1, or of something
 *       that is no image; -EFBIG; -ENOMEM. */
int ch_oci_manifest_parse(const char *type, const char *text, size_t len,
			  struct ch_oci_manifest *ret, struct ch_err *err);

/* Write it: the same bytes for the same content. ret_text: malloc'ed. Errors: -ENOMEM, also if it
 * is too long. */
int ch_oci_manifest_print(const struct ch_oci_manifest *manifest, char **ret_text,
			  struct ch_err *err);

/* The type of the document. Static. */
const char *ch_oci_manifest_type(const struct ch_oci_manifest *manifest);

void ch_oci_manifest_done(struct ch_oci_manifest *manifest);

static inline void ch_auto_oci_manifest(struct ch_oci_manifest *manifest)
{
	ch_oci_manifest_done(manifest);
}

/* Fill DESC, which is empty, by copies. DIGEST: as below. */
int ch_oci_desc_set(struct ch_oci_desc *desc, const char *type, const char *digest, uint64_t size,
		    struct ch_err *err);

void ch_oci_desc_done(struct ch_oci_desc *desc);

static inline void ch_auto_oci_desc(struct ch_oci_desc *desc)
{
	ch_oci_desc_done(desc);
}

/* Is TEXT "sha256:" and 64 digits, lower-case? Errors: -EINVAL; -ENOTSUP another algorithm. */
int ch_oci_digest_check(const char *text, struct ch_err *err);

/* What an image is called by in a registry: its manifest's digest, and that of its configuration */
struct ch_oci_digests {
	char manifest[CH_OCI_DIGEST_SIZE], config[CH_OCI_DIGEST_SIZE];
};

/* ---- architectures ------------------------------------------------------------------------ */

/* Names of architectures are "ARCH" or "ARCH/VARIANT" of Go, as registries have them. */

#define CH_OCI_ARCH_YOLO "yolo" /* whichever the registry likes best */
#define CH_OCI_ARCH_MAX	 64	/* bytes of a name, with NUL */

/* The architecture of this machine: of uname(2), in the words of registries. Static. */
const char *ch_oci_arch_host(void);

/* What --arch means: "host" (or NULL) is this machine's, all else is as it is.
 * ret_arch: borrowed from WANTED, or static. Errors: -EINVAL it cannot be a name. */
int ch_oci_arch_parse(const char *wanted, const char **ret_arch, struct ch_err *err);

/* The name of the architecture that DESC is for: "" if it does not say. */
void ch_oci_arch_text(const struct ch_oci_desc *desc, char out[CH_OCI_ARCH_MAX]);

/* Is this for an image: for Linux, and not what tools add about other manifests (attestations)? */
bool ch_oci_desc_is_image(const struct ch_oci_desc *desc);

/* Choose from INDEX. A variant that is not given is the usual one: "arm64" is "arm64/v8".
 * CH_OCI_ARCH_YOLO: amd64, else the first one.
 * ret_desc: borrowed from INDEX. Errors: -ENOENT, with a list of what there is. */
int ch_oci_choose(const struct ch_oci_manifest *index, const char *arch,
		  const struct ch_oci_desc **ret_desc, struct ch_err *err);

/* Is an image with ARCH and VARIANT (NULL: not given) what WANTED means? Yes for CH_OCI_ARCH_YOLO.
 */
bool ch_oci_arch_matches(const char *wanted, const char *arch, const char *variant);

#endif
