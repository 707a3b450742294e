/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/manifest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"
#include "json/json.h"
#include "json/write.h"

#define REF_NAME "org.opencontainers.image.ref.name"

enum { TYPE_MAX = 255, PLATFORM_MAX = (CH_OCI_ARCH_MAX - 2) / 2 };

static const char *const types[][2] = {
	[CH_OCI_IMAGE] = { CH_OCI_TYPE_MANIFEST, CH_DOCKER_TYPE_MANIFEST },
	[CH_OCI_INDEX] = { CH_OCI_TYPE_INDEX, CH_DOCKER_TYPE_INDEX },
};

/* What the list of items is called */
static const char *const lists[] = {
	[CH_OCI_IMAGE] = "layers",
	[CH_OCI_INDEX] = "manifests",
};

/* ---- descriptors ---------------------------------------------------------------------------- */

int ch_oci_digest_check(const char *text, struct ch_err *err)
{
	static const char start[] = "sha256:";
	const char *hex = text + sizeof(start) - 1;

	if (strncmp(text, start, sizeof(start) - 1) != 0)
		return ch_err_set(err, strchr(text, ':') ? -ENOTSUP : -EINVAL,
				  "digest '%.100s' is not of SHA-256 ('sha256:...')", text);
	if (strspn(hex, "0123456789abcdef") != 64 || hex[64])
		return ch_err_set(err, -EINVAL, "digest '%.100s' has not 64 digits 0 to f", text);
	return 0;
}

int ch_oci_desc_set(struct ch_oci_desc *desc, const char *type, const char *digest, uint64_t size,
		    struct ch_err *err)
{
	if (ch_oci_digest_check(digest, err) < 0)
		return err->code;
	desc->type = strdup(type);
	if (!desc->type)
		return ch_err_nomem(err);
	memcpy(desc->digest, digest, sizeof(desc->digest));
	desc->size = size;
	return 0;
}

void ch_oci_desc_done(struct ch_oci_desc *desc)
{
	free(desc->type);
	free(desc->os);
	free(desc->arch);
	free(desc->variant);
	free(desc->ref_name);
	*desc = (struct ch_oci_desc){ 0 };
}

