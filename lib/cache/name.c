/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/name.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"

#define OURS	".ch-" /* no file has a name in a tree that begins so */
#define ESCAPED ".ch=" /* what follows is escaped */

/* Is there something in NAME that HFS+ ignores (U+200C-F, U+202A-E, U+206A-F, U+FEFF, and
 * for simplicity their neighbours), or in which NTFS may see a short name or a separator? */
static bool has_guise(const char *name)
{
	for (const unsigned char *p = (const unsigned char *)name; *p; p++)
		if ((p[0] == 0xe2 && (p[1] == 0x80 || p[1] == 0x81)) ||
		    (p[0] == 0xef && p[1] == 0xbb) || (p[0] == '~' && isdigit(p[1])) ||
		    p[0] == '\\')
			return true;
	return false;
}

static bool needs_escape(const char *name)
{
	return strncasecmp(name, ".git", 4) == 0 || strcasecmp(name, ".mailmap") == 0 ||
	       strncmp(name, OURS, 4) == 0 || strncmp(name, ESCAPED, 4) == 0 || has_guise(name);
}

static bool is_plain(unsigned char c)
{
	return c < 0x80 && (isalnum(c) || strchr("-_.", c));
}

size_t ch_name_to_tree(const char *name, char ret[CH_NAME_TREE_MAX])
{
	size_t len = strlen(name);
	char *p = ret + 4;

	if (!needs_escape(name)) {
		memcpy(ret, name, len + 1);
		return len;
	}
	memcpy(ret, ESCAPED, 4);
	for (const unsigned char *c = (const unsigned char *)name; *c; c++)
		p += is_plain(*c) ? (*p = (char)*c, 1) : snprintf(p, 4, "%%%02x", *c);
	*p = '\0';
	return (size_t)(p - ret);
}

static int digit(char c)
{
	const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* Undo MARK and two digits. Returns the length, or 0 if it is malformed or has more than MAX. */
static size_t unescape(const char *text, char mark, char *ret, size_t max)
{
	size_t n = 0;

	for (const char *p = text; *p; n++) {
		if (n == max)
			return 0;
		if (*p != mark) {
			ret[n] = *p++;
			continue;
		}

		int high = digit(p[1]), low = high < 0 ? -1 : digit(p[2]);

		if (low < 0)
			return 0;
		ret[n] = (char)(high << 4 | low);
		p += 3;
	}
	ret[n] = '\0';
	return n;
}

bool ch_name_is_file(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len <= CH_NAME_FILE_MAX && !strchr(name, '/') && strcmp(name, ".") != 0 &&
	       strcmp(name, "..") != 0;
}

bool ch_name_from_tree(const char *name, char ret[CH_NAME_FILE_MAX + 1])
{
	char again[CH_NAME_TREE_MAX];
	size_t len = strlen(name);

	if (strncmp(name, ESCAPED, 4) == 0) {
		len = unescape(name + 4, '%', ret, CH_NAME_FILE_MAX);
	} else if (len <= CH_NAME_FILE_MAX) {
		memcpy(ret, name, len + 1);
	} else {
		len = 0;
	}
	if (len == 0 || strlen(ret) != len || !ch_name_is_file(ret))
		return false;
	ch_name_to_tree(ret, again);
	return strcmp(again, name) == 0;
}

/* ---- refs: git-check-ref-format(1) ---- */

static bool is_for_ref(const char *name, size_t i)
{
	unsigned char c = (unsigned char)name[i];

	if (c == '.') /* not first, last, or twice, and no ".lock" */
		return i > 0 && name[i + 1] && name[i + 1] != '.' && strcmp(name + i, ".lock") != 0;
	if (c == '@')
		return i > 0 && name[i + 1] && name[i + 1] != '{';
	if (c == '-')
		return i > 0;
	return c < 0x80 && (isalnum(c) || c == '_' || c == '#' || c == ',');
}

int ch_name_to_ref(const char *name, char ret[CH_NAME_REF_MAX + 1], struct ch_err *err)
{
	size_t n = 0;

	for (size_t i = 0; name[i]; i++) {
		if (n + 3 > CH_NAME_REF_MAX - 5) /* ".lock" of Git must fit, too */
			return ch_err_set(err, -EINVAL, "image name is too long");
		if (name[i] == '/')
			ret[n++] = '%';
		else if (name[i] == ':')
			ret[n++] = '+';
		else if (is_for_ref(name, i))
			ret[n++] = name[i];
		else
			n += (size_t)snprintf(ret + n, 4, "=%02x", (unsigned char)name[i]);
	}
	ret[n] = '\0';
	return n ? 0 : ch_err_set(err, -EINVAL, "image name is empty");
}

void ch_name_from_ref(const char *ref, char ret[CH_NAME_REF_MAX + 1])
{
	char mapped[CH_NAME_REF_MAX + 1];

	snprintf(mapped, sizeof(mapped), "%s", ref);
	for (char *p = mapped; *p; p++)
		*p = *p == '%' ? '/' : *p == '+' ? ':' : *p;
	if (unescape(mapped, '=', ret, CH_NAME_REF_MAX) == 0)
		snprintf(ret, CH_NAME_REF_MAX + 1, "%s", mapped);
}
