/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "registry/secret.h"

int ch_file_read(const char *path, size_t max, char **ret_text, size_t *ret_len, struct ch_err *err)
{
	ch_auto(fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	ch_auto(secret) char *text = NULL;
	struct stat st;
	size_t len = 0;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0)
		return ch_err_sys(err, "'%s'", path);
	if (!S_ISREG(st.st_mode))
		return ch_err_set(err, -EINVAL, "'%s' is not a regular file", path);
	if (st.st_size > (off_t)max)
		return ch_err_set(err, -EFBIG, "'%s' is longer than %zu bytes", path, max);
	text = calloc(1, (size_t)st.st_size + 1);
	if (!text)
		return ch_err_nomem(err);
	while (len < (size_t)st.st_size &&
	       (n = read(fd, text + len, (size_t)st.st_size - len)) != 0) {
		if (n < 0)
			return ch_err_sys(err, "'%s'", path);
		len += (size_t)n;
	}
	*ret_len = len;
	*ret_text = ch_take(text);
	return 0;
}