/* It goes into headers and messages. */
static bool is_type(const char *text)
{
	size_t n = strlen(text);

	for (size_t i = 0; i < n; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return false;
	return n > 0 && n <= TYPE_MAX;
}

static int read_type(const struct ch_json *value, struct ch_oci_desc *ret, struct ch_err *err)
{
	const char *type = ch_json_text(ch_json_get(value, "mediaType"));

	if (!type || !is_type(type))
		return ch_err_set(err, -EINVAL, "'mediaType' is missing, or no media type");
	ret->type = strdup(type);
	return ret->type ? 0 : ch_err_nomem(err);
}

static int read_digest(const struct ch_json *value, struct ch_oci_desc *ret, struct ch_err *err)
{
	const char *digest = ch_json_text(ch_json_get(value, "digest"));

	if (!digest)
		return ch_err_set(err, -EINVAL, "'digest' is missing, or no text");
	if (ch_oci_digest_check(digest, err) < 0)
		return err->code;
	memcpy(ret->digest, digest, sizeof(ret->digest));
	return 0;
}

static int read_size(const struct ch_json *value, struct ch_oci_desc *ret, struct ch_err *err)
{
	long long size;

	if (!ch_json_integer(ch_json_get(value, "size"), &size) || size < 0 ||
	    size > CH_OCI_BLOB_MAX)
		return ch_err_set(err, -EINVAL, "'size' is missing, or no number of 0 to %lld",
				  CH_OCI_BLOB_MAX);
	ret->size = (uint64_t)size;
	return 0;
}

/* Names of platforms are printed, and compared. */
static int read_word(const struct ch_json *value, const char *key, char **ret, struct ch_err *err)
{
	const char *text = ch_json_text(ch_json_get(value, key));
	size_t n = text ? strlen(text) : 0;

	if (n == 0)
		return 0;
	if (n > PLATFORM_MAX || strspn(text, "abcdefghijklmnopqrstuvwxyz"
					     "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") != n)
		return ch_err_set(err, -EINVAL, "'%s' is no word of letters and digits", key);
	*ret = strdup(text);
	return *ret ? 0 : ch_err_nomem(err);
}

static int read_platform(const struct ch_json *value, struct ch_oci_desc *ret, struct ch_err *err)
{
	if (read_word(value, "os", &ret->os, err) < 0 ||
	    read_word(value, "architecture", &ret->arch, err) < 0 ||
	    read_word(value, "variant", &ret->variant, err) < 0)
		return ch_err_in(err, "platform");
	return 0;
}

static int read_annotations(const struct ch_json *value, struct ch_oci_desc *ret,
			    struct ch_err *err)
{
	const char *name = ch_json_text(ch_json_get(value, REF_NAME));

	if (!name)
		return 0;
	ret->ref_name = strdup(name);
	return ret->ref_name ? 0 : ch_err_nomem(err);
}

/* What was read before an error stays in RET. */
static int read_desc(const struct ch_json *value, struct ch_oci_desc *ret, struct ch_err *err)
{
	if (read_type(value, ret, err) < 0 || read_digest(value, ret, err) < 0 ||
	    read_size(value, ret, err) < 0 ||
	    read_platform(ch_json_get(value, "platform"), ret, err) < 0 ||
	    read_annotations(ch_json_get(value, "annotations"), ret, err) < 0)
		return err->code;
	return 0;
}

/* ---- what it is ----------------------------------------------------------------------------- */

static bool find_type(const char *type, struct ch_oci_manifest *ret)
{
	for (size_t kind = 0; kind < 2; kind++)
		for (size_t docker = 0; docker < 2; docker++)
			if (strcmp(type, types[kind][docker]) == 0) {
				ret->kind = kind;
				ret->is_docker = docker;
				return true;
			}
	return false;
}

/* Schema 1 has neither digests of what is in the layers, nor a configuration. What is called so
 * counts as such, whatever is in it: its digest was not compared. */
static int refuse_schema_1(const char *type, const struct ch_json *doc, struct ch_err *err)
{
	bool is_signed = type && strcmp(type, CH_DOCKER_TYPE_SIGNED) == 0;
	long long version = 0;

	ch_json_integer(ch_json_get(doc, "schemaVersion"), &version);
	if (version == 2 && !is_signed)
		return 0;
	if (version == 1 || is_signed)
		return ch_err_set(err, -ENOTSUP,
				  "it is of schema 1, which Docker gave up in 2017; the image has "
				  "to be pushed again by a newer tool");
	return ch_err_set(err, -EINVAL, "'schemaVersion' is missing, or not 2");
}

/* A document of OCI need not say what it is. */
static bool find_shape(const struct ch_json *doc, struct ch_oci_manifest *ret)
{
	ret->is_docker = false;
	ret->kind = ch_json_is_given(ch_json_get(doc, lists[CH_OCI_INDEX])) ? CH_OCI_INDEX
									    : CH_OCI_IMAGE;
	return ch_json_is_list(ch_json_get(doc, lists[ret->kind]));
}

/* TYPE: as the registry says. Those of files that it knows nothing about tell nothing. */
static int find_kind(const char *type, const struct ch_json *doc, struct ch_oci_manifest *ret,
		     struct ch_err *err)
{
	const char *own = ch_json_text(ch_json_get(doc, "mediaType"));
	bool is_known = type && find_type(type, ret);

	if (refuse_schema_1(type, doc, err) < 0)
		return err->code;
	if (own && !find_type(own, ret))
		return ch_err_set(err, -ENOTSUP, "it is of type '%.100s', which is no image", own);
	if (own && is_known && strcmp(own, type) != 0)
		return ch_err_set(err, -EINVAL,
				  "it says that it is of type '%s', but the registry, of '%s'", own,
				  type);
	if (!own && !is_known && !find_shape(doc, ret))
		return ch_err_set(err, -EINVAL, "it is neither an image manifest nor an index");
	return 0;
}

/* Other things are kept in registries, too, with manifests of the same type. The third one comes
 * from early versions of Docker. */
static int check_config(const struct ch_oci_desc *config, struct ch_err *err)
{
	static const char *const known[] = { CH_OCI_TYPE_CONFIG, CH_DOCKER_TYPE_CONFIG,
					     "application/octet-stream" };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(config->type, known[i]) == 0)
			return 0;
	return ch_err_set(err, -ENOTSUP, "it has a configuration of type '%s', so it is no image",
			  config->type);
}

/* ---- reading -------------------------------------------------------------------------------- */

