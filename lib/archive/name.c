/* SPDX-License-Identifier: Apache-2.0 */
#include "name.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"

/* What top directories are called that are not there to hold an image. */
static const char *const root_dirs[] = {
	"bin", "boot", "ch",   "dev",  "etc", "home", "lib", "lib32", "lib64", "libx32", "media",
	"mnt", "opt",  "proc", "root", "run", "sbin", "srv", "sys",   "tmp",   "usr",	 "var",
};

int ch_name_plain(const char *below, const char *name, char **ret_path, struct ch_err *err)
{
	ch_auto(buf) struct ch_buf out = CH_BUF_INIT(PATH_MAX);

	ch_buf_adds(&out, below ? below : "");
	for (const char *p = name; *p;) {
		size_t n = strcspn(p, "/");

		if (n == 2 && memcmp(p, "..", 2) == 0)
			return ch_err_set(err, -EINVAL,
					  "member '%s': names with '..' are not accepted", name);
		if (n > 0 && !(n == 1 && p[0] == '.')) {
			ch_buf_adds(&out, out.len > 0 ? "/" : "");
			ch_buf_add(&out, p, n);
		}
		p += n + (p[n] == '/');
	}
	if (ch_buf_take(&out, ret_path) < 0)
		return ch_err_set(err, -ENAMETOOLONG,
				  "member '%.60s...': the name is longer than %d bytes", name,
				  PATH_MAX);
	return 0;
}

static bool is_root_dir(const char *name)
{
	for (size_t i = 0; i < sizeof(root_dirs) / sizeof(root_dirs[0]); i++)
		if (strcmp(name, root_dirs[i]) == 0)
			return true;
	return false;
}

static int decide(struct ch_top *top, const char *path, bool is_dir, struct ch_err *err)
{
	size_t n = strcspn(path, "/");

	top->name = strndup(path, n);
	if (!top->name)
		return ch_err_nomem(err);
	top->how = (path[n] || is_dir) && !is_root_dir(top->name) ? CH_TOP_STRIP : CH_TOP_KEEP;
	return 0;
}

int ch_top_strip(struct ch_top *top, char *path, bool is_dir, struct ch_err *err)
{
	size_t n;

	if (top->how == CH_TOP_OPEN && path[0] && decide(top, path, is_dir, err) < 0)
		return err->code;
	if (top->how != CH_TOP_STRIP || !path[0])
		return 0;
	n = strlen(top->name);
	if (strncmp(path, top->name, n) != 0 || (path[n] && path[n] != '/') ||
	    (!path[n] && !is_dir))
		return 1;
	memmove(path, path + n + (path[n] == '/'), strlen(path + n) + (path[n] != '/'));
	return 0;
}

void ch_top_done(struct ch_top *top)
{
	free(top->name);
	*top = (struct ch_top){ 0 };
}
