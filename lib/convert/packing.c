/* SPDX-License-Identifier: Apache-2.0 */
#include "convert/packing.h"

#include <errno.h>
#include <string.h>

#include "archive/compress.h"
#include "base/err.h"
#include "base/text.h"

static const struct {
	const char *name;
	enum ch_compress_kind kind;
} algs[] = {
	{ "none", CH_COMPRESS_NONE },
	{ "gzip", CH_COMPRESS_GZIP },
	{ "zstd", CH_COMPRESS_ZSTD },
	{ "xz", CH_COMPRESS_XZ },
};

static const struct {
	const char *ending;
	enum ch_compress_kind kind;
} endings[] = {
	{ ".tar", CH_COMPRESS_NONE },  { ".tar.gz", CH_COMPRESS_GZIP },
	{ ".tgz", CH_COMPRESS_GZIP },  { ".tar.zst", CH_COMPRESS_ZSTD },
	{ ".tzst", CH_COMPRESS_ZSTD }, { ".tar.xz", CH_COMPRESS_XZ },
	{ ".txz", CH_COMPRESS_XZ },
};

void ch_packing_usual(enum ch_format format, struct ch_compress_how *how)
{
	bool is_oci = format == CH_FORMAT_OCI || format == CH_FORMAT_OCI_ARCHIVE;

	how->kind = is_oci ? CH_COMPRESS_GZIP : CH_COMPRESS_NONE;
}

int ch_packing_parse(const char *text, struct ch_compress_how *how, struct ch_err *err)
{
	size_t n = strcspn(text, ":"), i = 0;
	uint32_t level = 0;

	while (i < sizeof(algs) / sizeof(algs[0]) &&
	       (strlen(algs[i].name) != n || strncmp(text, algs[i].name, n) != 0))
		i++;
	if (i == sizeof(algs) / sizeof(algs[0]))
		return ch_err_set(err, -EINVAL, "'%s' is none of none, gzip, zstd, xz", text);
	if (text[n] && ch_text_u32(text + n + 1, "LEVEL", 1,
				   (uint32_t)ch_compress_max(algs[i].kind), &level, err) < 0)
		return err->code;
	how->kind = algs[i].kind;
	how->level = (int)level;
	return 0;
}

int ch_packing_of_name(const char *name, struct ch_compress_how *how, struct ch_err *err)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		size_t m = strlen(endings[i].ending);

		if (n <= m || strcmp(name + n - m, endings[i].ending) != 0)
			continue;
		how->kind = endings[i].kind;
		return 0;
	}
	return ch_err_set(err, -EINVAL,
			  "'%s': tar archives to be written are called .tar, .tar.gz (.tgz), "
			  ".tar.zst (.tzst) or .tar.xz (.txz)",
			  name);
}
