/* SPDX-License-Identifier: Apache-2.0 */
#include "base/path.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"

bool ch_path_is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	while (n > 0 && dir[n - 1] == '/')
		n--;
	return strncmp(path, dir, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

int ch_path_absolute(const char *path, const char *dir, char **ret_path, struct ch_err *err)
{
	bool is_whole = path[0] == '/', is_root = strcmp(dir, "/") == 0;
	char *out;
	int rc = is_whole ? asprintf(&out, "%s", path)
			  : asprintf(&out, "%s/%s", is_root ? "" : dir, path);

	if (rc < 0)
		return ch_err_nomem(err);
	*ret_path = out;
	return 0;
}
