/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/whiteout.h"

#include <stdbool.h>
#include <string.h>

#define PREFIX	    ".wh."
#define NOTE_PREFIX ".wh..wh."
#define OPAQUE	    ".wh..wh..opq"

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

/* Is something on the way to the last part of PATH a note? */
static bool is_in_note(const char *path)
{
	const char *slash;

	for (; (slash = strchr(path, '/')); path = slash + 1)
		if (begins(path, NOTE_PREFIX))
			return true;
	return false;
}

enum ch_whiteout ch_whiteout_parse(const char *path, size_t *ret_dir, const char **ret_name)
{
	const char *slash = strrchr(path, '/'), *leaf = slash ? slash + 1 : path;
	const char *name = leaf + strlen(PREFIX);

	*ret_dir = slash ? (size_t)(slash - path) : 0;
	if (is_in_note(path))
		return CH_WHITEOUT_NOTE;
	if (!begins(leaf, PREFIX))
		return CH_WHITEOUT_NONE;
	if (strcmp(leaf, OPAQUE) == 0)
		return CH_WHITEOUT_OPAQUE;
	if (begins(leaf, NOTE_PREFIX))
		return CH_WHITEOUT_NOTE;
	if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return CH_WHITEOUT_BAD;
	*ret_name = name;
	return CH_WHITEOUT_NAME;
}
