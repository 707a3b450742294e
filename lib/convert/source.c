/* SPDX-License-Identifier: Apache-2.0 */
#include "convert/source.h"

#include <errno.h>

#include "base/err.h"

uint64_t ch_source_archive_max(const struct ch_source_how *how)
{
	const uint64_t some = 1024 * 1024;

	return how->max == 0 || how->max > UINT64_MAX / 8 ? 0 : 4 * how->max + some;
}

int ch_source_open(enum ch_format format, const struct ch_source_how *how,
		   struct ch_source **ret_source, struct ch_err *err)
{
	switch (format) {
	case CH_FORMAT_CH_IMAGE:
		return ch_source_image(how, ret_source, err);
	case CH_FORMAT_DIR:
		return ch_source_dir(how, ret_source, err);
	case CH_FORMAT_DOCKER:
		return ch_source_docker(how, ret_source, err);
	case CH_FORMAT_DOCKER_ARCHIVE:
		return ch_source_docker_archive(how, ret_source, err);
	case CH_FORMAT_OCI:
		return ch_source_oci(how, ret_source, err);
	case CH_FORMAT_OCI_ARCHIVE:
		return ch_source_oci_archive(how, ret_source, err);
	case CH_FORMAT_PODMAN:
		return ch_source_podman(how, ret_source, err);
#ifdef HAVE_SQUASH
	case CH_FORMAT_SIF:
	case CH_FORMAT_SQUASH:
		return ch_source_squash(how, ret_source, err);
#endif
	case CH_FORMAT_TAR:
		return ch_source_tar(how, ret_source, err);
	default:
		return ch_err_set(err, -ENOTSUP, "format '%s' cannot be read by this build",
				  ch_format_name(format));
	}
}
