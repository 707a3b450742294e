/* SPDX-License-Identifier: Apache-2.0 */
/* stack_docker.c - images in archives of "docker save"
 *
 * "manifest.json" is a list of images: which member is the configuration, which ones are layers,
 * and what tags there are. Old archives have "ID/layer.tar" and links to it; new ones are OCI
 * layouts, too. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/analyser.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "convert/source.h"
#include "convert/stack.h"
#include "json/json.h"

enum { MANIFEST_MAX = 4 * 1024 * 1024, CONFIG_MAX = 4 * 1024 * 1024 };

/* ---- which image -------------------------------------------------------------------------- */

/* Is TAG one of IMAGE's? What is behind the colon may be left out if it is "latest". */
static bool has_tag(const struct ch_json *image, const char *tag)
{
	const struct ch_json *tags = ch_json_get(image, "RepoTags");

	for (size_t i = 0; i < ch_json_count(tags); i++) {
		const char *text = ch_json_text(ch_json_at(tags, i));
		size_t n = strlen(tag);

		if (text && strncmp(text, tag, n) == 0 &&
		    (!text[n] || strcmp(text + n, ":latest") == 0))
			return true;
	}
	return false;
}

static int no_image(const struct ch_json *images, const char *tag, struct ch_err *err)
{
	ch_auto(buf) struct ch_buf names = CH_BUF_INIT(300);

	for (size_t i = 0; i < ch_json_count(images); i++) {
		const struct ch_json *tags = ch_json_get(ch_json_at(images, i), "RepoTags");

		for (size_t k = 0; k < ch_json_count(tags); k++) {
			const char *text = ch_json_text(ch_json_at(tags, k));

			ch_buf_addf(&names, "%s%s", names.len > 0 ? ", " : "", text ? text : "?");
		}
	}
	ch_buf_adds(&names, names.len > 0 ? "" : "none");
	if (tag)
		return ch_err_set(err, -ENOENT, "there is no image '%.100s'; there are: %s", tag,
				  names.data ? names.data : "many");
	return ch_err_set(err, -ENOENT,
			  "there are several images, or none: say which, as PATH:NAME; there are: "
			  "%s",
			  names.data ? names.data : "many");
}

static int choose(const struct ch_json *images, const char *tag, const struct ch_json **ret_image,
		  struct ch_err *err)
{
	size_t n = ch_json_count(images);

	if (!tag && n == 1) {
		*ret_image = ch_json_at(images, 0);
		return 0;
	}
	for (size_t i = 0; tag && i < n; i++)
		if (has_tag(ch_json_at(images, i), tag)) {
			*ret_image = ch_json_at(images, i);
			return 0;
		}
	return no_image(images, tag, err);
}

/* ---- its parts ---------------------------------------------------------------------------- */

CH_MOVES_BEGIN
static int find_layer(const struct ch_bundle *bundle, const char *name,
		      struct ch_stack_layer *layer, struct ch_err *err)
{
	if (!name)
		return ch_err_set(err, -EINVAL, "'Layers' has an item that is no text");
	layer->name = strdup(name);
	if (!layer->name)
		return ch_err_nomem(err);
	return ch_bundle_find(bundle, name, &layer->piece, err);
}
CH_MOVES_END

static int find_parts(const struct ch_bundle *bundle, const struct ch_json *image,
		      struct ch_stack *ret_stack, struct ch_err *err)
{
	const char *name = ch_json_text(ch_json_get(image, "Config"));
	const struct ch_json *layers = ch_json_get(image, "Layers");
	ch_auto(stack) struct ch_stack stack = { 0 };
	char *config = NULL;
	size_t len;

	if (!name || !ch_json_is_list(layers) || ch_json_count(layers) > CH_OCI_ITEMS_MAX)
		return ch_err_set(err, -EINVAL,
				  "an image has no 'Config' or 'Layers', or too many of them");
	if (ch_bundle_text(bundle, name, CONFIG_MAX, &config, &len, err) < 0 ||
	    ch_stack_begin(&stack, config, len, ch_json_count(layers), err) < 0)
		return err->code;
	for (size_t i = 0; i < stack.n; i++)
		if (find_layer(bundle, ch_json_text(ch_json_at(layers, i)), &stack.layers[i], err) <
		    0)
			return err->code;
	*ret_stack = ch_take(stack);
	return 0;
}

int ch_stack_of_docker(const struct ch_bundle *bundle, const struct ch_source_how *how,
		       struct ch_stack *ret_stack, struct ch_err *err)
{
	ch_auto(json) struct ch_json *images = NULL;
	ch_auto(str) char *text = NULL;
	const struct ch_json *image = NULL;
	size_t len;

	if (ch_bundle_text(bundle, "manifest.json", MANIFEST_MAX, &text, &len, err) < 0)
		return err->code;
	if (ch_json_parse(text, len, &images, err) < 0 ||
	    choose(images, how->tag, &image, err) < 0 ||
	    find_parts(bundle, image, ret_stack, err) < 0)
		return ch_err_in(err, "'manifest.json'");
	return 0;
}
