/* SPDX-License-Identifier: Apache-2.0 */
/* resolve.c - from a reference to a manifest and a configuration */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"
#include "inner.h"
#include "oci/ref.h"

int ch_pull_fail(const struct ch_pull *pull, struct ch_err *err)
{
	ch_watch_explain(err);
	return ch_err_in(err, "pull '%s'",
			 pull->registry ? ch_registry_name(pull->registry) : "image");
}

/* ---- manifests -------------------------------------------------------------------------- */

/* A manifest or an index */
struct doc {
	char *text; /* owned */
	size_t len;
	char *type; /* owned, or NULL: not known */
	char digest[CH_OCI_DIGEST_SIZE];
};

static void ch_auto_doc(struct doc *doc)
{
	free(doc->text);
	free(doc->type);
}

/* The document DIGEST, if it is there. */
static bool find(const struct ch_pull *pull, const char *digest, struct doc *ret)
{
	struct ch_err ignored;

	if (ch_blobs_read(&pull->blobs, digest, &ret->text, &ret->len, &ignored) < 0)
		return false;
	memcpy(ret->digest, digest, CH_OCI_DIGEST_SIZE);
	return true;
}

/* Get REFERENCE (NULL: the image's) from the registry, and keep it. */
static int get(struct ch_pull *pull, const char *reference, struct doc *ret, struct ch_err *err)
{
	bool no_index = !reference && strcmp(pull->options.arch, CH_OCI_ARCH_YOLO) == 0;
	ch_auto(registry_manifest) struct ch_registry_manifest got = { 0 };

	if (ch_registry_get_manifest(pull->registry, reference, no_index, &got, err) < 0 ||
	    ch_blobs_write(&pull->blobs, got.digest, got.text, got.len, err) < 0)
		return err->code;
	if (!reference && !no_index &&
	    ch_blobs_note(&pull->blobs, ch_registry_name(pull->registry), got.digest, err) < 0)
		return err->code;
	*ret = (struct doc){ .text = ch_take(got.text), .len = got.len, .type = ch_take(got.type) };
	memcpy(ret->digest, got.digest, sizeof(got.digest));
	return 0;
}

static bool is_out_of_reach(int code)
{
	return code == -EHOSTUNREACH || code == -ETIMEDOUT || code == -ECONNRESET;
}

/* What a tag means, only the registry knows; a digest means always the same. */
static int get_first(struct ch_pull *pull, struct doc *ret, struct ch_err *err)
{
	const char *reference = ch_registry_reference(pull->registry);
	bool is_digest = strncmp(reference, "sha256:", 7) == 0;
	char digest[CH_OCI_DIGEST_SIZE];
	int rc;

	if (is_digest && !pull->options.anew && find(pull, reference, ret)) {
		ch_tell(&pull->options.teller, CH_INFO, "manifest: using existing file");
		return 0;
	}
	ch_tell(&pull->options.teller, CH_INFO, "manifest: downloading");
	rc = get(pull, NULL, ret, err);
	if (rc == 0 || !pull->options.may_be_old || !is_out_of_reach(rc) ||
	    !ch_blobs_noted(&pull->blobs, ch_registry_name(pull->registry), digest) ||
	    !find(pull, digest, ret))
		return rc;
	ch_tell(&pull->options.teller, CH_WARN, "%s; using the image as it was when last asked for",
		err->msg);
	return 0;
}

/* The manifest that INDEX has for our architecture */
static int get_chosen(struct ch_pull *pull, const struct ch_oci_manifest *index, struct doc *ret,
		      struct ch_err *err)
{
	const struct ch_oci_desc *chosen;

	if (ch_oci_choose(index, pull->options.arch, &chosen, err) < 0)
		return err->code;
	if (!pull->options.anew && find(pull, chosen->digest, ret)) {
		ch_tell(&pull->options.teller, CH_INFO,
			"manifest of the architecture: using existing file");
		return 0;
	}
	ch_tell(&pull->options.teller, CH_INFO, "manifest of the architecture: downloading");
	return get(pull, chosen->digest, ret, err);
}

static int parse(struct ch_pull *pull, const struct doc *doc, struct ch_oci_manifest *ret,
		 struct ch_err *err)
{
	if (ch_oci_manifest_parse(doc->type, doc->text, doc->len, ret, err) < 0)
		return err->code;
	memcpy(pull->digest, doc->digest, sizeof(doc->digest));
	return 0;
}

