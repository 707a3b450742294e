/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_cache - what the build cache reads: of directories, commits, trees, large files, and stat
 * files. The first byte chooses. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"
#include "cache/commit.h"
#include "cache/files.h"
#include "cache/large.h"
#include "cache/dirmeta.h"
#include "cache/name.h"
#include "cache/pieces.h"
#include "cache/statfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_meta(const uint8_t *data, size_t size)
{
	struct ch_pieces from = { .p = data, .end = data + size };
	ch_auto(gittree) struct ch_gittree tree = { 0 };
	struct ch_err err;
	int rc = ch_dirmeta_start(&from, &tree.root, &tree.arena, &err);

	while (rc == 0 && from.p < from.end) {
		struct ch_node node = { 0 };

		rc = ch_dirmeta_next(&from, &node, &tree.arena, &err);
		if (rc == 0 && node.name && !ch_name_is_file(node.name))
			abort();
	}
}

static void try_statfile(const uint8_t *data, size_t size)
{
	/* Of the one that the data names. */
	uint8_t generation[CH_GENERATION_BYTES] = { 0 };
	ch_auto(gittree) struct ch_gittree tree = { 0 };

	if (size > 4 + sizeof(generation))
		memcpy(generation, data + 4, sizeof(generation));
	(void)ch_statfile_parse(data, size, generation, &tree);
}

static void try_commit(const uint8_t *data, size_t size)
{
	ch_auto(str) char *text = malloc(size + 1);
	ch_auto(commit) struct ch_commit commit = { 0 };
	struct ch_err err;

	if (!text)
		return;
	memcpy(text, data, size);
	text[size] = '\0';
	(void)ch_commit_parse(text, size, &commit, &err);
}

static void try_tree(const uint8_t *data, size_t size)
{
	char name[CH_NAME_FILE_MAX + 1];
	struct ch_gittree_entry entry;

	while (ch_gittree_entry_next(&data, &size, &entry) == 1)
		if (ch_name_from_tree(entry.name, name) && !ch_name_is_file(name))
			abort();
}

static void try_large(const uint8_t *data, size_t size)
{
	ch_auto(str) char *text = malloc(size + 1);
	struct ch_large large;
	struct ch_err err;

	if (!text)
		return;
	memcpy(text, data, size);
	text[size] = '\0';
	(void)ch_large_from_text(text, size, &large, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const tries[])(const uint8_t *, size_t) = { try_meta, try_statfile,
								  try_commit, try_tree, try_large };

	if (size > 0)
		tries[data[0] % (sizeof(tries) / sizeof(*tries))](data + 1, size - 1);
	return 0;
}
