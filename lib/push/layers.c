/* SPDX-License-Identifier: Apache-2.0 */
#include "push/layers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "cache/temp.h"
#include "json/json.h"
#include "json/write.h"
#include "store/store.h"
#include "sys/names.h"

#define LAYERS_DIR "ulcache"
#define LAYER_END  ".layer"
#define ABOUT_END  ".json"
#define ASIDE	   ".new-"

enum {
	ABOUT_MAX = 64 * 1024,
	NAME_SIZE = CH_PACK_KEY + 8,
	PLACES_MAX = 8,
	UNUSED_MAX = 30 * 24 * 60 * 60, /* seconds */
};

static const char *name_of(const char *key, const char *end, char out[NAME_SIZE])
{
	snprintf(out, NAME_SIZE, "%s%s", key, end);
	return out;
}

void ch_layer_done(struct ch_layer *layer)
{
	ch_close(&layer->fd);
	free(layer->image);
	ch_words_done(&layer->places);
	*layer = CH_LAYER_INIT;
}

int ch_layers_open(struct ch_store *store, struct ch_err *err)
{
	return ch_store_dir(store, LAYERS_DIR, err);
}

/* ---- what is said about layers ------------------------------------------------------------- */

/* Read the file NAME of DIR. Returns a document, or NULL. */
static struct ch_json *read_about(int dir, const char *name)
{
	ch_auto(fd) int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	ch_auto(mem) char *text = malloc(ABOUT_MAX);
	ssize_t len = fd < 0 || !text ? -1 : read(fd, text, ABOUT_MAX);
	struct ch_json *doc = NULL;
	struct ch_err ignored;

	return len < 0 || ch_json_parse(text, (size_t)len, &doc, &ignored) < 0 ? NULL : doc;
}

static bool take_digest(const struct ch_json *value, char ret[CH_OCI_DIGEST_SIZE])
{
	const char *text = ch_json_text(value);
	struct ch_err ignored;

	if (!text || ch_oci_digest_check(text, &ignored) < 0)
		return false;
	memcpy(ret, text, CH_OCI_DIGEST_SIZE);
	return true;
}

static bool take_about(const struct ch_json *doc, struct ch_layer *layer)
{
	const struct ch_json *places = ch_json_get(doc, "places");
	const char *image = ch_json_text(ch_json_get(doc, "image"));
	long long size = -1;

	if (!image || !take_digest(ch_json_get(doc, "digest"), layer->digest) ||
	    !take_digest(ch_json_get(doc, "diff_id"), layer->diff_id) ||
	    !ch_json_integer(ch_json_get(doc, "size"), &size) || size < 0)
		return false;
	layer->size = (uint64_t)size;
	layer->image = strdup(image);
	for (size_t i = 0; i < ch_json_count(places); i++)
		if (ch_json_text(ch_json_at(places, i)))
			ch_words_add(&layer->places, ch_json_text(ch_json_at(places, i)));
	return layer->image && !layer->places.bad;
}

static int write_about(int dir, const struct ch_layer *layer, struct ch_err *err)
{
	ch_auto(json_out) struct ch_json_out out = { .buf = CH_BUF_INIT(ABOUT_MAX) };
	char name[NAME_SIZE];

	ch_json_open(&out, NULL, '{');
	ch_json_put_text(&out, "image", layer->image);
	ch_json_put_text(&out, "digest", layer->digest);
	ch_json_put_text(&out, "diff_id", layer->diff_id);
	ch_json_put_number(&out, "size", (long long)layer->size);
	ch_json_open(&out, "places", '[');
	for (size_t i = 0; i < layer->places.n; i++)
		ch_json_put_text(&out, NULL, layer->places.v[i]);
	ch_json_close(&out, ']');
	ch_json_close(&out, '}');
	ch_buf_adds(&out.buf, "\n");
	if (ch_buf_bad(&out.buf) || layer->places.bad)
		return ch_err_nomem(err);
	return ch_temp_replace(dir, ASIDE, dir, name_of(layer->key, ABOUT_END, name), out.buf.data,
			       out.buf.len, err);
}

