/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "convert/squash_compress.h"

struct shorter {
	sqfs_compressor_t base;
	sqfs_compressor_t *with; /* owned */
};

static sqfs_s32 compress_block(sqfs_compressor_t *base, const sqfs_u8 *in, sqfs_u32 size,
			       sqfs_u8 *out, sqfs_u32 room)
{
	struct shorter *s = (struct shorter *)base;
	sqfs_s32 len = s->with->do_block(s->with, in, size, out, room);

	return len < 0 || (sqfs_u32)len < size ? len : 0;
}

static void get_configuration(const sqfs_compressor_t *base, sqfs_compressor_config_t *config)
{
	const struct shorter *s = (const struct shorter *)base;

	s->with->get_configuration(s->with, config);
}

static int write_options(sqfs_compressor_t *base, sqfs_file_t *file)
{
	struct shorter *s = (struct shorter *)base;

	return s->with->write_options(s->with, file);
}

static int read_options(sqfs_compressor_t *base, sqfs_file_t *file)
{
	struct shorter *s = (struct shorter *)base;

	return s->with->read_options(s->with, file);
}

static void destroy(sqfs_object_t *base)
{
	struct shorter *s = (struct shorter *)base;

	sqfs_destroy(s->with);
	free(s);
}

static sqfs_object_t *copy(const sqfs_object_t *base)
{
	const struct shorter *s = (const struct shorter *)base;
	sqfs_compressor_t *with = sqfs_copy(s->with);

	return (sqfs_object_t *)(with ? ch_squash_shorter_new(with) : NULL);
}

sqfs_compressor_t *ch_squash_shorter_new(sqfs_compressor_t *with)
{
	struct shorter *s = malloc(sizeof(*s));

	if (!s) {
		sqfs_destroy(with);
		return NULL;
	}
	*s = (struct shorter){
		.base = { .base = { .destroy = destroy, .copy = copy },
			  .get_configuration = get_configuration,
			  .write_options = write_options,
			  .read_options = read_options,
			  .do_block = compress_block },
		.with = with,
	};
	return (sqfs_compressor_t *)s;
}
