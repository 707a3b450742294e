/* SPDX-License-Identifier: Apache-2.0 */
/* layers.h - the upload cache: layers of images in storage
 *
 *	ulcache/KEY.layer	a layer, compressed; KEY is that of pack.h
 *	ulcache/KEY.json	what it is, and of which image; which repositories have it
 *
 * There is one for an image: when that has changed, the new layer replaces the old one. Those that
 * were not used for a month are removed. */
#ifndef CH_PUSH_LAYERS_H
#define CH_PUSH_LAYERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/words.h"
#include "oci/manifest.h"
#include "push/pack.h"

struct ch_err;
struct ch_store;

struct ch_layer {
	int fd; /* owned: the layer, to be read */
	char key[CH_PACK_KEY];
	char *image; /* owned; its name */
	char digest[CH_OCI_DIGEST_SIZE];
	char diff_id[CH_OCI_DIGEST_SIZE];
	uint64_t size;
	struct ch_words
		places; /* repositories that have it: "HOST:PORT/PATH"; the last one first */
};

#define CH_LAYER_INIT ((struct ch_layer){ .fd = -1 })

void ch_layer_done(struct ch_layer *layer);

static inline void ch_auto_layer(struct ch_layer *layer)
{
	ch_layer_done(layer);
}

/* Open the upload cache. Returns its directory (the caller's), or a negative errno. */
int ch_layers_open(struct ch_store *store, struct ch_err *err);

/* Look for KEY. Returns 1, or 0: it is not there, or not whole. */
int ch_layers_find(int dir, const char key[CH_PACK_KEY], struct ch_layer *ret_layer,
		   struct ch_err *err);

/* A layer in the making */
struct ch_layer_draft {
	int dir; /* borrowed */
	int fd;	 /* owned: an empty file, to be written */
	char name[32];
};

#define CH_LAYER_DRAFT_INIT ((struct ch_layer_draft){ .dir = -1, .fd = -1 })

int ch_layers_begin(int dir, struct ch_layer_draft *ret_draft, struct ch_err *err);

/* It is whole: LAYER tells what it is, but for its descriptor, which it gets. */
int ch_layers_finish(struct ch_layer_draft *draft, struct ch_layer *layer, struct ch_err *err);

/* What is not finished is removed. */
void ch_layer_draft_done(struct ch_layer_draft *draft);

static inline void ch_auto_layer_draft(struct ch_layer_draft *draft)
{
	ch_layer_draft_done(draft);
}

/* The repository PLACE has LAYER, too. */
int ch_layers_note(int dir, struct ch_layer *layer, const char *place, struct ch_err *err);

/* It is not what it should be. */
void ch_layers_drop(int dir, const struct ch_layer *layer);

#endif
