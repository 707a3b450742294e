/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/unpack.h"

#include <errno.h>
#include <libdeflate.h>
#include <limits.h>
#include <lz4.h>
#include <lzma.h>
#include <lzo/lzo1x.h>
#include <pthread.h>
#include <stdlib.h>
#include <zstd.h>

/* What an xz block may demand: the dictionary is at most as large as a block, when
 * mksquashfs made it; other writers may take the largest preset's. */
#define XZ_MEMORY (80ULL << 20)

/* What one decompression needs for itself; of use again for the next. */
struct context {
	struct context *next;
	union {
		struct libdeflate_decompressor *gzip;
		ZSTD_DCtx *zstd;
		lzma_stream xz;
	};
};

struct codec {
	const char *name;
	bool (*open)(struct context *c); /* false: no memory; NULL: has no context */
	void (*close)(struct context *c);
	long (*run)(struct context *c, const void *in, size_t len, void *out, size_t size);
};

struct ch_unpacker {
	const struct codec *codec;
	pthread_mutex_t lock;
	struct context *spare; /* not in use now; the last one used comes first */
};

/* ---- gzip: zlib's format ------------------------------------------------------- */

static bool gzip_open(struct context *c)
{
	return (c->gzip = libdeflate_alloc_decompressor());
}

static void gzip_close(struct context *c)
{
	libdeflate_free_decompressor(c->gzip);
}

static long gzip_run(struct context *c, const void *in, size_t len, void *out, size_t size)
{
	size_t got;

	if (libdeflate_zlib_decompress(c->gzip, in, len, out, size, &got) != LIBDEFLATE_SUCCESS)
		return -EIO;
	return (long)got;
}

/* ---- xz ------------------------------------------------------------------------ */

static bool xz_open(struct context *c)
{
	c->xz = (lzma_stream)LZMA_STREAM_INIT;
	return true;
}

static void xz_close(struct context *c)
{
	lzma_end(&c->xz);
}

static long xz_run(struct context *c, const void *in, size_t len, void *out, size_t size)
{
	lzma_stream *s = &c->xz;

	/* takes over the memory of the last one */
	if (lzma_stream_decoder(s, XZ_MEMORY, 0) != LZMA_OK)
		return -EIO;
	s->next_in = in;
	s->avail_in = len;
	s->next_out = out;
	s->avail_out = size;
	if (lzma_code(s, LZMA_FINISH) != LZMA_STREAM_END)
		return -EIO;
	return (long)(size - s->avail_out);
}

/* ---- zstd ---------------------------------------------------------------------- */

static bool zstd_open(struct context *c)
{
	return (c->zstd = ZSTD_createDCtx());
}

static void zstd_close(struct context *c)
{
	ZSTD_freeDCtx(c->zstd);
}

static long zstd_run(struct context *c, const void *in, size_t len, void *out, size_t size)
{
	size_t got = ZSTD_decompressDCtx(c->zstd, out, size, in, len);

	return ZSTD_isError(got) ? -EIO : (long)got;
}

/* ---- without context ----------------------------------------------------------- */

static long lz4_run(struct context *c, const void *in, size_t len, void *out, size_t size)
{
	(void)c;
	if (len > INT_MAX || size > INT_MAX)
		return -EIO;

	int got = LZ4_decompress_safe(in, out, (int)len, (int)size);

	return got < 0 ? -EIO : got;
}

static long lzo_run(struct context *c, const void *in, size_t len, void *out, size_t size)
{
	lzo_uint got = size;

	(void)c;
	return lzo1x_decompress_safe(in, len, out, &got, NULL) == LZO_E_OK ? (long)got : -EIO;
}

/* By the superblock's number. LZMA without container never came into the kernel. */
static const struct codec codecs[] = {
	[1] = { "gzip", gzip_open, gzip_close, gzip_run },
	[2] = { "lzma", NULL, NULL, NULL },
	[3] = { "lzo", NULL, NULL, lzo_run },
	[4] = { "xz", xz_open, xz_close, xz_run },
	[5] = { "lz4", NULL, NULL, lz4_run },
	[6] = { "zstd", zstd_open, zstd_close, zstd_run },
};

const char *ch_unpack_name(unsigned id)
{
	return id < sizeof(codecs) / sizeof(codecs[0]) ? codecs[id].name : NULL;
}

bool ch_unpack_known(unsigned id)
{
	return ch_unpack_name(id) && codecs[id].run;
}

struct ch_unpacker *ch_unpacker_new(unsigned id)
{
	struct ch_unpacker *u = calloc(1, sizeof(*u));

	if (!u)
		return NULL;
	u->codec = &codecs[id];
	pthread_mutex_init(&u->lock, NULL);
	return u;
}

static void context_free(const struct codec *codec, struct context *c)
{
	codec->close(c);
	free(c);
}

void ch_unpacker_free(struct ch_unpacker *u)
{
	struct context *c;

	if (!u)
		return;
	while ((c = u->spare)) {
		u->spare = c->next;
		context_free(u->codec, c);
	}
	pthread_mutex_destroy(&u->lock);
	free(u);
}

static struct context *context_new(const struct codec *codec)
{
	struct context *c = calloc(1, sizeof(*c));

	if (c && !codec->open(c)) {
		free(c);
		return NULL;
	}
	return c;
}

static struct context *take(struct ch_unpacker *u)
{
	pthread_mutex_lock(&u->lock);

	struct context *c = u->spare;

	if (c)
		u->spare = c->next;
	pthread_mutex_unlock(&u->lock);
	return c ? c : context_new(u->codec);
}

static void give_back(struct ch_unpacker *u, struct context *c)
{
	pthread_mutex_lock(&u->lock);
	c->next = u->spare;
	u->spare = c;
	pthread_mutex_unlock(&u->lock);
}

long ch_unpack_block(struct ch_unpacker *u, const void *in, size_t len, void *out, size_t size)
{
	struct context *c;
	long n;

	if (!u->codec->open)
		return u->codec->run(NULL, in, len, out, size);
	c = take(u);
	if (!c)
		return -EIO;
	n = u->codec->run(c, in, len, out, size);
	give_back(u, c);
	return n;
}
