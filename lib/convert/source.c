/* SPDX-License-Identifier: Apache-2.0 */
#include "convert/source.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "base/err.h"

uint64_t ch_source_archive_max(const struct ch_source_how *how)
{
	const uint64_t some = 1024 * 1024;

	return how->max == 0 || how->max > UINT64_MAX / 8 ? 0 : 4 * how->max + some;
}

enum { PAUSE_MS = 100 };

/* Is there something to read, or an end? Not by read itself: the signal may be another thread's. */
static int wait_for_data(const struct ch_source_how *how, int fd, struct ch_err *err)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	int rc;

	do {
		if (ch_source_is_cancelled(how))
			return ch_err_set(err, -ECANCELED, "interrupted");
		rc = poll(&ready, 1, PAUSE_MS);
	} while (rc == 0 || (rc < 0 && errno == EINTR));
	return rc < 0 ? ch_err_sys(err, "wait for data") : 0;
}

ssize_t ch_source_read(const struct ch_source_how *how, int fd, void *buf, size_t size,
		       struct ch_err *err)
{
	ssize_t n;

	do {
		if (wait_for_data(how, fd, err) < 0)
			return err->code;
		n = read(fd, buf, size);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? ch_err_sys(err, "read") : n;
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
