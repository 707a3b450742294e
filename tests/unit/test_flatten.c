/* SPDX-License-Identifier: Apache-2.0 */
/* Layers read from above give the same tree as layers applied from below */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "archive/dirsink.h"
#include "archive/layer.h"
#include "archive/read.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "convert/flatten.h"
#include "tars.h"
#include "trees.h"
#include "unit.h"

enum { LAYERS = 4, TRIES = 10, TEXT_MAX = 4096 };

static int read_layer(const char *text, struct ch_sink *sink, struct ch_err *err)
{
	ch_auto(fd) int fd = tars_open(text);
	const struct ch_archive layer = { .name = "layer", .fd = fd };
	struct ch_archive_got got;

	return ch_archive_read(&layer, sink, &got, err);
}

/* From below */
static int apply(int dir, const char *const *texts, struct ch_err *err)
{
	ch_auto(layers) struct ch_layers layers = { 0 };

	assert_int_equal(ch_layers_init(&layers, dir, err), 0);
	for (int i = 0; i < LAYERS && texts[i]; i++) {
		ch_auto(fd) int fd = tars_open(texts[i]);
		const struct ch_archive layer = { .name = "layer", .fd = fd };
		struct ch_archive_got got;

		if (ch_layers_apply(&layers, &layer, &got, err) < 0)
			return err->code;
	}
	return ch_layers_end(&layers, err);
}

/* From above, once */
static int flatten_once(int dir, const char *const *texts, struct ch_flatten *flat,
			struct ch_err *err)
{
	ch_auto(dirsink) struct ch_dirsink sink = { 0 };
	int n = 0, rc = 0;

	while (n < LAYERS && texts[n])
		n++;
	ch_dirsink_init(&sink, dir);
	ch_flatten_begin(flat, &sink.sink);
	while (rc == 0 && n-- > 0) {
		rc = read_layer(texts[n], ch_flatten_layer(flat, n), err);
		if (rc == 0 && ch_flatten_layer_again(flat))
			rc = read_layer(texts[n], ch_flatten_layer(flat, n), err);
	}
	if (rc == 0)
		rc = ch_flatten_end(flat, err);
	return rc == 0 ? sink.sink.end(&sink.sink, err) : rc;
}

/* The tree, as text; malloc'ed; NULL: an error */
static char *flatten(const char *const *texts, struct ch_err *err)
{
	ch_auto(flatten) struct ch_flatten *flat = NULL;
	char *tree = NULL;
	int rc = 1;

	assert_int_equal(ch_flatten_new(false, &flat, err), 0);
	for (int i = 0; rc == 1 && i < TRIES; i++) {
		char path[64];
		int dir = trees_temp(path, sizeof(path));

		rc = flatten_once(dir, texts, flat, err);
		if (rc == 0)
			tree = trees_text(dir);
		trees_remove(dir, path);
	}
	assert_int_not_equal(rc, 1);
	return tree;
}

static char *apply_all(const char *const *texts, struct ch_err *err)
{
	char path[64], *tree = NULL;
	int dir = trees_temp(path, sizeof(path));

	if (apply(dir, texts, err) == 0)
		tree = trees_text(dir);
	trees_remove(dir, path);
	return tree;
}

/* What cannot be applied need not be an error from above: what is replaced later is not looked
 * at. */
static void compare(const char *const *texts)
{
	struct ch_err below = { .msg = "" }, above = { .msg = "" };
	ch_auto(str) char *want = apply_all(texts, &below);
	ch_auto(str) char *got = want ? flatten(texts, &above) : NULL;

	if (want && (!got || strcmp(want, got) != 0))
		fail_msg("\n0: %s\n1: %s\n2: %s\n3: %s\nwant: %s\n got: %s\n(%s)", texts[0],
			 texts[1], texts[2], texts[3], want, got ? got : "-", above.msg);
}

/* ---- examples ------------------------------------------------------------------------------ */

#define CHECK(result, ...)                                                                         \
	do {                                                                                       \
		const char *const texts_[LAYERS] = { __VA_ARGS__ };                                \
		struct ch_err err_ = { .msg = "" };                                                \
		ch_auto(str) char *got_ = flatten(texts_, &err_);                                  \
                                                                                                   \
		(void)state;                                                                       \
		assert_string_equal(got_ ? got_ : err_.msg, result);                               \
		compare(texts_);                                                                   \
	} while (0)

static void upper_layers_win(void **state)
{
	CHECK("a=2 b=1", "a=1 b=1", "a=2");
	CHECK("d/:700 d/a=1", "d/:755 d/a=1", "d/:700");
	CHECK("d/a=2", "d=1", "d/a=2");
	CHECK("d=2", "d/a=1", "d=2");
	CHECK("d/", "d/a=1", "d=2", "d/");
	CHECK("a=3", "a=1", ".wh.a", "a=3");
	CHECK("", "a=1", ".wh.a");
	CHECK("d/b=2", "d/a=1", "d/.wh..wh..opq d/b=2");
}

static void hard_links_find_their_file(void **state)
{
	CHECK("a=1 b==a", "a=1", "b==a");
	/* replaced above: the layer is read once more */
	CHECK("a=2 b=1", "a=1 b==a", "a=2");
	CHECK("b=1 c==b", "a=1 b==a c==a", ".wh.a");
	/* in the layer that whites out what was there before */
	CHECK("a=2 b==a", "a=1", "a=2 .wh.a b==a");
	CHECK("a=2 b==a", "a=1", ".wh.a a=2 b==a");
	/* of a file that is two layers below, and gone then */
	CHECK("a=3 b=1", "a=1", "b==a", "a=3");
	CHECK("b=1 c==b", "a=1 b==a", "c==b", ".wh.a");
}

