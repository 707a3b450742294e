/* SPDX-License-Identifier: Apache-2.0 */
#include "build/rsync_options.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"

enum kind {
	SET,	 /* flags */
	NOTHING, /* makes no difference for copies within a machine, to where only we write */
	REFUSED, /* makes no sense in a build */
	/* those with an argument */
	CHMOD,
	EXCLUDE,
	INCLUDE,
};

struct option {
	char letter; /* or 0 */
	const char *name;
	enum kind kind;
	unsigned flags;
};

enum {
	ARCHIVE = CH_RSYNC_RECURSIVE | CH_RSYNC_LINKS | CH_RSYNC_PERMS | CH_RSYNC_TIMES |
		  CH_RSYNC_OWNER | CH_RSYNC_SPECIALS,
	METADATA = CH_RSYNC_XATTRS | CH_RSYNC_HARDLINKS | CH_RSYNC_PERMS | CH_RSYNC_RECURSIVE,
};

static const struct option options[] = {
	{ '8', "8-bit-output", NOTHING, 0 },
	{ '@', "modify-window", NOTHING, 0 },
	{ 'A', "acls", SET, CH_RSYNC_XATTRS | CH_RSYNC_PERMS },
	{ 'B', "block-size", NOTHING, 0 },
	{ 'D', NULL, SET, CH_RSYNC_SPECIALS },
	{ 'H', "hard-links", SET, CH_RSYNC_HARDLINKS },
	{ 'I', "ignore-times", NOTHING, 0 },
	{ 'L', "copy-links", SET, CH_RSYNC_COPY_LINKS },
	{ 'P', NULL, NOTHING, 0 },
	{ 'S', "sparse", NOTHING, 0 },
	{ 'W', "whole-file", NOTHING, 0 },
	{ 'X', "xattrs", SET, CH_RSYNC_XATTRS },
	{ 'a', "archive", SET, ARCHIVE },
	{ 'c', "checksum", NOTHING, 0 },
	{ 'd', "dirs", SET, CH_RSYNC_DIRS },
	{ 'g', "group", SET, CH_RSYNC_OWNER },
	{ 'h', "human-readable", NOTHING, 0 },
	{ 'i', "itemize-changes", NOTHING, 0 },
	{ 'l', "links", SET, CH_RSYNC_LINKS },
	{ 'n', "dry-run", REFUSED, 0 },
	{ 'o', "owner", SET, CH_RSYNC_OWNER },
	{ 'p', "perms", SET, CH_RSYNC_PERMS },
	{ 'q', "quiet", NOTHING, 0 },
	{ 'r', "recursive", SET, CH_RSYNC_RECURSIVE },
	{ 't', "times", SET, CH_RSYNC_TIMES },
	{ 'v', "verbose", NOTHING, 0 },
	{ 'z', "compress", NOTHING, 0 },
	{ 0, "chmod", CHMOD, 0 },
	{ 0, "compress-level", NOTHING, 0 },
	{ 0, "copy-unsafe-links", SET, CH_RSYNC_COPY_UNSAFE },
	{ 0, "daemon", REFUSED, 0 },
	{ 0, "debug", NOTHING, 0 },
	{ 0, "exclude", EXCLUDE, 0 },
	{ 0, "fsync", NOTHING, 0 },
	{ 0, "include", INCLUDE, 0 },
	{ 0, "info", NOTHING, 0 },
	{ 0, "inplace", NOTHING, 0 },
	{ 0, "mkpath", NOTHING, 0 },
	{ 0, "numeric-ids", NOTHING, 0 },
	{ 0, "partial", NOTHING, 0 },
	{ 0, "preallocate", NOTHING, 0 },
	{ 0, "progress", NOTHING, 0 },
	{ 0, "remove-source-files", REFUSED, 0 },
	{ 0, "safe-links", SET, CH_RSYNC_SAFE },
	{ 0, "specials", SET, CH_RSYNC_SPECIALS },
	{ 0, "stats", NOTHING, 0 },
};

enum { N_OPTIONS = sizeof(options) / sizeof(options[0]) };

/* Option NAME, of LEN bytes; NULL if it is not known here. */
static const struct option *find_name(const char *name, size_t len)
{
	for (size_t i = 0; i < N_OPTIONS; i++) {
		const char *known = options[i].name;

		if (known && strlen(known) == len && memcmp(known, name, len) == 0)
			return &options[i];
	}
	return NULL;
}

static const struct option *find_letter(char letter)
{
	for (size_t i = 0; i < N_OPTIONS; i++)
		if (options[i].letter == letter)
			return &options[i];
	return NULL;
}

