/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_flatten - an archive as both layers of an image, and as no layer, read from above */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "archive/entry.h"
#include "archive/read.h"
#include "base/auto.h"
#include "base/err.h"
#include "convert/flatten.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What comes out is as entry.h promises. */
struct checker {
	struct ch_sink sink;
	uint64_t at, size; /* of the last file's contents */
};

static bool is_plain_path(const char *path)
{
	for (const char *p = path; *p;) {
		size_t n = strcspn(p, "/");

		if (n == 0 || (n == 1 && p[0] == '.') || (n == 2 && memcmp(p, "..", 2) == 0))
			return false;
		p += n;
		if (*p && !*++p)
			return false;
	}
	return true;
}

static int add(struct ch_sink *sink, const struct ch_entry *e, struct ch_err *err)
{
	struct checker *c = (struct checker *)sink;

	(void)err;
	if (!is_plain_path(e->path) || (e->link && (!is_plain_path(e->link) || !e->link[0])))
		abort();
	c->at = 0;
	c->size = !e->link && S_ISREG(e->mode) ? e->size : 0;
	return 0;
}

static int contents(struct ch_sink *sink, uint64_t off, const void *data, size_t len,
		    struct ch_err *err)
{
	struct checker *c = (struct checker *)sink;

	(void)data;
	(void)err;
	if (off < c->at || len > c->size || off > c->size - len)
		abort();
	c->at = off + len;
	return 0;
}

static int end(struct ch_sink *sink, struct ch_err *err)
{
	(void)sink;
	(void)err;
	return 0;
}

static int read_layer(int fd, struct ch_flatten *flat, int n, struct ch_err *err)
{
	const struct ch_archive archive = { .name = "fuzz", .fd = fd, .max = 1 << 24 };
	struct ch_archive_got got;

	if (lseek(fd, 0, SEEK_SET) < 0)
		abort();
	return ch_archive_read(&archive, ch_flatten_layer(flat, n), &got, err);
}

/* Returns 1: once more. */
static int read_all(int fd, struct ch_flatten *flat, int layers, struct ch_err *err)
{
	struct checker checker = { .sink = { add, contents, end } };

	ch_flatten_begin(flat, &checker.sink);
	while (layers-- > 0) {
		if (read_layer(fd, flat, layers, err) < 0)
			return err->code;
		if (ch_flatten_layer_again(flat) && read_layer(fd, flat, layers, err) < 0)
			return err->code;
	}
	return ch_flatten_end(flat, err);
}

static void flatten(int fd, bool is_plain)
{
	ch_auto(flatten) struct ch_flatten *flat = NULL;
	struct ch_err err;
	int tries = 5;

	if (ch_flatten_new(is_plain, &flat, &err) < 0)
		abort();
	while (read_all(fd, flat, is_plain ? 1 : 2, &err) == 1 && --tries > 0)
		;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	ch_auto(fd) int fd = memfd_create("layer", MFD_CLOEXEC);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	flatten(fd, false);
	flatten(fd, true);
	return 0;
}
