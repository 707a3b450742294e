/* SPDX-License-Identifier: Apache-2.0 */
#include "push/pack.h"

#include <stdbool.h>
#include <string.h>

#include "archive/entry.h"
#include "archive/output.h"
#include "archive/tar.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/progress.h"
#include "hash/hash.h"

/* Of what layers are made: to be raised when the same image becomes another one. */
#define PACK_FORMAT "2"

/* What an entry adds to an archive, about: its header, and what fills up the last block */
enum { ENTRY_BYTES = 768 };

/* In layers, these are no files: they say that others are deleted. */
#define WHITEOUT ".wh."

/* The cache that Charliecloud has in its images is of no use elsewhere. DATA: counts whiteouts, if
 * it is not NULL. */
static bool is_left(void *data, const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	uint64_t *whiteouts = data;
	bool is_whiteout = strncmp(name, WHITEOUT, strlen(WHITEOUT)) == 0;

	if (whiteouts)
		*whiteouts += is_whiteout;
	return is_whiteout || strcmp(path, "ch/git") == 0 || strcmp(path, "ch/git.pickle") == 0;
}

int ch_pack_key(const struct ch_pack_from *from, char ret_key[CH_PACK_KEY], uint64_t *ret_bytes,
		struct ch_err *err)
{
	const int kind[] = { (int)from->compress.kind, from->compress.level };
	ch_auto(hash) struct ch_hash hash = { 0 };
	uint8_t key[CH_SHA256_BYTES];
	struct ch_walked walked;
	const struct ch_walk_how walk = {
		.no_xattrs = from->no_xattrs,
		.is_left = is_left,
		.cancel = from->cancel,
	};

	if (ch_walk_state(from->root, &walk, key, &walked, err) < 0 ||
	    ch_hash_start(&hash, CH_SHA256, err) < 0)
		return err->code;
	ch_hash_more(&hash, PACK_FORMAT, sizeof(PACK_FORMAT));
	ch_hash_more(&hash, kind, sizeof(kind));
	ch_hash_more(&hash, key, sizeof(key));
	ch_hash_end(&hash, key);
	ch_hash_hex(key, sizeof(key), ret_key);
	*ret_bytes = walked.bytes + ENTRY_BYTES * walked.entries;
	return 0;
}

/* What goes to the compressor, and is counted. */
struct counted {
	struct ch_output out;
	struct ch_output *to;
	struct ch_progress *progress;
};

static int count(struct ch_output *out, const void *data, size_t len, struct ch_err *err)
{
	const struct counted *c = (const struct counted *)out;

	ch_progress_add(c->progress, len);
	return c->to->write(c->to, data, len, err);
}

int ch_pack(const struct ch_pack_from *from, uint64_t bytes, int fd, struct ch_packed *ret_packed,
	    struct ch_err *err)
{
	struct ch_packed packed = { 0 };
	const struct ch_walk_how walk = {
		.no_xattrs = from->no_xattrs,
		.is_left = is_left,
		.data = &packed.whiteouts,
		.cancel = from->cancel,
	};
	struct ch_output_fd file = CH_OUTPUT_FD(fd, "layer");
	ch_auto(compress) struct ch_compress *compress = NULL;
	ch_auto(progress) struct ch_progress *progress = ch_progress_new("packing",
									 CH_PROGRESS_BYTES, bytes);
	ch_auto(tar) struct ch_sink *tar = NULL;
	struct counted input = { .out = { count }, .progress = progress };

	if (ch_compress_new(&from->compress, &file.out, &compress, err) < 0)
		return err->code;
	input.to = ch_compress_input(compress);
	if (ch_tar_new(&input.out, CH_TAR_NO_SETID, &tar, err) < 0 ||
	    ch_walk_entries(from->root, &walk, tar, &packed.walked, err) < 0 ||
	    tar->end(tar, err) < 0 || ch_compress_end(compress, &packed.layer, err) < 0)
		return err->code;
	*ret_packed = packed;
	return 0;
}