static int read_items(const struct ch_json *list, struct ch_oci_manifest *ret, struct ch_err *err)
{
	const char *name = lists[ret->kind];
	size_t n = ch_json_count(list);

	if (!ch_json_is_list(list))
		return ch_err_set(err, -EINVAL, "'%s' is missing, or no list", name);
	if (n > CH_OCI_ITEMS_MAX)
		return ch_err_set(err, -EFBIG, "'%s' has %zu items, more than %d", name, n,
				  CH_OCI_ITEMS_MAX);
	ret->items = calloc(n + 1, sizeof(*ret->items));
	if (!ret->items)
		return ch_err_nomem(err);
	for (ret->n = 0; ret->n < n;) {
		struct ch_oci_desc *item = &ret->items[ret->n++];

		if (read_desc(ch_json_at(list, ret->n - 1), item, err) < 0)
			return ch_err_in(err, "'%s', item %zu", name, ret->n);
	}
	return 0;
}

static int read_document(const char *type, const struct ch_json *doc, struct ch_oci_manifest *ret,
			 struct ch_err *err)
{
	if (find_kind(type, doc, ret, err) < 0)
		return err->code;
	if (ret->kind == CH_OCI_IMAGE) {
		if (read_desc(ch_json_get(doc, "config"), &ret->config, err) < 0)
			return ch_err_in(err, "'config'");
		if (check_config(&ret->config, err) < 0)
			return err->code;
	}
	return read_items(ch_json_get(doc, lists[ret->kind]), ret, err);
}

int ch_oci_manifest_parse(const char *type, const char *text, size_t len,
			  struct ch_oci_manifest *ret, struct ch_err *err)
{
	ch_auto(json) struct ch_json *doc = NULL;
	ch_auto(oci_manifest) struct ch_oci_manifest manifest = { 0 };

	if (len > CH_OCI_MANIFEST_MAX)
		return ch_err_set(err, -EFBIG, "manifest: it is longer than %d bytes",
				  CH_OCI_MANIFEST_MAX);
	if (ch_json_parse(text, len, &doc, err) < 0 || read_document(type, doc, &manifest, err) < 0)
		return ch_err_in(err, "manifest");
	*ret = ch_take(manifest);
	return 0;
}

/* ---- writing -------------------------------------------------------------------------------- */

static void put_given(struct ch_json_out *out, const char *key, const char *text)
{
	if (text)
		ch_json_put_text(out, key, text);
}

static void put_desc(struct ch_json_out *out, const char *key, const struct ch_oci_desc *desc)
{
	ch_json_open(out, key, '{');
	ch_json_put_text(out, "mediaType", desc->type);
	ch_json_put_text(out, "digest", desc->digest);
	ch_json_put_number(out, "size", (long long)desc->size);
	if (desc->os || desc->arch) {
		ch_json_open(out, "platform", '{');
		put_given(out, "architecture", desc->arch);
		put_given(out, "os", desc->os);
		put_given(out, "variant", desc->variant);
		ch_json_close(out, '}');
	}
	if (desc->ref_name) {
		ch_json_open(out, "annotations", '{');
		ch_json_put_text(out, REF_NAME, desc->ref_name);
		ch_json_close(out, '}');
	}
	ch_json_close(out, '}');
}

int ch_oci_manifest_print(const struct ch_oci_manifest *manifest, char **ret_text,
			  struct ch_err *err)
{
	ch_auto(json_out) struct ch_json_out out = { .buf = CH_BUF_INIT(CH_OCI_MANIFEST_MAX) };

	ch_json_open(&out, NULL, '{');
	ch_json_put_number(&out, "schemaVersion", 2);
	ch_json_put_text(&out, "mediaType", ch_oci_manifest_type(manifest));
	if (manifest->kind == CH_OCI_IMAGE)
		put_desc(&out, "config", &manifest->config);
	ch_json_open(&out, lists[manifest->kind], '[');
	for (size_t i = 0; i < manifest->n; i++)
		put_desc(&out, NULL, &manifest->items[i]);
	ch_json_close(&out, ']');
	ch_json_close(&out, '}');
	if (ch_buf_take(&out.buf, ret_text) < 0)
		return ch_err_set(err, -ENOMEM, "manifest: out of memory, or longer than %d bytes",
				  CH_OCI_MANIFEST_MAX);
	return 0;
}

const char *ch_oci_manifest_type(const struct ch_oci_manifest *manifest)
{
	return types[manifest->kind][manifest->is_docker];
}

void ch_oci_manifest_done(struct ch_oci_manifest *manifest)
{
	for (size_t i = 0; i < manifest->n; i++)
		ch_oci_desc_done(&manifest->items[i]);
	free(manifest->items);
	ch_oci_desc_done(&manifest->config);
	*manifest = (struct ch_oci_manifest){ 0 };
}