static void links_of_lower_layers_are_followed(void **state)
{
	CHECK("lib->usr usr/a=1 usr/b=2", "usr/a=1 lib->usr", "lib/b=2");
	CHECK("l->m m->n n/a=2", "l->m m->n n/", "l/a=2");
	/* unless it was something else in between */
	CHECK("lib/b=3 usr/a=1", "usr/a=1 lib->usr", "lib/", "lib/b=3");
	CHECK("lib/b=3 usr/a=1", "usr/a=1 lib->usr", ".wh.lib", "lib/b=3");
	CHECK("lib/c=3 usr/b=2", "usr/ lib->usr", "lib/b=2", ".wh.lib lib/c=3");
}

static void links_to_nothing_are_told(void **state)
{
	(void)state;
	const char *const texts[LAYERS] = { "a=1", "b==c" };
	struct ch_err err;

	assert_null(flatten(texts, &err));
	assert_string_equal(err.msg, "'b' is a hard link to 'c', which is not there");
}

/* ---- random layers ------------------------------------------------------------------------- */

static unsigned pick(unsigned *seed, unsigned n)
{
	*seed = *seed * 1103515245 + 12345;
	return (*seed >> 16) % n;
}

/* A path whose last part is one of the names in LAST. */
static void add_path_to(struct ch_buf *out, unsigned *seed, const char *last)
{
	unsigned depth = pick(seed, 3);

	while (depth-- > 0)
		ch_buf_addf(out, "%c/", "abc"[pick(seed, 3)]);
	ch_buf_addf(out, "%c", last[pick(seed, (unsigned)strlen(last))]);
}

static void add_path(struct ch_buf *out, unsigned *seed)
{
	add_path_to(out, seed, "abc");
}

enum kind { A_WHITEOUT, AN_OPAQUE, A_SYMLINK, A_HARDLINK, A_DIR, A_FILE, KINDS };

/* Is PATH something else in this layer, or in something that is no directory, or has something in
 * it? No archiver writes that. TEXT: the entries so far. */
static bool is_taken(const char *text, const char *path)
{
	size_t n = strlen(path);

	for (const char *p = text; p && *p; p = strchr(p, ' ') ? strchr(p, ' ') + 1 : NULL) {
		size_t m = strcspn(p, "=- ");
		size_t same = 0;

		while (same < n && same < m && p[same] == path[same])
			same++;
		if ((same == n && (same == m || p[same] == '/')) ||
		    (same == m && path[same] == '/'))
			return true;
	}
	return false;
}

static void print_entry(struct ch_buf *out, enum kind kind, const char *path, unsigned *seed)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

	ch_buf_adds(out, out->len > 0 ? " " : "");
	if (kind == A_WHITEOUT) {
		ch_buf_addf(out, "%.*s.wh.%s", (int)(name - path), path, name);
	} else if (kind == AN_OPAQUE) {
		ch_buf_addf(out, "%s/.wh..wh..opq", path);
	} else if (kind == A_DIR) {
		ch_buf_addf(out, "%s/", path);
	} else if (kind == A_FILE) {
		ch_buf_addf(out, "%s=%u", path, pick(seed, 1000));
	} else if (kind == A_SYMLINK) {
		ch_buf_addf(out, "%s->%s", path, pick(seed, 4) ? "" : "../");
		add_path(out, seed);
	} else {
		/* Hard links to symbolic links are another matter. */
		ch_buf_addf(out, "%s==", path);
		add_path_to(out, seed, "ab");
	}
}

static void add_entry(struct ch_buf *out, unsigned *seed)
{
	struct ch_buf path = CH_BUF_INIT(100);
	enum kind kind = pick(seed, KINDS);

	add_path_to(&path, seed, kind == A_SYMLINK ? "c" : "abc");
	if (!out->data || !is_taken(out->data, path.data))
		print_entry(out, kind, path.data, seed);
	ch_buf_done(&path);
}

static void random_layers_give_the_same_from_both_sides(void **state)
{
	(void)state;
	const char *count = getenv("CH_TEST_RANDOM");
	long n = count ? strtol(count, NULL, 10) : 1000;

	for (long i = 0; i < n; i++) {
		struct ch_buf layers[LAYERS];
		const char *texts[LAYERS];
		unsigned seed = (unsigned)i * 7919 + 1;

		for (int k = 0; k < LAYERS; k++) {
			unsigned entries = 1 + pick(&seed, 4);

			layers[k] = CH_BUF_INIT(TEXT_MAX);
			while (entries-- > 0 || layers[k].len == 0)
				add_entry(&layers[k], &seed);
			texts[k] = layers[k].data;
		}
		compare(texts);
		for (int k = 0; k < LAYERS; k++)
			ch_buf_done(&layers[k]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(upper_layers_win),
		cmocka_unit_test(hard_links_find_their_file),
		cmocka_unit_test(links_of_lower_layers_are_followed),
		cmocka_unit_test(links_to_nothing_are_told),
		cmocka_unit_test(random_layers_give_the_same_from_both_sides),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
