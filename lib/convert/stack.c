/* SPDX-License-Identifier: Apache-2.0 */
#include "convert/stack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "archive/read.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/progress.h"
#include "convert/flatten.h"
#include "convert/source.h"
#include "hash/hash.h"
#include "oci/image.h"

/* ---- making ------------------------------------------------------------------------------- */

int ch_stack_begin(struct ch_stack *ret_stack, char *config, size_t config_len, size_t n,
		   struct ch_err *err)
{
	ch_auto(stack) struct ch_stack stack = { .config = config, .config_len = config_len };
	ch_auto(oci_image) struct ch_oci_image image = { 0 };

	if (ch_oci_image_parse(config, config_len, &image, err) < 0)
		return ch_err_in(err, "configuration");
	if (ch_oci_image_check_os(&image, err) < 0)
		return err->code;
	if (image.n != n)
		return ch_err_set(err, -EINVAL,
				  "there are %zu layers, but the configuration has %zu", n,
				  image.n);
	stack.layers = calloc(n + 1, sizeof(*stack.layers));
	if (!stack.layers)
		return ch_err_nomem(err);
	for (stack.n = 0; stack.n < n; stack.n++) {
		struct ch_stack_layer *layer = &stack.layers[stack.n];

		layer->piece = CH_PIECE_INIT;
		memcpy(layer->diff_id, image.diff_ids[stack.n], CH_OCI_DIGEST_SIZE);
	}
	*ret_stack = ch_take(stack);
	return 0;
}

void ch_stack_done(struct ch_stack *stack)
{
	for (size_t i = 0; i < stack->n; i++) {
		free(stack->layers[i].name);
		ch_auto_piece(&stack->layers[i].piece);
	}
	free(stack->layers);
	free(stack->config);
	*stack = (struct ch_stack){ 0 };
}

/* ---- reading ------------------------------------------------------------------------------ */

/* A layer while it is read */
struct reading {
	const struct ch_stack_layer *layer;
	const struct ch_source_how *how;
	uint64_t at;
	struct ch_hash hash; /* of what was read */
};

static void ch_auto_reading(struct reading *r)
{
	ch_hash_done(&r->hash);
}

/* A file does not let wait. */
static ssize_t more(void *data, void *buf, size_t size, const atomic_bool *unwanted,
		    struct ch_err *err)
{
	struct reading *r = data;
	ssize_t n = ch_piece_read(&r->layer->piece, r->at, buf, size, err);

	(void)unwanted;
	if (n <= 0)
		return n;
	r->at += (uint64_t)n;
	if (r->layer->digest[0])
		ch_hash_more(&r->hash, buf, (size_t)n);
	ch_progress_add(r->how->progress, (uint64_t)n);
	return n;
}

static int compare(const char *want, const uint8_t *got, const char *what, struct ch_err *err)
{
	char text[CH_OCI_DIGEST_SIZE] = "sha256:";

	ch_hash_hex(got, CH_SHA256_BYTES, text + strlen(text));
	if (strcmp(want, text) == 0)
		return 0;
	return ch_err_set(err, -EBADMSG, "%s is %s, but should be %s: it is damaged", what, text,
			  want);
}

/* What is behind the end of the archive belongs to the digest. */
static int check(struct reading *r, const uint8_t *diff_id, struct ch_err *err)
{
	uint8_t digest[CH_SHA256_BYTES];
	char rest[16384];
	ssize_t n;

	while ((n = more(r, rest, sizeof(rest), NULL, err)) > 0)
		;
	if (n < 0)
		return (int)n;
	if (r->layer->digest[0]) {
		ch_hash_end(&r->hash, digest);
		if (compare(r->layer->digest, digest, "its digest", err) < 0)
			return err->code;
	}
	return compare(r->layer->diff_id, diff_id, "its diff ID", err);
}

static int read_layer(const struct ch_stack_layer *layer, const struct ch_source_how *how,
		      struct ch_sink *sink, uint64_t *devices, struct ch_err *err)
{
	ch_auto(reading) struct reading r = { .layer = layer, .how = how };
	uint8_t diff_id[CH_SHA256_BYTES];
	const struct ch_archive archive = {
		.name = layer->name,
		.more = more,
		.data = &r,
		.skip_dev = true,
		.max = ch_source_archive_max(how),
		.diff_id = diff_id,
	};
	struct ch_archive_got got;

	if (ch_hash_start(&r.hash, CH_SHA256, err) < 0 ||
	    ch_archive_read(&archive, sink, &got, err) < 0)
		return err->code;
	if (check(&r, diff_id, err) < 0)
		return ch_err_in(err, "layer '%s'", layer->name);
	*devices += got.devices;
	return 0;
}

int ch_stack_send(const struct ch_stack *stack, struct ch_flatten *flat,
		  const struct ch_source_how *how, struct ch_sink *sink, uint64_t *ret_devices,
		  struct ch_err *err)
{
	*ret_devices = 0;
	ch_flatten_begin(flat, sink);
	for (size_t i = stack->n; i-- > 0;) {
		const struct ch_stack_layer *layer = &stack->layers[i];
		uint64_t again = 0;

		if (read_layer(layer, how, ch_flatten_layer(flat, (int)i), ret_devices, err) < 0)
			return err->code;
		if (ch_flatten_layer_again(flat) &&
		    read_layer(layer, how, ch_flatten_layer(flat, (int)i), &again, err) < 0)
			return err->code;
	}
	return ch_flatten_end(flat, err);
}
