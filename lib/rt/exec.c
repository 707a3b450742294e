/* SPDX-License-Identifier: Apache-2.0 */
#include "rt/exec.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/err.h"

/* Does PATH lie on a file system that is mounted noexec? */
static bool is_noexec(const char *path)
{
	struct statvfs fs;

	return access(path, F_OK) == 0 && statvfs(path, &fs) == 0 && fs.f_flag & ST_NOEXEC;
}

/* The same for COMMAND, which is looked for in PATH if it is only a name. */
static bool is_found_noexec(const char *command)
{
	const char *list = getenv("PATH");
	char path[PATH_MAX];

	if (strchr(command, '/'))
		return is_noexec(command);
	while (list) {
		int n = (int)strcspn(list, ":");

		if (snprintf(path, sizeof(path), "%.*s/%s", n, list, command) < (int)sizeof(path) &&
		    is_noexec(path))
			return true;
		list = list[n] ? list + n + 1 : NULL;
	}
	return false;
}

int ch_exec(char *const *argv, struct ch_err *err)
{
	execvp(argv[0], argv);
	ch_err_sys(err, "execute '%s' in the container", argv[0]);
	if (err->code == -EACCES && is_found_noexec(argv[0]))
		ch_err_set(
			err, -EACCES,
			"execute '%s' in the container: it lies on a file system that is mounted "
			"noexec on the host; put the image elsewhere, or make it a SquashFS file",
			argv[0]);
	return err->code;
}
