/* SPDX-License-Identifier: Apache-2.0 */
#include "convert/source.h"

#include <errno.h>

#include "base/err.h"

static int (*const openers[])(const struct ch_source_how *how, struct ch_source **ret_source,
			      struct ch_err *err) = {
	[CH_FORMAT_CH_IMAGE] = ch_source_image, [CH_FORMAT_DIR] = ch_source_dir,
#ifdef HAVE_SQUASH
	[CH_FORMAT_SIF] = ch_source_squash,	[CH_FORMAT_SQUASH] = ch_source_squash,
#endif
	[CH_FORMAT_TAR] = ch_source_tar,
};

enum { OPENERS = sizeof(openers) / sizeof(openers[0]) };

int ch_source_open(enum ch_format format, const struct ch_source_how *how,
		   struct ch_source **ret_source, struct ch_err *err)
{
	if ((int)format >= OPENERS || !openers[format])
		return ch_err_set(err, -ENOTSUP, "format '%s' cannot be read by this build",
				  ch_format_name(format));
	return openers[format](how, ret_source, err);
}
