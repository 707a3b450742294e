/* SPDX-License-Identifier: Apache-2.0 */
/* to_layout.c - OCI layouts, in directories and archives, and archives of Docker as targets
 *
 * Each with one image, of one layer. What tells when and where it was made is left out. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "convert/bundle_write.h"
#include "convert/engine.h"
#include "convert/layer_write.h"
#include "convert/target.h"
#include "convert/temp.h"
#include "hash/hash.h"
#include "json/write.h"
#include "oci/image_print.h"
#include "oci/manifest.h"
#include "oci/meta.h"

enum { NAME_SIZE = 100, DOCKER_MAX = 64 * 1024 };

struct to_layout {
	struct ch_target target;
	struct ch_bundle_writer bundle;
	struct ch_layer_writer layer;
	bool is_begun;
};

static int finish_oci(struct ch_target *target, const struct ch_oci_meta *meta, struct ch_err *err);

static int begin(struct ch_target *target, struct ch_sink **ret_sink, struct ch_err *err)
{
	struct to_layout *t = (struct to_layout *)target;
	struct ch_output *out;

	ch_bundle_writer_init(&t->bundle, target->place.fd, target->kind->is_dir,
			      target->how->path);
	t->is_begun = true;
	if (target->kind->finish == finish_oci &&
	    (ch_bundle_writer_dir(&t->bundle, "blobs/", err) < 0 ||
	     ch_bundle_writer_dir(&t->bundle, "blobs/sha256/", err) < 0))
		return err->code;
	if (ch_bundle_writer_begin(&t->bundle, &out, err) < 0 ||
	    ch_layer_writer_init(&t->layer, out, &target->how->pack, target->how->cancel, err) < 0)
		return err->code;
	*ret_sink = &t->layer.sink;
	return 0;
}

static void forget(struct ch_target *target)
{
	struct to_layout *t = (struct to_layout *)target;

	if (!t->is_begun)
		return;
	ch_layer_writer_done(&t->layer);
	ch_bundle_writer_done(&t->bundle);
	t->is_begun = false;
}

/* ---- parts -------------------------------------------------------------------------------- */

static void digest_text(const uint8_t *bytes, char out[CH_OCI_DIGEST_SIZE])
{
	memcpy(out, "sha256:", 7);
	ch_hash_hex(bytes, CH_SHA256_BYTES, out + 7);
}

static int digest_of(const char *text, char out[CH_OCI_DIGEST_SIZE], struct ch_err *err)
{
	ch_auto(hash) struct ch_hash hash = { 0 };
	uint8_t bytes[CH_SHA256_BYTES];

	if (ch_hash_start(&hash, CH_SHA256, err) < 0)
		return err->code;
	ch_hash_more(&hash, text, strlen(text));
	ch_hash_end(&hash, bytes);
	digest_text(bytes, out);
	return 0;
}

/* The image's configuration. ret_text: malloc'ed */
static int print_config(const struct to_layout *t, const struct ch_oci_meta *meta, char **ret_text,
			struct ch_err *err)
{
	char ids[1][CH_OCI_DIGEST_SIZE];

	digest_text(t->layer.got.plain_digest, ids[0]);
	return ch_oci_image_print(meta, (const char(*)[CH_OCI_DIGEST_SIZE])ids, 1, ret_text, err);
}

static const char *arch_of(const struct ch_oci_meta *meta)
{
	return meta->arch ? meta->arch : ch_oci_arch_host();
}

/* ---- OCI ---------------------------------------------------------------------------------- */

static void blob_name(const char *digest, char out[NAME_SIZE])
{
	snprintf(out, NAME_SIZE, "blobs/sha256/%s", digest + strlen("sha256:"));
}

/* TEXT becomes a blob; *ret_desc, which is empty, its descriptor. */
static int put_blob(struct to_layout *t, const char *type, const char *text,
		    struct ch_oci_desc *ret_desc, struct ch_err *err)
{
	char digest[CH_OCI_DIGEST_SIZE], name[NAME_SIZE];
	size_t len = strlen(text);

