/* SPDX-License-Identifier: Apache-2.0 */
#include "convert/squash_compress.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sqfs/error.h>

#include "base/err.h"

enum { LZ4_FAST = 1, LZ4_HIGH = 12 };

static const struct alg {
	const char *name;
	enum ch_squash_alg alg;
	SQFS_COMPRESSOR id;  /* what images without compression say does not matter */
	int min, max, usual; /* levels; 0: there are none */
} algs[] = {
	{ "gzip", CH_SQUASH_GZIP, SQFS_COMP_GZIP, 1, 12, 6 },
	{ "lz4", CH_SQUASH_LZ4, SQFS_COMP_LZ4, LZ4_FAST, LZ4_HIGH, LZ4_FAST },
	{ "none", CH_SQUASH_NOTHING, SQFS_COMP_GZIP, 0, 0, 0 },
	{ "xz", CH_SQUASH_XZ, SQFS_COMP_XZ, 1, 9, 6 },
	{ "zstd", CH_SQUASH_ZSTD, SQFS_COMP_ZSTD, 1, 22, 3 },
};

enum { N_ALGS = sizeof(algs) / sizeof(*algs) };

static int check_level(const struct alg *a, int level, struct ch_err *err)
{
	if (a->max == 0)
		return ch_err_set(err, -EINVAL, "compression '%s' has no levels", a->name);
	if (a->alg == CH_SQUASH_LZ4 && level != LZ4_FAST && level != LZ4_HIGH)
		return ch_err_set(err, -EINVAL, "compression 'lz4' has the levels %d and %d",
				  LZ4_FAST, LZ4_HIGH);
	if (level < a->min || level > a->max)
		return ch_err_set(err, -EINVAL, "compression '%s' has the levels %d to %d", a->name,
				  a->min, a->max);
	return 0;
}

int ch_squash_compress_parse(const char *text, struct ch_squash_compress *ret_compress,
			     struct ch_err *err)
{
	size_t len = strcspn(text, ":");

	for (size_t i = 0; i < N_ALGS; i++) {
		const struct alg *a = &algs[i];
		char *end;
		long level;

		if (strlen(a->name) != len || strncmp(a->name, text, len) != 0)
			continue;
		*ret_compress = (struct ch_squash_compress){ .alg = a->alg };
		if (!text[len])
			return 0;
		errno = 0;
		level = strtol(text + len + 1, &end, 10);
		if (end == text + len + 1 || *end || errno)
			return ch_err_set(err, -EINVAL, "compression level '%s' is no number",
					  text + len + 1);
		if (check_level(a, level > 0 && level < 100 ? (int)level : -1, err) < 0)
			return err->code;
		ret_compress->level = (int)level;
		return 0;
	}
	return ch_err_set(err, -EINVAL,
			  "compression '%.*s' is unknown, choose gzip, lz4, none, xz or zstd",
			  (int)len, text);
}

static int from_library(const struct alg *a, int level, size_t block_size, sqfs_compressor_t **ret)
{
	sqfs_compressor_config_t config;
	int rc = sqfs_compressor_config_init(&config, a->id, block_size, 0);

	if (rc < 0)
		return rc;
	if (a->alg != CH_SQUASH_LZ4)
		config.level = (sqfs_u32)level;
	else if (level == LZ4_HIGH)
		config.flags = SQFS_COMP_FLAG_LZ4_HC;
	rc = sqfs_compressor_create(&config, ret);
	if (rc == 0)
		*ret = ch_squash_shorter_new(*ret);
	return rc;
}

int ch_squash_compressor_new(const struct ch_squash_compress *how, size_t block_size,
			     SQFS_COMPRESSOR *ret_id, sqfs_compressor_t **ret, struct ch_err *err)
{
	enum ch_squash_alg alg = how->alg ? how->alg : CH_SQUASH_ZSTD;
	const struct alg *a = algs;
	int level, rc = 0;

	while (a->alg != alg)
		a++;
	level = how->level ? how->level : a->usual;
	if (how->level && check_level(a, level, err) < 0)
		return err->code;
	if (alg == CH_SQUASH_GZIP)
		*ret = ch_squash_deflate_new(level, block_size);
	else if (alg == CH_SQUASH_NOTHING)
		*ret = ch_squash_store_new();
	else
		rc = from_library(a, level, block_size, ret);
	if (rc == SQFS_ERROR_UNSUPPORTED)
		return ch_err_set(err, -ENOTSUP, "libsquashfs was built without compression '%s'",
				  a->name);
	if (rc < 0 || !*ret)
		return ch_err_nomem(err);
	*ret_id = a->id;
	return 0;
}
