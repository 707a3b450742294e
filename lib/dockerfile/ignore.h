/* SPDX-License-Identifier: Apache-2.0 */
/* ignore.h - which files of a context are left out: .dockerignore, and COPY --exclude
 *
 * Paths are relative to the context, without "." and ".." and without a slash at either end.
 * A pattern holds for what is below a directory that it matches, too. The last one that
 * matches decides; those with "!" bring back. */
#ifndef CH_DOCKERFILE_IGNORE_H
#define CH_DOCKERFILE_IGNORE_H

#include <stdbool.h>
#include <stddef.h>

struct ch_err;
struct ch_ignore_rule;

/* Larger files are refused, and more patterns. */
#define CH_IGNORE_MAX	    ((size_t)1 << 20)
#define CH_IGNORE_MAX_RULES 10000

struct ch_ignore {
	struct ch_ignore_rule *rules; /* owned */
	size_t n;
	bool has_exceptions; /* is there a "!"? */
};

/* Read LEN bytes of a .dockerignore.
 *
 * ignore: empty ({ 0 }), or what more is added to; for ch_ignore_done(), also after an error
 * Errors: -EINVAL with the line; -EFBIG; -ENOMEM */
int ch_ignore_parse(struct ch_ignore *ignore, const char *text, size_t len, struct ch_err *err);

/* Add one pattern, as a line would have it (but "#" is nothing special). An empty one is
 * ignored. Errors: as above. */
int ch_ignore_add(struct ch_ignore *ignore, const char *pattern, struct ch_err *err);

/* Is PATH left out? */
bool ch_ignore_has(const struct ch_ignore *ignore, const char *path);

/* Is directory DIR left out, with everything in it? Then it need not be read. */
bool ch_ignore_has_all(const struct ch_ignore *ignore, const char *dir);

void ch_ignore_done(struct ch_ignore *ignore);

static inline void ch_auto_ignore(struct ch_ignore *ignore)
{
	ch_ignore_done(ignore);
}

#endif
