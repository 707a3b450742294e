/* SPDX-License-Identifier: Apache-2.0 */
/* glob.h - patterns with wildcards, in the dialects that Dockerfiles have
 *
 * A pattern is compiled once. Matching allocates nothing and takes at most time in proportion
 * to the lengths of pattern and text, multiplied, whatever they are. "?" is one character of
 * UTF-8, or one byte of what is not UTF-8. */
#ifndef CH_DOCKERFILE_GLOB_H
#define CH_DOCKERFILE_GLOB_H

#include <stdbool.h>
#include <stddef.h>

struct ch_err;

/* Items of a pattern (characters, wildcards, classes); more are refused. */
#define CH_GLOB_MAX 4096

enum ch_glob_dialect {
	/* One component of a path, as Python's glob has it: * ? [a-z] [!a-z]. No escapes; "["
	 * without "]" is itself. A leading dot of a name is matched by a dot only. */
	CH_GLOB_NAME,
	/* A path, as .dockerignore has it: * ? [a-z] [^a-z] \x, which match no slash, and **, which
	 * matches any number of directories. */
	CH_GLOB_PATH,
	/* Any text, as in ${x#PATTERN}: * ? \x. */
	CH_GLOB_TEXT,
};

struct ch_glob_item;

struct ch_glob {
	struct ch_glob_item *items;
	size_t n;
	enum ch_glob_dialect dialect;
};

/* Compile PATTERN.
 *
 * ret_glob: for ch_glob_done()
 * Errors: -EINVAL it has a class without end, ends in "\", or is too long; -ENOMEM */
int ch_glob_compile(const char *pattern, enum ch_glob_dialect dialect, struct ch_glob *ret_glob,
		    struct ch_err *err);

void ch_glob_done(struct ch_glob *glob);

static inline void ch_auto_glob(struct ch_glob *glob)
{
	ch_glob_done(glob);
}

/* Has PATTERN, a component of a path, wildcards (of CH_GLOB_NAME)? */
bool ch_glob_is_magic(const char *pattern);

/* Does GLOB match TEXT as a whole? */
bool ch_glob_matches(const struct ch_glob *glob, const char *text);

/* Does GLOB (CH_GLOB_PATH) match PATH, or a directory above it? */
bool ch_glob_matches_or_above(const struct ch_glob *glob, const char *path);

/* Could GLOB (CH_GLOB_PATH) match something below directory DIR? */
bool ch_glob_may_match_below(const struct ch_glob *glob, const char *dir);

/* How many bytes of TEXT, from its beginning, GLOB matches: the longest such part, or the
 * shortest. Returns -1 if it matches none.
 *
 * budget: decreased by how many items were looked at; at 0 it stops, and the result is of no
 * use */
long ch_glob_prefix(const struct ch_glob *glob, const char *text, bool is_longest, size_t *budget);

/* The same for the end of TEXT, where GLOB was reversed by ch_glob_reverse(). */
long ch_glob_suffix(const struct ch_glob *glob, const char *text, bool is_longest, size_t *budget);

void ch_glob_reverse(struct ch_glob *glob);

#endif
