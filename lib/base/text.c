/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

void ch_text_one_line(char *text)
{
	for (unsigned char *p = (unsigned char *)text; *p; p++)
		if (*p < ' ' || *p == 0x7f)
			*p = '?';
}

int ch_text_next(const char **list, char sep, char **ret_item, struct ch_err *err)
{
	const char *p = *list;
	char *item = malloc(strlen(p) + 1);
	size_t n = 0;

	if (!item)
		return ch_err_set(err, -ENOMEM, "out of memory");
	while (*p && *p != sep) {
		if (p[0] == '\\' && p[1] == sep)
			p++;
		item[n++] = *p++;
	}
	item[n] = '\0';
	*list = *p ? p + 1 : NULL;
	*ret_item = item;
	return 0;
}

int ch_text_number(const char *text, const char *name, long long min, long long max,
		   long long *ret_number, struct ch_err *err)
{
	char *end;

	errno = 0;
	long long n = strtoll(text, &end, 10);

	/* strtoll(3) would take white space and a plus sign, too. */
	if (end == text || *end || strspn(text, "-0123456789") != strlen(text))
		return ch_err_set(err, -EINVAL, "%s '%s' is not a number", name, text);
	if (errno == ERANGE || n < min || n > max)
		return ch_err_set(err, -ERANGE, "%s '%s' is not between %lld and %lld", name, text,
				  min, max);
	*ret_number = n;
	return 0;
}

int ch_text_yesno(const char *text, const char *name, bool *ret_yes, struct ch_err *err)
{
	bool yes = strcmp(text, "yes") == 0;

	if (!yes && strcmp(text, "no") != 0)
		return ch_err_set(err, -EINVAL, "%s '%s' is neither yes nor no", name, text);
	*ret_yes = yes;
	return 0;
}

uint64_t ch_text_hash(const void *data, size_t len)
{
	const unsigned char *p = data;
	uint64_t hash = 0xcbf29ce484222325U;

	while (len--)
		hash = (hash ^ *p++) * 0x100000001b3U;
	return hash;
}
