/* SPDX-License-Identifier: Apache-2.0 */
#include "dockerfile/ignore.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "dockerfile/glob.h"

struct ch_ignore_rule {
	struct ch_glob glob;
	bool is_exception; /* "!" */
};

/* Longer patterns match no path. */
#define LONGEST ((size_t)16 << 10)

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* *TEXT of *LEN bytes without blanks at its ends. */
static void trim(const char **text, size_t *len)
{
	while (*len && is_space((*text)[*len - 1]))
		--*len;
	while (*len && is_space(**text)) {
		++*text;
		--*len;
	}
}

/* Add a component to a path; ".." takes the last one away. */
static void add_component(struct ch_buf *path, const char *name, size_t len)
{
	if (len == 0 || (len == 1 && name[0] == '.'))
		return;
	if (len == 2 && name[0] == '.' && name[1] == '.') {
		while (path->len && path->data[path->len - 1] != '/')
			path->len--;
		path->len -= path->len > 0;
		if (path->data)
			path->data[path->len] = '\0';
		return;
	}
	if (path->len)
		ch_buf_adds(path, "/");
	ch_buf_add(path, name, len);
}

/* PATTERN without "." and ".." and needless slashes, from the context on. */
static int clean(const char *pattern, size_t len, char **ret_clean, struct ch_err *err)
{
	ch_auto(buf) struct ch_buf path = CH_BUF_INIT(LONGEST);

	for (size_t at = 0; at < len;) {
		const char *slash = memchr(pattern + at, '/', len - at);
		size_t end = slash ? (size_t)(slash - pattern) : len;

		add_component(&path, pattern + at, end - at);
		at = end + 1;
	}
	return ch_buf_take(&path, ret_clean) < 0 ? ch_err_nomem(err) : 0;
}

static int add_rule(struct ch_ignore *ignore, const char *pattern, bool is_exception,
		    struct ch_err *err)
{
	struct ch_ignore_rule rule = { .is_exception = is_exception };

	if (ignore->n == CH_IGNORE_MAX_RULES)
		return ch_err_set(err, -EFBIG, "more than %d patterns", CH_IGNORE_MAX_RULES);

	struct ch_ignore_rule *rules = reallocarray(ignore->rules, ignore->n + 1, sizeof(*rules));

	if (!rules)
		return ch_err_nomem(err);
	ignore->rules = rules;

	int rc = ch_glob_compile(pattern, CH_GLOB_PATH, &rule.glob, err);

	if (rc == 0) {
		rules[ignore->n++] = rule;
		ignore->has_exceptions |= is_exception;
	}
	return rc;
}

static int add_line(struct ch_ignore *ignore, const char *text, size_t len, struct ch_err *err)
{
	trim(&text, &len);

	bool is_exception = len && *text == '!';

	if (is_exception) {
		text++;
		len--;
		trim(&text, &len);
		if (len == 0)
			return ch_err_set(err, -EINVAL, "nothing behind '!'");
	}
	if (len > LONGEST)
		return ch_err_set(err, -EINVAL, "pattern '%.40s...': too long", text);

	ch_auto(str) char *pattern = NULL;
	int rc = len ? clean(text, len, &pattern, err) : 0;

	/* "." and the like: the context itself, which cannot be left out */
	if (rc < 0 || !pattern || !*pattern)
		return rc;
	return add_rule(ignore, pattern, is_exception, err);
}

int ch_ignore_add(struct ch_ignore *ignore, const char *pattern, struct ch_err *err)
{
	return add_line(ignore, pattern, strlen(pattern), err);
}

int ch_ignore_parse(struct ch_ignore *ignore, const char *text, size_t len, struct ch_err *err)
{
	unsigned line = 1;
	int rc = 0;

	if (len > CH_IGNORE_MAX)
		return ch_err_set(err, -EFBIG, "larger than 1 MiB");
	if (memchr(text, '\0', len))
		return ch_err_set(err, -EINVAL, "a NUL byte is in it");
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
		len -= 3;
	}
	for (; rc == 0 && len; line++) {
		const char *end = memchr(text, '\n', len);
		size_t n = end ? (size_t)(end - text) : len;

		if (*text != '#')
			rc = add_line(ignore, text, n, err);
		if (rc < 0)
			break;
		n += end != NULL;
		text += n;
		len -= n;
	}
	return rc < 0 && rc != -ENOMEM ? ch_err_in(err, "line %u", line) : rc;
}

bool ch_ignore_has(const struct ch_ignore *ignore, const char *path)
{
	/* From the end: the first that matches is the last one. */
	for (size_t i = ignore->n; i-- > 0;)
		if (ch_glob_matches_or_above(&ignore->rules[i].glob, path))
			return !ignore->rules[i].is_exception;
	return false;
}

bool ch_ignore_has_all(const struct ch_ignore *ignore, const char *dir)
{
	if (!ch_ignore_has(ignore, dir))
		return false;
	for (size_t i = 0; ignore->has_exceptions && i < ignore->n; i++)
		if (ignore->rules[i].is_exception &&
		    ch_glob_may_match_below(&ignore->rules[i].glob, dir))
			return false;
	return true;
}

void ch_ignore_done(struct ch_ignore *ignore)
{
	for (size_t i = 0; i < ignore->n; i++)
		ch_glob_done(&ignore->rules[i].glob);
	free(ignore->rules);
	*ignore = (struct ch_ignore){ 0 };
}
