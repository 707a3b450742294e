/* SPDX-License-Identifier: Apache-2.0 */
#include "convert/packing.h"

#include <errno.h>
#include <string.h>

#include "archive/compress.h"
#include "base/err.h"

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
