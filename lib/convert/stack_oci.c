/* SPDX-License-Identifier: Apache-2.0 */
/* stack_oci.c - images in OCI layouts (image-spec, image-layout.md) */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/analyser.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "convert/source.h"
#include "convert/stack.h"
#include "hash/hash.h"

enum { DEPTH_MAX = 4 /* of indices in indices */, CONFIG_MAX = 4 * 1024 * 1024 };

/* ---- blobs -------------------------------------------------------------------------------- */

enum { NAME_SIZE = CH_OCI_DIGEST_SIZE + 16 };

static void blob_name(const struct ch_oci_desc *desc, char out[NAME_SIZE])
{
	snprintf(out, NAME_SIZE, "blobs/sha256/%s", desc->digest + strlen("sha256:"));
}

/* The blob of DESC, all of it. ret_text: malloc'ed */
static int read_blob(const struct ch_bundle *bundle, const struct ch_oci_desc *desc, size_t max,
		     char **ret_text, size_t *ret_len, struct ch_err *err)
{
	char name[NAME_SIZE], digest[CH_SHA256_HEX];
	ch_auto(hash) struct ch_hash hash = { 0 };
	ch_auto(str) char *text = NULL;
	uint8_t got[CH_SHA256_BYTES];
	size_t len;

	blob_name(desc, name);
	if (ch_bundle_text(bundle, name, max, &text, &len, err) < 0 ||
	    ch_hash_start(&hash, CH_SHA256, err) < 0)
		return err->code;
	ch_hash_more(&hash, text, len);
	ch_hash_end(&hash, got);
	ch_hash_hex(got, sizeof(got), digest);
	if (len != desc->size || strcmp(digest, desc->digest + strlen("sha256:")) != 0)
		return ch_err_set(err, -EBADMSG, "'%s' has another digest or size than it should",
				  name);
	*ret_text = ch_take(text);
	*ret_len = len;
	return 0;
}

/* The manifest or index of DESC */
static int read_manifest(const struct ch_bundle *bundle, const struct ch_oci_desc *desc,
			 struct ch_oci_manifest *ret, struct ch_err *err)
{
	ch_auto(str) char *text = NULL;
	size_t len;

	if (read_blob(bundle, desc, CH_OCI_MANIFEST_MAX, &text, &len, err) < 0)
		return err->code;
	if (ch_oci_manifest_parse(desc->type, text, len, ret, err) < 0)
		return ch_err_in(err, "manifest '%s'", desc->digest);
	return 0;
}

/* ---- which image -------------------------------------------------------------------------- */

static bool has_tag(const struct ch_oci_desc *desc, const char *tag)
{
	return desc->ref_name && strcmp(desc->ref_name, tag) == 0;
}

/* Which tags are there? As many as OUT has room for, which has the text. */
static const char *list_tags(const struct ch_oci_manifest *index, struct ch_buf *out)
{
	for (size_t i = 0; i < index->n; i++)
		if (index->items[i].ref_name)
			ch_buf_addf(out, "%s%s", out->len > 0 ? ", " : "",
				    index->items[i].ref_name);
	return out->data ? out->data : ch_buf_bad(out) ? "too long to list" : "none";
}

/* Are all images in there the same one, of several architectures? */
static bool is_one(const struct ch_oci_manifest *index)
{
	for (size_t i = 1; i < index->n; i++) {
		const char *a = index->items[0].ref_name, *b = index->items[i].ref_name;

		if (!a != !b || (a && strcmp(a, b) != 0))
			return false;
	}
	return true;
}

/* What is in the layout, without what is not called TAG (NULL: all is one image). MATCHES is a
 * part of INDEX, but for its list. */
static int match_tag(const struct ch_oci_manifest *index, const char *tag,
		     struct ch_oci_manifest *matches, struct ch_err *err)
{
	ch_auto(buf) struct ch_buf tags = CH_BUF_INIT(300);
	const char *text = list_tags(index, &tags);

