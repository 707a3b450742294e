/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/mountinfo.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "base/auto.h"
#include "base/err.h"

static const struct {
	const char *name;
	unsigned long flag;
} options[] = {
	{ "ro", MS_RDONLY },	     { "nosuid", MS_NOSUID },
	{ "nodev", MS_NODEV },	     { "noexec", MS_NOEXEC },
	{ "noatime", MS_NOATIME },   { "nodiratime", MS_NODIRATIME },
	{ "relatime", MS_RELATIME }, { "nosymfollow", 256 /* MS_NOSYMFOLLOW */ },
};

/* Field N (from 0) of a line separated by single spaces: its start and length. */
static const char *field(const char *line, unsigned n, size_t *ret_len)
{
	for (; n > 0; n--) {
		line = strchr(line, ' ');
		if (!line)
			return NULL;
		line++;
	}
	*ret_len = strcspn(line, " ");
	return line;
}

static bool is_octal(char c)
{
	return c >= '0' && c <= '7';
}

/* The kernel writes space, tab, newline and backslash as three octal digits. */
static char *unescape(const char *text, size_t len)
{
	char *out = malloc(len + 1);
	size_t n = 0;

	if (!out)
		return NULL;
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\\' && i + 3 < len && is_octal(text[i + 1]) &&
		    is_octal(text[i + 2]) && is_octal(text[i + 3])) {
			out[n++] = (char)((text[i + 1] - '0') << 6 | (text[i + 2] - '0') << 3 |
					  (text[i + 3] - '0'));
			i += 3;
		} else {
			out[n++] = text[i];
		}
	}
	out[n] = '\0';
	return out;
}

static unsigned long parse_options(const char *text, size_t len)
{
	unsigned long flags = 0;
	const char *end = text + len;

	while (text < end) {
		size_t n = strcspn(text, ", ");

		for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
			if (strlen(options[i].name) == n && memcmp(text, options[i].name, n) == 0)
				flags |= options[i].flag;
		text += n + 1;
	}
	return flags;
}

int ch_mountinfo_parse(const char *line, struct ch_mountinfo *ret_info, struct ch_err *err)
{
	size_t path_len, opt_len;
	const char *path = field(line, 4, &path_len);
	const char *opts = path ? field(line, 5, &opt_len) : NULL;

	if (!opts || path[0] != '/')
		return ch_err_set(err, -EINVAL, "'%s' is not a line of mountinfo", line);

	char *copy = unescape(path, path_len);

	if (!copy)
		return ch_err_nomem(err);
	*ret_info = (struct ch_mountinfo){ .id = (int)strtol(line, NULL, 10),
					   .path = copy,
					   .flags = parse_options(opts, opt_len) };
	return 0;
}

void ch_mountinfo_done(struct ch_mountinfo *info)
{
	free(info->path);
	*info = (struct ch_mountinfo){ 0 };
}