/* Do what option O says. VALUE: behind "=", or NULL. WORD: for messages */
static int apply(struct ch_rsync_options *to, const struct option *o, const char *value,
		 const char *word, struct ch_err *err)
{
	if (!o)
		return ch_err_set(err, -ENOTSUP, "option '%s' of rsync is not supported", word);
	if (o->kind == REFUSED)
		return ch_err_set(err, -EINVAL, "option '%s' of rsync is not possible in a build",
				  word);
	if (o->kind >= CHMOD && !value)
		return ch_err_set(err, -EINVAL, "option '%s' needs '=' and an argument", word);
	if (o->kind == CHMOD)
		to->chmod = value;
	if (o->kind == EXCLUDE || o->kind == INCLUDE)
		return ch_rsync_rules_add(&to->rules, value, o->kind == INCLUDE, err);
	to->flags |= o->flags;
	return 0;
}

static int parse_long(struct ch_rsync_options *to, const char *word, struct ch_err *err)
{
	const char *name = word + 2, *equals = strchr(name, '=');
	size_t len = equals ? (size_t)(equals - name) : strlen(name);

	if (strncmp(name, "no-", 3) == 0 && !equals) {
		const struct option *o = find_name(name + 3, len - 3);

		if (!o && len == 4)
			o = find_letter(name[3]);
		if (o && o->kind <= NOTHING) {
			to->flags &= ~o->flags;
			return 0;
		}
	}
	return apply(to, find_name(name, len), equals ? equals + 1 : NULL, word, err);
}

static int parse_letters(struct ch_rsync_options *to, const char *word, struct ch_err *err)
{
	for (const char *p = word + 1; *p; p++) {
		bool has_value = p[1] == '=';

		if (apply(to, find_letter(*p), has_value ? p + 2 : NULL, word, err) < 0)
			return err->code;
		if (has_value)
			break;
	}
	return 0;
}

/* "+l" and such: RET_FLAGS are where to begin. */
static int parse_group(const char *word, unsigned *ret_flags, struct ch_err *err)
{
	static const struct {
		const char *word;
		unsigned flags;
	} groups[] = {
		{ "+m", METADATA },
		{ "+l", METADATA | CH_RSYNC_LINKS | CH_RSYNC_SAFE },
		{ "+u", METADATA | CH_RSYNC_LINKS | CH_RSYNC_COPY_UNSAFE },
		{ "+z", 0 },
	};

	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		if (strcmp(word, groups[i].word) == 0) {
			*ret_flags = groups[i].flags;
			return 0;
		}
	}
	return ch_err_set(err, -EINVAL, "'%s' is none of +m, +l, +u, +z", word);
}

/* Is PATH on another machine, for rsync? */
static bool is_remote(const char *path)
{
	return path[strcspn(path, ":/")] == ':';
}

static int add_path(struct ch_rsync_options *to, const char *path, struct ch_err *err)
{
	if (is_remote(path))
		return ch_err_set(err, -EINVAL, "'%s' is not a local path", path);
	to->paths[to->n_paths++] = path;
	return 0;
}

static int parse_word(struct ch_rsync_options *to, const char *word, struct ch_err *err)
{
	if (word[0] != '-' || !word[1])
		return add_path(to, word, err);
	return word[1] == '-' ? parse_long(to, word, err) : parse_letters(to, word, err);
}

int ch_rsync_options(const char *const *words, size_t n, struct ch_rsync_options *ret_options,
		     struct ch_err *err)
{
	ch_auto(rsync_options) struct ch_rsync_options to = {
		.paths = calloc(n + 1, sizeof(*to.paths)),
	};
	bool only_paths = false;
	size_t first = n > 0 && words[0][0] == '+';

	if (!to.paths)
		return ch_err_nomem(err);
	if (parse_group(first ? words[0] : "+l", &to.flags, err) < 0)
		return err->code;
	for (size_t i = first; i < n; i++) {
		if (!only_paths && strcmp(words[i], "--") == 0)
			only_paths = true;
		else if ((only_paths ? add_path(&to, words[i], err)
				     : parse_word(&to, words[i], err)) < 0)
			return err->code;
	}
	if (to.n_paths < 2)
		return ch_err_set(err, -EINVAL, "RSYNC needs a source and a destination");
	*ret_options = ch_take(to);
	return 0;
}

void ch_rsync_options_done(struct ch_rsync_options *o)
{
	free(o->paths);
	ch_rsync_rules_done(&o->rules);
	*o = (struct ch_rsync_options){ 0 };
}