static int find_manifest(struct ch_pull *pull, struct ch_err *err)
{
	ch_auto(oci_manifest) struct ch_oci_manifest index = { 0 };
	ch_auto(doc) struct doc first = { 0 }, second = { 0 };

	if (get_first(pull, &first, err) < 0 || parse(pull, &first, &index, err) < 0)
		return err->code;
	if (index.kind == CH_OCI_IMAGE) {
		pull->manifest = ch_take(index);
		return 0;
	}
	if (get_chosen(pull, &index, &second, err) < 0 ||
	    parse(pull, &second, &pull->manifest, err) < 0)
		return err->code;
	if (pull->manifest.kind != CH_OCI_IMAGE)
		return ch_err_set(err, -ENOTSUP, "an index of indices is not supported");
	return 0;
}

/* ---- the configuration ------------------------------------------------------------------ */

static int get_config(struct ch_pull *pull, struct ch_err *err)
{
	const struct ch_oci_desc *desc = &pull->manifest.config;
	struct ch_err ignored;

	if (!pull->options.anew && ch_blobs_read(&pull->blobs, desc->digest, &pull->config,
						 &pull->config_len, &ignored) == 0) {
		ch_tell(&pull->options.teller, CH_INFO, "config: using existing file");
		return 0;
	}
	ch_tell(&pull->options.teller, CH_INFO, "config: downloading");
	if (ch_registry_get_blob(pull->registry, desc, CH_OCI_MANIFEST_MAX, &pull->config, err) < 0)
		return err->code;
	pull->config_len = desc->size;
	return ch_blobs_write(&pull->blobs, desc->digest, pull->config, pull->config_len, err);
}

static int check_config(struct ch_pull *pull, struct ch_err *err)
{
	const struct ch_oci_image *image = &pull->image;
	const char *wanted = pull->options.arch;

	if (image->n != pull->manifest.n)
		return ch_err_set(err, -EINVAL,
				  "the manifest has %zu layers, but the configuration %zu",
				  pull->manifest.n, image->n);
	if (ch_oci_image_check_os(image, err) < 0)
		return err->code;
	if (image->arch && !ch_oci_arch_matches(wanted, image->arch, image->variant))
		return ch_err_set(err, -ENOENT,
				  "the image is for architecture '%s%s%s', not for '%s'; to have "
				  "it all the same: --arch=" CH_OCI_ARCH_YOLO,
				  image->arch, image->variant ? "/" : "",
				  image->variant ? image->variant : "", wanted);
	return 0;
}

/* ---- open and close --------------------------------------------------------------------- */

static int resolve(struct ch_pull *pull, const struct ch_ref *ref, struct ch_err *err)
{
	struct ch_registry_options options = pull->options.registry;

	options.cancel = &pull->watch.cancel;
	if (ch_oci_arch_parse(pull->options.arch, &pull->options.arch, err) < 0 ||
	    ch_watch_start(&pull->watch, err) < 0 ||
	    ch_blobs_open(pull->options.store, &pull->watch.cancel, &pull->blobs, err) < 0 ||
	    ch_registry_open(ref, &options, &pull->registry, err) < 0)
		return ch_pull_fail(pull, err);
	ch_tell(&pull->options.teller, CH_INFO, "requesting arch:  %s", pull->options.arch);
	if (find_manifest(pull, err) < 0 || get_config(pull, err) < 0 ||
	    ch_oci_image_parse(pull->config, pull->config_len, &pull->image, err) < 0 ||
	    check_config(pull, err) < 0)
		return ch_pull_fail(pull, err);
	snprintf(pull->key, sizeof(pull->key), "%s %zu", pull->digest, pull->options.last_layer);
	return 0;
}

int ch_pull_open(const struct ch_ref *ref, const struct ch_pull_options *options,
		 struct ch_pull **ret_pull, struct ch_err *err)
{
	ch_auto(pull) struct ch_pull *pull = calloc(1, sizeof(*pull));

	if (!pull)
		return ch_err_nomem(err);
	pull->options = *options;
	pull->blobs = CH_BLOBS_INIT;
	if (resolve(pull, ref, err) < 0)
		return err->code;
	*ret_pull = ch_take(pull);
	return 0;
}

const char *ch_pull_key(const struct ch_pull *pull)
{
	return pull->key;
}

void ch_pull_digests(const struct ch_pull *pull, struct ch_oci_digests *ret)
{
	memcpy(ret->manifest, pull->digest, sizeof(ret->manifest));
	snprintf(ret->config, sizeof(ret->config), "%s", pull->manifest.config.digest);
}

void ch_pull_close(struct ch_pull *pull)
{
	if (!pull)
		return;
	ch_registry_close(pull->registry);
	ch_watch_stop(&pull->watch);
	ch_blobs_done(&pull->blobs);
	ch_oci_manifest_done(&pull->manifest);
	ch_oci_image_done(&pull->image);
	free(pull->config);
	free(pull);
}
