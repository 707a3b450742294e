/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/write.h"

#include <errno.h>
#include <unistd.h>

int ch_write_all(int fd, const void *data, size_t len)
{
	for (const char *p = data; len > 0;) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int ch_pwrite_all(int fd, const void *data, size_t len, off_t off)
{
	for (const char *p = data; len > 0;) {
		ssize_t n = pwrite(fd, p, len, off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
		off += n;
	}
	return 0;
}
