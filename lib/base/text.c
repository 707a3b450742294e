/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

void ch_text_one_line(char *text)
{
	for (unsigned char *p = (unsigned char *)text; *p; p++)
		if (*p < ' ' || *p == 0x7f)
			*p = '?';
}

/* C, or how it is written, into OUT. Returns the length. */
static size_t escape(char c, char out[5])
{
	unsigned char u = (unsigned char)c;

	if (u < ' ' || u == 0x7f || c == '\'' || c == '\\')
		return (size_t)snprintf(out, 5, "\\%03o", u);
	out[0] = c;
	return 1;
}

/* Append LEN bytes of TEXT to LINE, which has *POS of SIZE bytes, leaving room for the end.
 * Returns false when it does not fit. */
static bool put(char *out, size_t *pos, size_t size, const char *text, size_t len)
{
	if (*pos + len + sizeof("...") > size)
		return false;
	memcpy(out + *pos, text, len);
	*pos += len;
	return true;
}

static bool put_word(char *out, size_t *pos, size_t size, const char *word)
{
	bool fits = put(out, pos, size, "'", 1);

	for (; fits && *word; word++) {
		char text[5];
		size_t len = escape(*word, text);

		fits = put(out, pos, size, text, len);
	}
	return fits && put(out, pos, size, "'", 1);
}

void ch_text_quote_words(char *const *words, char *out, size_t size)
{
	size_t pos = 0;
	bool fits = true;

	for (size_t i = 0; fits && words[i]; i++)
		fits = (i == 0 || put(out, &pos, size, " ", 1)) &&
		       put_word(out, &pos, size, words[i]);
	snprintf(out + pos, size - pos, "%s", fits ? "" : "...");
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
