/* SPDX-License-Identifier: Apache-2.0 */
#include "push/push.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/progress.h"
#include "hash/hash.h"
#include "oci/image_print.h"
#include "oci/meta.h"
#include "push/layers.h"
#include "push/pack.h"
#include "registry/digest.h"
#include "registry/registry.h"
#include "store/imagemeta.h"
#include "store/lock.h"

enum { SHORT = 7 };

static bool is_oci(const struct ch_push *push)
{
	return push->compress.kind == CH_COMPRESS_ZSTD;
}

/* ---- layer --------------------------------------------------------------------------------- */

static void put_digest(const uint8_t *hash, char out[CH_OCI_DIGEST_SIZE])
{
	memcpy(out, "sha256:", 7);
	ch_hash_hex(hash, CH_SHA256_BYTES, out + 7);
}

static void warn_of(const struct ch_push *push, const struct ch_packed *packed)
{
	const struct {
		unsigned long long n;
		const char *what;
	} rows[] = {
		{ packed->walked.devices, "device files" },
		{ packed->walked.sockets, "sockets" },
		{ packed->whiteouts, "files called '.wh.*', which means something else in layers" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].n > 0)
			ch_tell(&push->teller, CH_WARN, "image '%s': left out: %llu %s", push->name,
				rows[i].n, rows[i].what);
}

static struct ch_pack_from pack_from(const struct ch_push *push)
{
	return (struct ch_pack_from){
		.root = push->image,
		.compress = push->compress,
		.no_xattrs = push->no_xattrs,
		.cancel = push->cancel,
	};
}

static int make_layer(const struct ch_push *push, int dir, uint64_t bytes, struct ch_layer *layer,
		      struct ch_err *err)
{
	ch_auto(layer_draft) struct ch_layer_draft draft = CH_LAYER_DRAFT_INIT;
	const struct ch_pack_from from = pack_from(push);
	struct ch_packed packed;

	ch_tell(&push->teller, CH_INFO, "layer 1/1: preparing");
	layer->image = strdup(push->name);
	if (!layer->image)
		return ch_err_nomem(err);
	if (ch_layers_begin(dir, &draft, err) < 0)
		return err->code;
	if (ch_pack(&from, bytes, draft.fd, &packed, err) < 0)
		return ch_err_in(err, "image '%s'", push->name);
	warn_of(push, &packed);
	put_digest(packed.layer.digest, layer->digest);
	put_digest(packed.layer.plain_digest, layer->diff_id);
	layer->size = packed.layer.size;
	return ch_layers_finish(&draft, layer, err);
}

static int find_or_make(const struct ch_push *push, int dir, struct ch_layer *layer,
			struct ch_err *err)
{
	const struct ch_pack_from from = pack_from(push);
	char key[CH_PACK_KEY];
	uint64_t bytes;

	ch_tell(&push->teller, CH_INFO, "layer 1/1: gathering");
	if (ch_pack_key(&from, key, &bytes, err) < 0)
		return ch_err_in(err, "image '%s'", push->name);

	int found = ch_layers_find(dir, key, layer, err);

	if (found != 0) {
		if (found > 0)
			ch_tell(&push->teller, CH_INFO, "layer 1/1: found in upload cache");
		return found < 0 ? found : 0;
	}
	memcpy(layer->key, key, sizeof(key));
	return make_layer(push, dir, bytes, layer, err);
}

/* Two at once would see the modes of files that the other one has made readable for the moment. */
static int get_layer(const struct ch_push *push, int dir, struct ch_layer *layer,
		     struct ch_err *err)
{
	ch_auto(store_lock) struct ch_store_lock lock = { 0 };

	if (push->ref && ch_store_lock(push->store, push->ref, &lock, err) < 0)
		return err->code;
	return find_or_make(push, dir, layer, err);
}

/* Have the registry take it from another repository of its own that is known to have it. Returns
 * 1 if it did. */
static int mount_layer(const struct ch_push *push, const struct ch_layer *layer, struct ch_err *err)
{
	const char *host = ch_registry_host(push->registry);
	size_t len = strlen(host);

	for (size_t i = 0; i < layer->places.n; i++) {
		const char *place = layer->places.v[i];
		bool is_done = false;

		if (strncmp(place, host, len) != 0 || place[len] != '/' ||
		    strcmp(place + len + 1, ch_registry_repository(push->registry)) == 0)
			continue;
		if (ch_registry_mount_blob(push->registry, layer->digest, place + len + 1, &is_done,
					   err) < 0)
			return err->code;
		if (is_done) {
			ch_tell(&push->teller, CH_INFO, "layer 1/1: %.*s: taken from '%s'", SHORT,
				CH_OCI_HEX(layer->digest), place);
			return 1;
		}
	}
	return 0;
}

static int upload_layer(const struct ch_push *push, int dir, const struct ch_layer *layer,
			const struct ch_oci_desc *desc, struct ch_err *err)
{
	ch_auto(progress) struct ch_progress *progress = ch_progress_new(
		"layer 1/1", CH_PROGRESS_BYTES, layer->size);
	const struct ch_registry_upload upload = {
		.fd = layer->fd,
		.blob = desc,
		.progress = progress,
	};
	int rc = ch_registry_upload(push->registry, &upload, err);

	if (rc == -EBADMSG)
		ch_layers_drop(dir, layer);
	return rc;
}

