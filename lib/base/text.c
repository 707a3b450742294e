/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

static bool is_continued(unsigned char byte)
{
	return (byte & 0xc0) == 0x80;
}

/* The length of a character whose first byte this is, or 0. */
static size_t announced(unsigned char first)
{
	if (first < 0x80)
		return 1;
	if (first < 0xc0 || first > 0xf4)
		return 0;
	if (first < 0xe0)
		return 2;
	return first < 0xf0 ? 3 : 4;
}

size_t ch_text_character(const char *text, uint32_t *ret_char)
{
	const unsigned char *p = (const unsigned char *)text;
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = announced(p[0]);
	uint32_t c = n == 1 ? p[0] : p[0] & (0x7fU >> n);

	if (n == 0)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if (!is_continued(p[i]))
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*ret_char = c;
	return n;
}

/* A terminal may obey C1 controls (U+009B is ESC [); marks of direction can make a line
 * look like another one; viewers of logs may begin a line at U+2028. */
static bool is_harmless(uint32_t c)
{
	static const struct {
		uint32_t first, last;
	} bad[] = {
		{ 0x00, 0x1f },	    { 0x7f, 0x9f },	{ 0x61c, 0x61c },
		{ 0x200e, 0x200f }, { 0x2028, 0x202e }, { 0x2066, 0x2069 },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (c >= bad[i].first && c <= bad[i].last)
			return false;
	return true;
}

void ch_text_one_line(char *text)
{
	for (char *p = text; *p;) {
		uint32_t c;
		size_t n = ch_text_character(p, &c);

		if (n == 0 || !is_harmless(c))
			memset(p, '?', n ? n : 1);
		p += n ? n : 1;
	}
}

void ch_text_cut(char *text, size_t max)
{
	if (strlen(text) <= max)
		return;
	while (max > 0 && is_continued((unsigned char)text[max]))
		max--;
	text[max] = '\0';
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
	ch_text_one_line(out);
}

int ch_text_copy(const char *text, char **place, struct ch_err *err)
{
	char *copy = text ? strdup(text) : NULL;

	if (text && !copy)
		return ch_err_nomem(err);
	free(*place);
	*place = copy;
	return 0;
}

int ch_text_next(const char **list, char sep, char **ret_item, struct ch_err *err)
{
	const char *p = *list;
	char *item = malloc(strlen(p) + 1);
	size_t n = 0;

	if (!item)
		return ch_err_nomem(err);
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

int ch_text_u32(const char *text, const char *name, uint32_t min, uint32_t max,
		uint32_t *ret_number, struct ch_err *err)
{
	long long n;
	int rc = ch_text_number(text, name, min, max, &n, err);

	if (rc == 0)
		*ret_number = (uint32_t)n;
	return rc;
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
