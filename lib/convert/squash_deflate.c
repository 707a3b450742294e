/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <libdeflate.h>
#include <sqfs/error.h>

#include "convert/squash_compress.h"

/* What is said of the level in an image must be one of zlib. */
enum { ZLIB_MAX = SQFS_GZIP_MAX_LEVEL };

struct deflate {
	sqfs_compressor_t base;
	struct libdeflate_compressor *with; /* owned */
	int level;
	size_t block_size;
	sqfs_compressor_t *library; /* owned: knows how options are written; in copies NULL */
};

static sqfs_s32 compress_block(sqfs_compressor_t *base, const sqfs_u8 *in, sqfs_u32 size,
			       sqfs_u8 *out, sqfs_u32 room)
{
	struct deflate *d = (struct deflate *)base;
	size_t len = libdeflate_zlib_compress(d->with, in, size, out, room);

	return len < size ? (sqfs_s32)len : 0; /* 0, too, if it does not fit */
}

static void get_configuration(const sqfs_compressor_t *base, sqfs_compressor_config_t *config)
{
	const struct deflate *d = (const struct deflate *)base;

	sqfs_compressor_config_init(config, SQFS_COMP_GZIP, d->block_size, 0);
	config->level = (sqfs_u32)(d->level < ZLIB_MAX ? d->level : ZLIB_MAX);
}

static int write_options(sqfs_compressor_t *base, sqfs_file_t *file)
{
	struct deflate *d = (struct deflate *)base;

	return d->library->write_options(d->library, file);
}

static int read_options(sqfs_compressor_t *base, sqfs_file_t *file)
{
	(void)base;
	(void)file;
	return SQFS_ERROR_UNSUPPORTED;
}

static void destroy(sqfs_object_t *base)
{
	struct deflate *d = (struct deflate *)base;

	sqfs_destroy(d->library);
	libdeflate_free_compressor(d->with);
	free(d);
}

static struct deflate *make(int level, size_t block_size);

static sqfs_object_t *copy(const sqfs_object_t *base)
{
	const struct deflate *d = (const struct deflate *)base;

	return (sqfs_object_t *)make(d->level, d->block_size);
}

static struct deflate *make(int level, size_t block_size)
{
	struct deflate *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	*d = (struct deflate){
		.base = { .base = { .destroy = destroy, .copy = copy },
			  .get_configuration = get_configuration,
			  .write_options = write_options,
			  .read_options = read_options,
			  .do_block = compress_block },
		.with = libdeflate_alloc_compressor(level),
		.level = level,
		.block_size = block_size,
	};
	if (!d->with) {
		free(d);
		return NULL;
	}
	return d;
}

sqfs_compressor_t *ch_squash_deflate_new(int level, size_t block_size)
{
	sqfs_compressor_config_t config;
	struct deflate *d = make(level, block_size);

	if (!d)
		return NULL;
	get_configuration(&d->base, &config);
	if (sqfs_compressor_create(&config, &d->library) < 0) {
		destroy(&d->base.base);
		return NULL;
	}
	return &d->base;
}