static int send_layer(const struct ch_push *push, int dir, const struct ch_layer *layer,
		      const struct ch_oci_desc *desc, struct ch_err *err)
{
	const char *digits = CH_OCI_HEX(layer->digest);
	bool has = false;

	ch_tell(&push->teller, CH_INFO, "layer 1/1: %.*s: checking if already in repository", SHORT,
		digits);
	if (ch_registry_has_blob(push->registry, layer->digest, &has, err) < 0)
		return err->code;
	if (has) {
		ch_tell(&push->teller, CH_INFO, "layer 1/1: %.*s: already present", SHORT, digits);
		return 0;
	}

	int rc = mount_layer(push, layer, err);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	ch_tell(&push->teller, CH_INFO, "layer 1/1: %.*s: not present, uploading", SHORT, digits);
	return upload_layer(push, dir, layer, desc, err);
}

/* From the image to a layer that the registry has */
static int do_layer(const struct ch_push *push, struct ch_layer *layer, struct ch_oci_desc *ret,
		    struct ch_err *err)
{
	const char *type = is_oci(push) ? CH_OCI_TYPE_LAYER_ZSTD : CH_DOCKER_TYPE_LAYER_GZIP;
	ch_auto(fd) int dir = ch_layers_open(push->store, err);
	ch_auto(str) char *place = NULL;

	if (dir < 0 || get_layer(push, dir, layer, err) < 0)
		return err->code;
	ch_tell(&push->teller, CH_INFO, "starting upload");
	if (ch_oci_desc_set(ret, type, layer->digest, layer->size, err) < 0 ||
	    send_layer(push, dir, layer, ret, err) < 0)
		return err->code;
	if (asprintf(&place, "%s/%s", ch_registry_host(push->registry),
		     ch_registry_repository(push->registry)) < 0) {
		place = NULL;
		return ch_err_nomem(err);
	}
	return ch_layers_note(dir, layer, place, err);
}

/* ---- configuration and manifest ------------------------------------------------------------ */

static int do_config(const struct ch_push *push, const struct ch_layer *layer,
		     struct ch_oci_desc *ret, struct ch_err *err)
{
	const char *type = is_oci(push) ? CH_OCI_TYPE_CONFIG : CH_DOCKER_TYPE_CONFIG;
	ch_auto(oci_meta) struct ch_oci_meta meta = { 0 };
	ch_auto(str) char *text = NULL;

	ch_tell(&push->teller, CH_INFO, "preparing metadata");
	if (ch_store_read_meta(push->image, &meta, err) < 0 ||
	    ch_oci_image_print(&meta, &layer->diff_id, 1, &text, err) < 0 ||
	    ch_registry_put_blob(push->registry, type, text, strlen(text), ret, err) < 0)
		return err->code;
	ch_tell(&push->teller, CH_INFO, "config: %.*s: present", SHORT, CH_OCI_HEX(ret->digest));
	return 0;
}

/* Is what the registry calls by our reference this very manifest, and not an index that has it?
 * Returns 1 if so. Something that cannot be had, or understood, is another one. */
static int has_manifest(const struct ch_push *push, const char *digest, struct ch_err *err)
{
	ch_auto(registry_manifest) struct ch_registry_manifest there = { 0 };
	int rc = ch_registry_get_manifest(push->registry, NULL, false, &there, err);

	if (rc == -ECANCELED || rc == -EACCES || rc == -ENOMEM)
		return rc;
	return rc == 0 && strcmp(there.digest, digest) == 0;
}

static int do_manifest(const struct ch_push *push, const struct ch_oci_manifest *manifest,
		       char ret_digest[CH_OCI_DIGEST_SIZE], struct ch_err *err)
{
	ch_auto(str) char *text = NULL;

	if (ch_oci_manifest_print(manifest, &text, err) < 0 ||
	    ch_digest_of(text, strlen(text), ret_digest, err) < 0)
		return err->code;

	int has = has_manifest(push, ret_digest, err);

	if (has != 0) {
		if (has > 0)
			ch_tell(&push->teller, CH_INFO, "manifest: already present");
		return has < 0 ? has : 0;
	}
	ch_tell(&push->teller, CH_INFO, "manifest: uploading");
	return ch_registry_put_manifest(push->registry, NULL, ch_oci_manifest_type(manifest), text,
					strlen(text), err);
}

int ch_push(const struct ch_push *push, struct ch_oci_digests *ret_digests, struct ch_err *err)
{
	ch_auto(oci_desc) struct ch_oci_desc layer_desc = { 0 };
	ch_auto(oci_desc) struct ch_oci_desc config = { 0 };
	ch_auto(layer) struct ch_layer layer = CH_LAYER_INIT;
	struct ch_oci_digests digests;

	/* Before the work: may we? */
	if (ch_registry_check(push->registry, err) < 0 ||
	    do_layer(push, &layer, &layer_desc, err) < 0 ||
	    do_config(push, &layer, &config, err) < 0)
		return err->code;

	const struct ch_oci_manifest manifest = {
		.kind = CH_OCI_IMAGE,
		.is_docker = !is_oci(push),
		.config = config,
		.items = &layer_desc,
		.n = 1,
	};

	if (do_manifest(push, &manifest, digests.manifest, err) < 0)
		return err->code;
	memcpy(digests.config, config.digest, sizeof(digests.config));
	*ret_digests = digests;
	return 0;
}
