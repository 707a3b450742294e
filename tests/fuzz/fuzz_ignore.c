/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_ignore - a .dockerignore, and in its last line a path to look for */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"
#include "dockerfile/glob.h"
#include "dockerfile/ignore.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* In one dialect, is the whole also the longest beginning and end? */
static void match(const char *pattern, enum ch_glob_dialect dialect, const char *text)
{
	ch_auto(glob) struct ch_glob glob = { 0 };
	size_t budget = 1 << 24;
	struct ch_err err;

	if (ch_glob_compile(pattern, dialect, &glob, &err) < 0)
		return;

	bool is_match = ch_glob_matches(&glob, text);
	long len = ch_glob_prefix(&glob, text, true, &budget);

	if (dialect == CH_GLOB_TEXT && budget && is_match != (len == (long)strlen(text)))
		abort();
	if (dialect == CH_GLOB_TEXT) {
		ch_glob_reverse(&glob);
		len = ch_glob_suffix(&glob, text, true, &budget);
		if (budget && is_match != (len == (long)strlen(text)))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	ch_auto(ignore) struct ch_ignore ignore = { 0 };
	struct ch_err err;
	const uint8_t *last = size ? memrchr(data, '\n', size) : NULL;
	size_t len = last ? (size_t)(last - data) : size;
	ch_auto(str) char *pattern = strndup((const char *)data, len);
	ch_auto(str) char *path = strndup((const char *)data + len, size - len);

	if (!pattern || !path)
		return 0;

	const char *name = path + (*path == '\n');

	for (int dialect = CH_GLOB_NAME; dialect <= CH_GLOB_TEXT; dialect++)
		match(pattern, (enum ch_glob_dialect)dialect, name);
	if (ch_ignore_parse(&ignore, (const char *)data, len, &err) < 0)
		return 0;

	char below[64];
	bool has_all = ch_ignore_has_all(&ignore, name);

	/* What is said of all below a directory must be true of each file. */
	if (*name && strlen(name) < sizeof(below) - 3) {
		size_t n = strlen(name);

		memcpy(below, name, n);
		memcpy(below + n, "/x", 3);
		if (has_all && !ch_ignore_has(&ignore, below))
			abort();
	}
	return 0;
}