	if (!tag && !is_one(index))
		return ch_err_set(err, -ENOENT,
				  "there are several images: say which, as PATH:TAG; tags: %s",
				  text);
	for (size_t i = 0; i < index->n; i++)
		if (!tag || has_tag(&index->items[i], tag))
			matches->items[matches->n++] = index->items[i];
	if (matches->n == 0)
		return ch_err_set(err, -ENOENT, "there is no image%s%s; tags: %s",
				  tag ? " with tag " : "", tag ? tag : "", text);
	return 0;
}

/* From INDEX to an image manifest, for the architecture that HOW says; but what is the only one,
 * is taken, if none was asked for. */
static int descend(const struct ch_bundle *bundle, const struct ch_oci_manifest *index,
		   const struct ch_source_how *how, int depth, struct ch_oci_manifest *ret,
		   struct ch_err *err)
{
	const struct ch_oci_desc *desc = &index->items[0];
	ch_auto(oci_manifest) struct ch_oci_manifest next = { 0 };

	if (depth > DEPTH_MAX)
		return ch_err_set(err, -ELOOP, "more than %d indices in each other", DEPTH_MAX);
	if (index->n == 0)
		return ch_err_set(err, -ENOENT, "an index is empty");
	if (index->n > 1 && ch_oci_choose(index, how->arch, &desc, err) < 0)
		return err->code;
	if (read_manifest(bundle, desc, &next, err) < 0)
		return err->code;
	if (next.kind == CH_OCI_INDEX)
		return descend(bundle, &next, how, depth + 1, ret, err);
	*ret = ch_take(next);
	return 0;
}

static int find_image(const struct ch_bundle *bundle, const struct ch_source_how *how,
		      struct ch_oci_manifest *ret, struct ch_err *err)
{
	ch_auto(oci_manifest) struct ch_oci_manifest index = { 0 };
	struct ch_oci_manifest matches = { .kind = CH_OCI_INDEX };
	ch_auto(mem) struct ch_oci_desc *items = NULL;
	ch_auto(str) char *text = NULL;
	size_t len;

	if (ch_bundle_text(bundle, "index.json", CH_OCI_MANIFEST_MAX, &text, &len, err) < 0)
		return err->code;
	if (ch_oci_manifest_parse(CH_OCI_TYPE_INDEX, text, len, &index, err) < 0)
		return ch_err_in(err, "'index.json'");
	matches.items = items = calloc(index.n + 1, sizeof(*items));
	if (!items)
		return ch_err_nomem(err);
	if (match_tag(&index, how->tag, &matches, err) < 0)
		return err->code;
	return descend(bundle, &matches, how, 0, ret, err);
}

/* ---- its parts ---------------------------------------------------------------------------- */

CH_MOVES_BEGIN
static int find_layer(const struct ch_bundle *bundle, const struct ch_oci_desc *desc,
		      struct ch_stack_layer *layer, struct ch_err *err)
{
	char name[NAME_SIZE];

	blob_name(desc, name);
	if (ch_bundle_find(bundle, name, &layer->piece, err) < 0)
		return err->code;
	if (layer->piece.size != desc->size)
		return ch_err_set(err, -EBADMSG, "'%s' has %llu bytes, but should have %llu", name,
				  (unsigned long long)layer->piece.size,
				  (unsigned long long)desc->size);
	memcpy(layer->digest, desc->digest, CH_OCI_DIGEST_SIZE);
	layer->name = strdup(desc->digest);
	return layer->name ? 0 : ch_err_nomem(err);
}
CH_MOVES_END

int ch_stack_of_oci(const struct ch_bundle *bundle, const struct ch_source_how *how,
		    struct ch_stack *ret_stack, struct ch_err *err)
{
	ch_auto(oci_manifest) struct ch_oci_manifest image = { 0 };
	ch_auto(stack) struct ch_stack stack = { 0 };
	char *config = NULL;
	size_t len;

	if (find_image(bundle, how, &image, err) < 0 ||
	    read_blob(bundle, &image.config, CONFIG_MAX, &config, &len, err) < 0 ||
	    ch_stack_begin(&stack, config, len, image.n, err) < 0)
		return err->code;
	for (size_t i = 0; i < image.n; i++)
		if (find_layer(bundle, &image.items[i], &stack.layers[i], err) < 0)
			return err->code;
	*ret_stack = ch_take(stack);
	return 0;
}
