/* SPDX-License-Identifier: Apache-2.0 */
#include "build/build.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The part of FILE's name that tells which image it is for, LEN bytes; NULL: none. */
static const char *part_of(const char *file, size_t *ret_len)
{
	static const char *const endings[] = { ".df", ".dockerfile" };
	static const char begin[] = "Dockerfile.";
	const char *name = base_name(file);

	*ret_len = strlen(name);
	if (strncasecmp(name, begin, strlen(begin)) == 0) {
		*ret_len -= strlen(begin);
		return name + strlen(begin);
	}
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		size_t len = strlen(endings[i]);

		if (*ret_len > len && strcasecmp(name + *ret_len - len, endings[i]) == 0) {
			*ret_len -= len;
			return name;
		}
	}
	return NULL;
}

int ch_build_tag(const char *file, const char *context, char **ret_tag, struct ch_err *err)
{
	size_t len;
	const char *from = part_of(file, &len);
	size_t n = 0;

	if (!from) {
		from = context ? base_name(context) : "";
		if (!*from)
			from = "root";
		len = strlen(from);
	}

	ch_auto(str) char *tag = calloc(len + 1, 1);

	if (!tag)
		return ch_err_nomem(err);
	for (size_t i = 0; i < len; i++) {
		char c = (char)tolower((unsigned char)from[i]);

		if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || strchr("_.-", c))
			tag[n++] = c;
	}
	if (n == 0)
		return ch_err_set(err, -EINVAL,
				  "no name for the image can be made of '%s': use --tag", from);
	*ret_tag = ch_take(tag);
	return 0;
}
