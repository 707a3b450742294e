/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/output.h"

#include "base/err.h"
#include "sys/write.h"

int ch_output_fd_write(struct ch_output *out, const void *data, size_t len, struct ch_err *err)
{
	const struct ch_output_fd *to = (const struct ch_output_fd *)out;
	int rc = ch_write_all(to->fd, data, len);

	return rc < 0 ? ch_err_rc(err, rc, "write '%s'", to->name) : 0;
}
