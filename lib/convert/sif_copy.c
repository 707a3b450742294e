/* SPDX-License-Identifier: Apache-2.0 */
#include "convert/sif_copy.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "archive/output.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/progress.h"
#include "convert/bundle.h"
#include "convert/convert.h"
#include "convert/place.h"
#include "rt/image.h"

enum { PART = 1024 * 1024 };

static int copy(const struct ch_convert *c, const struct ch_piece *piece, struct ch_output *out,
		struct ch_err *err)
{
	ch_auto(mem) char *part = malloc(PART);
	uint64_t at = 0;
	ssize_t n;

	if (!part)
		return ch_err_nomem(err);
	while ((n = ch_piece_read(piece, at, part, PART, err)) > 0) {
		if (ch_source_is_cancelled(&c->source))
			return ch_err_set(err, -ECANCELED, "interrupted");
		if (out->write(out, part, (size_t)n, err) < 0)
			return err->code;
		at += (uint64_t)n;
		ch_progress_add(c->source.progress, (uint64_t)n);
	}
	if (n == 0 && at < piece->size)
		return ch_err_set(err, -EIO, "it is shorter than it says");
	return (int)n;
}

int ch_sif_copy(const struct ch_convert *c, struct ch_err *err)
{
	ch_auto(image) struct ch_image image = CH_IMAGE_INIT;
	ch_auto(place) struct ch_place place = CH_PLACE_INIT;

	if (ch_image_open(c->source.path, &image, err) < 0)
		return err->code;
	if (!image.is_sif)
		return ch_err_set(err, -EINVAL, "'%s' is not a SIF file", c->source.path);
	if (ch_place_new(c->target.path, c->target.keep ? CH_PLACE_KEEP : 0, &place, err) < 0)
		return err->code;

	const struct ch_piece piece = { .fd = image.fd, .off = image.offset, .size = image.size };
	struct ch_output_fd out = CH_OUTPUT_FD(place.fd, c->target.path);

	ch_progress_expect(c->source.progress, piece.size);
	if (copy(c, &piece, &out.out, err) < 0)
		return ch_err_in(err, "image '%s'", c->source.path);
	return ch_place_commit(&place, err);
}
