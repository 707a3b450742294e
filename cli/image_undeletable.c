/* SPDX-License-Identifier: Apache-2.0 */
/* image_undeletable.c - ch-image list --undeletable: which images undelete would bring back */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/words.h"
#include "image.h"
#include "image_cache.h"
#include "json/write.h"
#include "oci/ref.h"
#include "store/store.h"

enum { JSON_MAX = 16 * 1024 * 1024 };

/* Add those that are not in storage. What is no name of an image, someone else has made. */
static void add_names(struct ch_store *store, const struct ch_cache_branches *branches,
		      struct ch_words *names)
{
	for (size_t i = 0; i < branches->n; i++) {
		ch_auto(ref) struct ch_ref ref = { 0 };
		struct ch_err unused;
		const char *name = branches->list[i].name;

		if (strcmp(name, CH_STAGE_ROOT) != 0 && ch_ref_parse(name, &ref, &unused) == 0 &&
		    !ch_store_has(store, &ref))
			ch_words_add(names, name);
	}
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Deleted ones, and those whose build was killed at its end. Each may be both. */
static int find(struct ch_store *store, struct ch_cache *cache, struct ch_words *names,
		struct ch_err *err)
{
	for (int deleted = 0; deleted < 2; deleted++) {
		ch_auto(cache_branches) struct ch_cache_branches branches = { 0 };

		if (ch_cache_branches(cache, deleted, &branches, err) < 0)
			return err->code;
		add_names(store, &branches, names);
	}
	if (names->bad)
		return ch_err_nomem(err);
	if (names->n)
		qsort(names->v, names->n, sizeof(*names->v), by_name);
	return 0;
}

static bool is_repeated(const struct ch_words *names, size_t i)
{
	return i > 0 && strcmp(names->v[i], names->v[i - 1]) == 0;
}

static void print_lines(const struct ch_words *names)
{
	for (size_t i = 0; i < names->n; i++)
		if (!is_repeated(names, i))
			puts(names->v[i]);
}

static int print_document(const struct ch_words *names, struct ch_err *err)
{
	ch_auto(json_out) struct ch_json_out json = { .buf = CH_BUF_INIT(JSON_MAX) };

	ch_json_open(&json, NULL, '[');
	for (size_t i = 0; i < names->n; i++) {
		if (is_repeated(names, i))
			continue;
		ch_json_open(&json, NULL, '{');
		ch_json_put_text(&json, "name", names->v[i]);
		ch_json_close(&json, '}');
	}
	ch_json_close(&json, ']');
	if (ch_buf_bad(&json.buf))
		return ch_err_nomem(err);
	puts(json.buf.data);
	return 0;
}

int ch_image_list_undeletable(const struct ch_image_list *set, struct ch_err *err)
{
	ch_auto(store) struct ch_store *store = NULL;
	ch_auto(cache) struct ch_cache *cache = NULL;
	ch_auto(words) struct ch_words names = { 0 };

	if (ch_image_storage(&set->common, &store, err) < 0 ||
	    ch_image_cache(&set->common, store, &cache, err) < 0)
		return err->code;
	if (!cache)
		return ch_err_set(err, -EINVAL, "list: --undeletable: the build cache is off");
	if (find(store, cache, &names, err) < 0)
		return err->code;
	if (set->json)
		return print_document(&names, err);
	print_lines(&names);
	return 0;
}