	if (digest_of(text, digest, err) < 0 ||
	    ch_oci_desc_set(ret_desc, type, digest, len, err) < 0)
		return err->code;
	blob_name(digest, name);
	return ch_bundle_writer_put(&t->bundle, name, text, len, err);
}

static const char *layer_type(enum ch_compress_kind kind)
{
	if (kind == CH_COMPRESS_NONE)
		return CH_OCI_TYPE_LAYER;
	return kind == CH_COMPRESS_ZSTD ? CH_OCI_TYPE_LAYER_ZSTD : CH_OCI_TYPE_LAYER_GZIP;
}

/* The layer was written: give it its name. */
static int end_layer(struct to_layout *t, struct ch_oci_desc *ret_desc, struct ch_err *err)
{
	char digest[CH_OCI_DIGEST_SIZE], name[NAME_SIZE];

	digest_text(t->layer.got.digest, digest);
	blob_name(digest, name);
	if (ch_bundle_writer_end(&t->bundle, name, t->layer.got.size, err) < 0)
		return err->code;
	return ch_oci_desc_set(ret_desc, layer_type(t->target.how->pack.kind), digest,
			       t->layer.got.size, err);
}

/* *ret_desc: of the manifest */
static int put_manifest(struct to_layout *t, const struct ch_oci_meta *meta,
			struct ch_oci_desc *ret_desc, struct ch_err *err)
{
	ch_auto(oci_manifest) struct ch_oci_manifest manifest = {
		.kind = CH_OCI_IMAGE,
		.items = calloc(1, sizeof(*manifest.items)),
		.n = 1,
	};
	ch_auto(str) char *config = NULL;
	ch_auto(str) char *text = NULL;

	if (!manifest.items) {
		manifest.n = 0;
		return ch_err_nomem(err);
	}
	if (end_layer(t, &manifest.items[0], err) < 0 || print_config(t, meta, &config, err) < 0 ||
	    put_blob(t, CH_OCI_TYPE_CONFIG, config, &manifest.config, err) < 0 ||
	    ch_oci_manifest_print(&manifest, &text, err) < 0)
		return err->code;
	return put_blob(t, CH_OCI_TYPE_MANIFEST, text, ret_desc, err);
}

static int finish_oci(struct ch_target *target, const struct ch_oci_meta *meta, struct ch_err *err)
{
	static const char layout[] = "{\"imageLayoutVersion\": \"1.0.0\"}";
	struct to_layout *t = (struct to_layout *)target;
	const char *tag = target->how->tag;
	ch_auto(oci_desc) struct ch_oci_desc image = { 0 };
	struct ch_oci_manifest index = { .kind = CH_OCI_INDEX, .items = &image, .n = 1 };
	ch_auto(str) char *text = NULL;

	if (put_manifest(t, meta, &image, err) < 0)
		return err->code;
	image.ref_name = strdup(tag ? tag : "latest");
	image.os = strdup("linux");
	image.arch = strdup(arch_of(meta));
	if (!image.ref_name || !image.os || !image.arch)
		return ch_err_nomem(err);
	if (ch_oci_manifest_print(&index, &text, err) < 0 ||
	    ch_bundle_writer_put(&t->bundle, "index.json", text, strlen(text), err) < 0 ||
	    ch_bundle_writer_put(&t->bundle, "oci-layout", layout, strlen(layout), err) < 0)
		return err->code;
	return ch_bundle_writer_finish(&t->bundle, err);
}

const struct ch_target_kind ch_target_oci = {
	.size = sizeof(struct to_layout),
	.is_dir = true,
	.is_layout = true,
	.begin = begin,
	.finish = finish_oci,
	.forget = forget,
};

const struct ch_target_kind ch_target_oci_archive = {
	.size = sizeof(struct to_layout),
	.begin = begin,
	.finish = finish_oci,
	.forget = forget,
};

/* ---- Docker ------------------------------------------------------------------------------- */

/* The image's name, if it has one; in archives of Docker, names without a tag are errors. */
static int put_name(struct ch_json_out *out, const char *name, struct ch_err *err)
{
	const char *slash = name ? strrchr(name, '/') : NULL;
	ch_auto(str) char *full = NULL;

	if (!name)
		return 0;
	if (asprintf(&full, "%s%s", name, strchr(slash ? slash : name, ':') ? "" : ":latest") < 0) {
		full = NULL;
		return ch_err_nomem(err);
	}
	ch_json_put_text(out, NULL, full);
	return 0;
}

