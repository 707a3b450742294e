/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/output.h"

#include <errno.h>
#include <unistd.h>

#include "base/err.h"

int ch_output_fd_write(struct ch_output *out, const void *data, size_t len, struct ch_err *err)
{
	const struct ch_output_fd *to = (const struct ch_output_fd *)out;

	for (const char *p = data; len > 0;) {
		ssize_t n = write(to->fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ch_err_sys(err, "write '%s'", to->name);
		p += n;
		len -= (size_t)n;
	}
	return 0;
}
