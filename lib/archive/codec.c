/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/codec.h"

#include <errno.h>
#include <libdeflate.h>
#include <lzma.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "base/err.h"
#include "base/text.h"

/* ---- gzip ---------------------------------------------------------------------------------- */

static void *gzip_make(int level)
{
	return libdeflate_alloc_compressor(level);
}

static void gzip_free(void *state)
{
	libdeflate_free_compressor(state);
}

static size_t gzip_bound(size_t len)
{
	return libdeflate_gzip_compress_bound(NULL, len);
}

/* Its headers have no time and no name. */
static size_t gzip_run(void *state, const void *data, size_t len, void *out, size_t size)
{
	return libdeflate_gzip_compress(state, data, len, out, size);
}

/* ---- zstd ---------------------------------------------------------------------------------- */

static void zstd_free(void *state)
{
	ZSTD_freeCCtx(state);
}

static void *zstd_make(int level)
{
	ZSTD_CCtx *state = ZSTD_createCCtx();

	if (state && ZSTD_isError(ZSTD_CCtx_setParameter(state, ZSTD_c_compressionLevel, level))) {
		zstd_free(state);
		return NULL;
	}
	return state;
}

static size_t zstd_run(void *state, const void *data, size_t len, void *out, size_t size)
{
	size_t n = ZSTD_compress2(state, out, size, data, len);

	return ZSTD_isError(n) ? 0 : n;
}

/* ---- xz ------------------------------------------------------------------------------------ */

static void *xz_make(int level)
{
	uint32_t *preset = malloc(sizeof(*preset));

	if (preset)
		*preset = (uint32_t)level;
	return preset;
}

static size_t xz_run(void *state, const void *data, size_t len, void *out, size_t size)
{
	const uint32_t *preset = state;
	size_t n = 0;

	return lzma_easy_buffer_encode(*preset, LZMA_CHECK_CRC64, NULL, data, len, out, &n, size) ==
			       LZMA_OK
		       ? n
		       : 0;
}

/* Larger pieces are compressed better, and keep fewer threads busy. */
static const struct ch_codec codecs[] = {
	/* Level 5 is as good as 6 of zlib. */
	[CH_COMPRESS_GZIP] = { 1 << 20, 5, 12, gzip_make, gzip_free, gzip_bound, gzip_run },
	[CH_COMPRESS_ZSTD] = { 4 << 20, 3, 19, zstd_make, zstd_free, ZSTD_compressBound, zstd_run },
	[CH_COMPRESS_XZ] = { 8 << 20, 6, 9, xz_make, free, lzma_stream_buffer_bound, xz_run },
};

int ch_compress_parse(const char *text, struct ch_compress_how *ret_how, struct ch_err *err)
{
	static const char *const names[] = { "none", "gzip", "zstd", "xz" };
	const char *colon = strchrnul(text, ':');
	size_t kind = 0, len = (size_t)(colon - text);
	long long level = 0;

	while (kind < 4 && (strlen(names[kind]) != len || memcmp(names[kind], text, len) != 0))
		kind++;
	if (kind == 4)
		return ch_err_set(err, -EINVAL, "compression '%s' is none of none, gzip, zstd, xz",
				  text);
	if (*colon && kind == CH_COMPRESS_NONE)
		return ch_err_set(err, -EINVAL, "compression '%s': none has no level", text);
	if (*colon &&
	    ch_text_number(colon + 1, "level of compression", 1, codecs[kind].max, &level, err) < 0)
		return err->code;
	ret_how->kind = (enum ch_compress_kind)kind;
	ret_how->level = (int)level;
	return 0;
}

const struct ch_codec *ch_codec_of(enum ch_compress_kind kind)
{
	return kind == CH_COMPRESS_NONE ? NULL : &codecs[kind];
}
