/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include <sqfs/error.h>

#include "convert/squash_compress.h"

/* "It does not get shorter": then blocks are stored as they are. */
static sqfs_s32 store(sqfs_compressor_t *base, const sqfs_u8 *in, sqfs_u32 size, sqfs_u8 *out,
		      sqfs_u32 room)
{
	(void)base, (void)in, (void)size, (void)out, (void)room;
	return 0;
}

static void get_configuration(const sqfs_compressor_t *base, sqfs_compressor_config_t *config)
{
	(void)base;
	sqfs_compressor_config_init(config, SQFS_COMP_GZIP, SQFS_DEFAULT_BLOCK_SIZE, 0);
}

static int write_options(sqfs_compressor_t *base, sqfs_file_t *file)
{
	(void)base, (void)file;
	return 0;
}

static int read_options(sqfs_compressor_t *base, sqfs_file_t *file)
{
	(void)base, (void)file;
	return SQFS_ERROR_UNSUPPORTED;
}

static void destroy(sqfs_object_t *base)
{
	free(base);
}

static sqfs_object_t *copy(const sqfs_object_t *base)
{
	(void)base;
	return (sqfs_object_t *)ch_squash_store_new();
}

sqfs_compressor_t *ch_squash_store_new(void)
{
	sqfs_compressor_t *c = malloc(sizeof(*c));

	if (c)
		*c = (sqfs_compressor_t){
			.base = { .destroy = destroy, .copy = copy },
			.get_configuration = get_configuration,
			.write_options = write_options,
			.read_options = read_options,
			.do_block = store,
		};
	return c;
}