int ch_layers_note(int dir, struct ch_layer *layer, const char *place, struct ch_err *err)
{
	struct ch_words places = { 0 };
	char name[NAME_SIZE];

	/* Nothing new, but that it was used. */
	if (layer->places.n > 0 && strcmp(layer->places.v[0], place) == 0 &&
	    utimensat(dir, name_of(layer->key, ABOUT_END, name), NULL, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	ch_words_add(&places, place);
	for (size_t i = 0; i < layer->places.n && places.n < PLACES_MAX; i++)
		if (strcmp(layer->places.v[i], place) != 0)
			ch_words_add(&places, layer->places.v[i]);
	ch_words_done(&layer->places);
	layer->places = places;
	return write_about(dir, layer, err);
}

/* ---- layers -------------------------------------------------------------------------------- */

int ch_layers_find(int dir, const char key[CH_PACK_KEY], struct ch_layer *ret_layer,
		   struct ch_err *err)
{
	char name[NAME_SIZE];
	ch_auto(json) struct ch_json *about = read_about(dir, name_of(key, ABOUT_END, name));
	ch_auto(layer) struct ch_layer layer = CH_LAYER_INIT;
	struct stat st;

	if (!about || !take_about(about, &layer))
		return 0;
	layer.fd = openat(dir, name_of(key, LAYER_END, name), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (layer.fd < 0 && errno != ENOENT)
		return ch_err_sys(err, "upload cache: open '%s'", name);
	if (layer.fd < 0 || fstat(layer.fd, &st) < 0 || (uint64_t)st.st_size != layer.size)
		return 0;
	memcpy(layer.key, key, CH_PACK_KEY);
	*ret_layer = layer;
	layer = CH_LAYER_INIT;
	return 1;
}

/* Without the layer, nobody believes what is said about it. */
static void drop(int dir, const char *key)
{
	char name[NAME_SIZE];

	(void)unlinkat(dir, name_of(key, LAYER_END, name), 0);
	(void)unlinkat(dir, name_of(key, ABOUT_END, name), 0);
}

void ch_layers_drop(int dir, const struct ch_layer *layer)
{
	drop(dir, layer->key);
}

/* ---- what is of no use any more ------------------------------------------------------------ */

/* Is the layer that the file NAME tells about an old one of LAYER's image, or forgotten? */
static bool is_useless(int dir, const char *name, const struct ch_layer *layer)
{
	ch_auto(json) struct ch_json *about = read_about(dir, name);
	const char *image = ch_json_text(ch_json_get(about, "image"));
	struct stat st;

	if (strncmp(name, layer->key, strlen(layer->key)) == 0 ||
	    fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	return !image || strcmp(image, layer->image) == 0 || st.st_mtime + UNUSED_MAX < time(NULL);
}

static void sweep_one(int dir, const char *name, const struct ch_layer *layer)
{
	size_t len = strlen(name), key_len = CH_PACK_KEY - 1;

	if (strncmp(name, ASIDE, strlen(ASIDE)) == 0) {
		ch_auto(fd) int dead = ch_temp_dead(dir, name);

		if (dead >= 0)
			(void)unlinkat(dir, name, 0);
	} else if (len == key_len + strlen(ABOUT_END) && strcmp(name + key_len, ABOUT_END) == 0 &&
		   is_useless(dir, name, layer)) {
		char key[CH_PACK_KEY];

		snprintf(key, sizeof(key), "%s", name);
		drop(dir, key);
	}
}

/* Remove what LAYER replaces, and what others have left. That something stays is no failure. */
static void sweep(int dir, const struct ch_layer *layer)
{
	ch_auto(names) struct ch_names names = { 0 };

	if (ch_names_list(dir, &names) < 0)
		return;
	for (size_t i = 0; i < names.n; i++)
		sweep_one(dir, names.list[i], layer);
}

/* ---- new ones ------------------------------------------------------------------------------ */

int ch_layers_begin(int dir, struct ch_layer_draft *ret_draft, struct ch_err *err)
{
	ret_draft->fd = ch_temp_open(dir, ASIDE, 0600, ret_draft->name, err);
	ret_draft->dir = dir;
	return ret_draft->fd < 0 ? ch_err_in(err, "upload cache") : 0;
}

int ch_layers_finish(struct ch_layer_draft *draft, struct ch_layer *layer, struct ch_err *err)
{
	char name[NAME_SIZE];

	if (fsync(draft->fd) < 0)
		return ch_err_sys(err, "upload cache: write layer");
	/* First what is said about it: it counts from when the layer is there. */
	if (write_about(draft->dir, layer, err) < 0)
		return ch_err_in(err, "upload cache");
	if (renameat(draft->dir, draft->name, draft->dir, name_of(layer->key, LAYER_END, name)) < 0)
		return ch_err_sys(err, "upload cache: rename layer");
	layer->fd = ch_take_fd(&draft->fd);
	sweep(draft->dir, layer);
	return 0;
}

void ch_layer_draft_done(struct ch_layer_draft *draft)
{
	if (draft->dir >= 0 && draft->fd >= 0)
		(void)unlinkat(draft->dir, draft->name, 0);
	ch_close(&draft->fd);
	*draft = CH_LAYER_DRAFT_INIT;
}