/* Its manifest: a list of images. */
static int put_list(struct to_layout *t, const char *config, const char *layer, struct ch_err *err)
{
	ch_auto(json_out) struct ch_json_out out = { .buf = CH_BUF_INIT(DOCKER_MAX) };
	const struct ch_target *target = &t->target;
	const char *tag = target->kind->program ? target->how->path : target->how->tag;

	ch_json_open(&out, NULL, '[');
	ch_json_open(&out, NULL, '{');
	ch_json_put_text(&out, "Config", config);
	ch_json_open(&out, "RepoTags", '[');
	if (put_name(&out, tag, err) < 0)
		return err->code;
	ch_json_close(&out, ']');
	ch_json_open(&out, "Layers", '[');
	ch_json_put_text(&out, NULL, layer);
	ch_json_close(&out, ']');
	ch_json_close(&out, '}');
	ch_json_close(&out, ']');
	if (ch_buf_bad(&out.buf))
		return ch_err_nomem(err);
	return ch_bundle_writer_put(&t->bundle, "manifest.json", out.buf.data, out.buf.len, err);
}

static int finish_docker(struct ch_target *target, const struct ch_oci_meta *meta,
			 struct ch_err *err)
{
	struct to_layout *t = (struct to_layout *)target;
	char digest[CH_OCI_DIGEST_SIZE], layer[NAME_SIZE], name[NAME_SIZE];
	ch_auto(str) char *config = NULL;

	digest_text(t->layer.got.plain_digest, digest);
	snprintf(layer, sizeof(layer), "%s/layer.tar", digest + strlen("sha256:"));
	if (ch_bundle_writer_end(&t->bundle, layer, t->layer.got.size, err) < 0 ||
	    print_config(t, meta, &config, err) < 0 || digest_of(config, digest, err) < 0)
		return err->code;
	snprintf(name, sizeof(name), "%s.json", digest + strlen("sha256:"));
	if (ch_bundle_writer_put(&t->bundle, name, config, strlen(config), err) < 0 ||
	    put_list(t, name, layer, err) < 0)
		return err->code;
	return ch_bundle_writer_finish(&t->bundle, err);
}

const struct ch_target_kind ch_target_docker_archive = {
	.size = sizeof(struct to_layout),
	.begin = begin,
	.finish = finish_docker,
	.forget = forget,
};

/* ---- its programs ------------------------------------------------------------------------- */

static int check_name(const struct ch_target *target, struct ch_err *err)
{
	bool has = false;

	if (target->how->keep &&
	    ch_engine_has(target->kind->program, target->how->path, &has, err) < 0)
		return err->code;
	return has ? ch_err_set(err, -EEXIST, "%s has image '%s' already: not replaced",
				target->kind->program, target->how->path)
		   : 0;
}

static int begin_temp(struct ch_target *target, struct ch_sink **ret_sink, struct ch_err *err)
{
	if (check_name(target, err) < 0)
		return err->code;
	target->place.fd = ch_convert_temp(target->how->temp, err);
	return target->place.fd < 0 ? err->code : begin(target, ret_sink, err);
}

static int finish_temp(struct ch_target *target, const struct ch_oci_meta *meta, struct ch_err *err)
{
	if (finish_docker(target, meta, err) < 0)
		return err->code;
	if (lseek(target->place.fd, 0, SEEK_SET) < 0)
		return ch_err_sys(err, "temporary file");
	return ch_engine_load(target->kind->program, target->place.fd, target->how->cancel, err);
}

const struct ch_target_kind ch_target_docker = {
	.size = sizeof(struct to_layout),
	.is_named = true,
	.program = "docker",
	.begin = begin_temp,
	.finish = finish_temp,
	.forget = forget,
};

const struct ch_target_kind ch_target_podman = {
	.size = sizeof(struct to_layout),
	.is_named = true,
	.program = "podman",
	.begin = begin_temp,
	.finish = finish_temp,
	.forget = forget,
};
