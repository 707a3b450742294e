/* SPDX-License-Identifier: Apache-2.0 */
#include "dockerfile/subst.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "dockerfile/err.h"
#include "dockerfile/glob.h"
#include "dockerfile/parser.h"

/* Variables in words in variables ... */
#define DEEPEST 32
/* Items of patterns looked at, for a word: a fraction of a second. */
#define MOST_WORK ((size_t)1 << 27)

struct expansion {
	const struct ch_dockerfile *df;
	const struct ch_df_word *word;
	const struct ch_df_vars *vars;
	struct ch_df_err *err;
	const char *at; /* in the word */
	size_t work;	/* that is left, of MOST_WORK */
	unsigned depth;
	unsigned muted; /* within what is not wanted: checked, but nothing is asked or said */
};

/* What a part of a word is expanded into */
struct output {
	struct ch_buf *buf;
	bool is_pattern; /* what was quoted is no wildcard */
	bool is_long;	 /* too much for the buffer */
};

static int fail_at(struct expansion *x, const char *at, int code, const char *what)
{
	return ch_df_fail(x->df, x->word, (size_t)(at - x->word->text), x->err, code, "%s", what);
}

static void put(struct output *out, const char *text, size_t len)
{
	out->is_long |= len > out->buf->max - out->buf->len;
	ch_buf_add(out->buf, text, len);
}

/* Characters that mean themselves. */
static void put_quoted(struct output *out, const char *text, size_t len)
{
	for (size_t i = 0; out->is_pattern && i < len; i++) {
		if (strchr("*?\\", text[i]))
			put(out, "\\", 1);
		put(out, text + i, 1);
	}
	if (!out->is_pattern)
		put(out, text, len);
}

static void put_value(struct output *out, const char *value, bool is_quoted)
{
	if (is_quoted)
		put_quoted(out, value, strlen(value));
	else
		put(out, value, strlen(value));
}

static int check(struct expansion *x, const struct output *out)
{
	if (!ch_buf_bad(out->buf))
		return 0;
	if (!out->is_long)
		return ch_df_nomem(x->err);
	return fail_at(x, x->at, -E2BIG, "the value becomes longer than 1 MiB");
}

/* Does N bytes more of work fit? */
static int take_work(struct expansion *x, const char *at, size_t n)
{
	if (n < x->work) {
		x->work -= n;
		return 0;
	}
	return fail_at(x, at, -E2BIG, "replacing variables takes too long here");
}

/* ---- names and values ---- */

static bool is_special(char c)
{
	return c && strchr("@*#?-$!", c);
}

/* The name at x->at: letters, digits and "_"; or a number; or one of the shell's own. NULL:
 * memory is short; empty: none. */
static char *read_name(struct expansion *x)
{
	const char *start = x->at;

	if (isdigit((unsigned char)*x->at))
		x->at += strspn(x->at, "0123456789");
	else if (is_special(*x->at))
		x->at++;
	else
		while (isalnum((unsigned char)*x->at) || *x->at == '_')
			x->at++;
	return strndup(start, (size_t)(x->at - start));
}

/* The value of NAME; NULL if it is unset, or not wanted. */
static const char *get(const struct expansion *x, const char *name)
{
	return x->muted ? NULL : x->vars->get(name, x->vars->data);
}

/* The same, where AT is for the note that it is unset. */
static const char *get_noted(const struct expansion *x, const char *name, const char *at)
{
	const char *value = get(x, name);

	if (value)
		return value;
	if (!x->muted && x->vars->unset)
		x->vars->unset(name, ch_df_where(x->df, x->word, (size_t)(at - x->word->text)),
			       x->vars->data);
	return "";
}

/* ---- parts of words ---- */

static int expand_until(struct expansion *x, char stop, struct output *out);

/* The same, as if OUT were not there. */
static int skip_until(struct expansion *x, char stop)
{
	ch_auto(buf) struct ch_buf buf = CH_BUF_INIT(CH_DF_EXPANDED_MAX);
	struct output nowhere = { .buf = &buf };

	x->muted++;

	int rc = expand_until(x, stop, &nowhere);

	x->muted--;
	return rc;
}

/* A part, up to STOP, as a text of its own. */
static int expand_part(struct expansion *x, char stop, bool is_pattern, char **ret_text)
{
	ch_auto(buf) struct ch_buf buf = CH_BUF_INIT(CH_DF_EXPANDED_MAX);
	struct output out = { .buf = &buf, .is_pattern = is_pattern };
	int rc = expand_until(x, stop, &out);

	if (rc == 0 && ch_buf_take(&buf, ret_text) < 0)
		rc = ch_df_nomem(x->err);
	return rc;
}

static int single_quoted(struct expansion *x, struct output *out)
{
	const char *start = x->at++, *end = strchr(x->at, '\'');

	if (!end)
		return fail_at(x, start, -EINVAL, "' without another one");
	put_quoted(out, x->at, (size_t)(end - x->at));
	x->at = end + 1;
	return 0;
}

static int expand_dollar(struct expansion *x, bool in_quotes, struct output *out);

static int double_quoted(struct expansion *x, struct output *out)
{
	const char *start = x->at++;
	char escape = x->df->escape;
	int rc = 0;

	while (rc == 0 && *x->at != '"') {
		if (!*x->at)
			return fail_at(x, start, -EINVAL, "\" without another one");
		if (*x->at == '$') {
			rc = expand_dollar(x, true, out);
			continue;
		}
		/* Elsewhere it is an ordinary character. */
		if (*x->at == escape && (x->at[1] == '"' || x->at[1] == '$' || x->at[1] == escape))
			x->at++;
		put_quoted(out, x->at++, 1);
	}
	x->at += rc == 0;
	return rc;
}

/* The escape character; of raw words, only in front of what would be special there. At the end
 * of a word it is nothing. */
static void escaped(struct expansion *x, char stop, struct output *out)
{
	char escape = *x->at, c = x->at[1];
	bool is_special_next = c == '$' || c == escape || (c && c == stop);

	if (x->word->is_raw && !is_special_next) {
		put_quoted(out, x->at++, 1);
		return;
	}
	x->at++;
	if (c)
		put_quoted(out, x->at++, 1);
}

/* Up to STOP ('\0': the end of the word), and behind it. */
static int expand_until(struct expansion *x, char stop, struct output *out)
{
	int rc = 0;

	while (rc == 0 && *x->at && (*x->at != stop || !stop)) {
		if (*x->at == '$')
			rc = expand_dollar(x, false, out);
		else if (*x->at == x->df->escape)
			escaped(x, stop, out);
		else if (*x->at == '\'' && !x->word->is_raw)
			rc = single_quoted(x, out);
		else if (*x->at == '"' && !x->word->is_raw)
			rc = double_quoted(x, out);
		else
			put(out, x->at++, 1);
		if (rc == 0)
			rc = check(x, out);
	}
	if (rc == 0 && stop && !*x->at)
		return fail_at(x, x->at, -EINVAL,
			       stop == '}' ? "'${' without '}'" : "'/' is missing in '${NAME/'");
	x->at += rc == 0 && stop;
	return rc;
}

/* ---- ${NAME...} ---- */

/* What is known of a "${": NAME, where it began, and where the result goes */
struct use {
	const char *name;
	const char *start;
	bool is_quoted; /* the value is no pattern */
	struct output *out;
};

static int refuse(struct expansion *x, const struct use *use, const char *message, bool is_set)
{
	if (*message)
		return ch_df_fail(x->df, x->word, (size_t)(use->start - x->word->text), x->err,
				  -EINVAL, "%.100s: %s", use->name, message);
	return ch_df_fail(x->df, x->word, (size_t)(use->start - x->word->text), x->err, -EINVAL,
			  "variable %.100s is %s", use->name, is_set ? "empty" : "unset");
}

/* "-", "+" or "?", which has been read, with a colon in front of it? */
static int use_word(struct expansion *x, const struct use *use, char form, bool has_colon)
{
	const char *borrowed = get(x, use->name);
	bool is_set = borrowed != NULL;
	bool counts = is_set && !(has_colon && !*borrowed);

	if (form == '+')
		return counts ? expand_until(x, '}', use->out) : skip_until(x, '}');
	if (counts) {
		put_value(use->out, borrowed, use->is_quoted);
		return skip_until(x, '}');
	}
	if (form == '-')
		return expand_until(x, '}', use->out);

	ch_auto(str) char *message = NULL;
	int rc = expand_part(x, '}', false, &message);

	if (rc < 0 || x->muted)
		return rc;
	return refuse(x, use, message, is_set);
}

static int compile(struct expansion *x, const struct use *use, const char *pattern,
		   struct ch_glob *ret_glob)
{
	struct ch_err why;
	int rc = ch_glob_compile(pattern, CH_GLOB_TEXT, ret_glob, &why);

	if (rc == -ENOMEM)
		return ch_df_nomem(x->err);
	return rc < 0 ? fail_at(x, use->start, rc, why.msg) : 0;
}

/* A copy of the value: looking up others may take it away. */
static int copy_value(struct expansion *x, const struct use *use, char **ret_value)
{
	*ret_value = strdup(get_noted(x, use->name, use->start));
	if (!*ret_value)
		return ch_df_nomem(x->err);
	return take_work(x, use->start, strlen(*ret_value));
}

/* "#" or "%", which has been read. */
static int use_trimmed(struct expansion *x, const struct use *use, char form)
{
	bool is_longest = *x->at == form;
	ch_auto(str) char *value = NULL, *pattern = NULL;
	ch_auto(glob) struct ch_glob glob = { 0 };
	int rc = copy_value(x, use, &value);

	x->at += is_longest;
	if (rc == 0)
		rc = expand_part(x, '}', true, &pattern);
	if (rc == 0)
		rc = compile(x, use, pattern, &glob);
	if (rc < 0)
		return rc;

	long cut;

	if (form == '#') {
		cut = ch_glob_prefix(&glob, value, is_longest, &x->work);
		put_value(use->out, value + (cut > 0 ? cut : 0), use->is_quoted);
	} else {
		ch_glob_reverse(&glob);
		cut = ch_glob_suffix(&glob, value, is_longest, &x->work);
		value[strlen(value) - (size_t)(cut > 0 ? cut : 0)] = '\0';
		put_value(use->out, value, use->is_quoted);
	}
	return take_work(x, use->start, 0);
}

/* VALUE with what GLOB matches, at each place the longest, replaced by WITH. As in a shell, there
 * is nothing to match in front of a character, but in an empty value there is. */
static int replace(struct expansion *x, const struct use *use, const struct ch_glob *glob,
		   const char *value, const char *with, bool is_all)
{
	bool is_done = false;
	const char *at = value;

	if (!*value && glob->n && ch_glob_matches(glob, value))
		put_value(use->out, with, use->is_quoted);
	while (*at && !ch_buf_bad(use->out->buf)) {
		long len = is_done ? -1 : ch_glob_prefix(glob, at, true, &x->work);

		if (x->work == 0)
			break;
		if (len > 0) {
			put_value(use->out, with, use->is_quoted);
			at += len;
			is_done = !is_all;
		} else {
			char one[2] = { *at++, '\0' };

			put_value(use->out, one, use->is_quoted);
		}
	}
	return take_work(x, use->start, 0);
}

/* "/", which has been read. */
static int use_replaced(struct expansion *x, const struct use *use)
{
	bool is_all = *x->at == '/';
	ch_auto(str) char *value = NULL, *pattern = NULL, *with = NULL;
	ch_auto(glob) struct ch_glob glob = { 0 };
	int rc = copy_value(x, use, &value);

	x->at += is_all;
	if (rc == 0)
		rc = expand_part(x, '/', true, &pattern);
	if (rc == 0)
		rc = expand_part(x, '}', false, &with);
	if (rc == 0)
		rc = compile(x, use, pattern, &glob);
	return rc < 0 ? rc : replace(x, use, &glob, value, with, is_all);
}

/* Behind "${NAME". */
static int expand_form(struct expansion *x, const struct use *use)
{
	bool has_colon = *x->at == ':';
	const char *at = x->at;
	char form = x->at[has_colon];

	if (form == '\0')
		return fail_at(x, use->start, -EINVAL, "'${' without '}'");
	x->at += has_colon + 1;
	if (form == '-' || form == '+' || form == '?')
		return use_word(x, use, form, has_colon);
	if (has_colon)
		return fail_at(x, at, -EINVAL, "behind ':' in '${' is -, + or ?");
	switch (form) {
	case '}':
		put_value(use->out, get_noted(x, use->name, use->start), use->is_quoted);
		return 0;
	case '#':
	case '%':
		return use_trimmed(x, use, form);
	case '/':
		return use_replaced(x, use);
	default:
		return fail_at(x, at, -EINVAL, "this cannot be behind a name in '${'");
	}
}

static int expand_braces(struct expansion *x, const struct use *use)
{
	int rc = 0;

	if (x->depth == DEEPEST)
		return fail_at(x, use->start, -E2BIG, "too many '${' within each other");
	x->depth++;
	rc = expand_form(x, use);
	x->depth--;
	return rc;
}

/* A "$" at x->at. */
static int expand_dollar(struct expansion *x, bool in_quotes, struct output *out)
{
	const char *start = x->at++;
	bool has_brace = *x->at == '{';

	x->at += has_brace;

	ch_auto(str) char *name = read_name(x);
	const struct use use = {
		.name = name,
		.start = start,
		.is_quoted = in_quotes,
		.out = out,
	};
	int rc = 0;

	if (!name)
		return ch_df_nomem(x->err);
	if (has_brace && !*name)
		return fail_at(x, start, -EINVAL, "no name behind '${'");
	if (has_brace)
		rc = expand_braces(x, &use);
	else if (*name)
		put_value(out, get_noted(x, name, start), in_quotes);
	else
		put(out, "$", 1);
	return rc < 0 ? rc : check(x, out);
}

int ch_df_expand(const struct ch_dockerfile *df, const struct ch_df_word *word,
		 const struct ch_df_vars *vars, char **ret_text, struct ch_df_err *err)
{
	struct expansion x = {
		.df = df,
		.word = word,
		.vars = vars,
		.err = err,
		.at = word->text,
		.work = MOST_WORK,
	};
	ch_auto(buf) struct ch_buf buf = CH_BUF_INIT(CH_DF_EXPANDED_MAX);
	struct output out = { .buf = &buf };
	int rc = expand_until(&x, '\0', &out);

	if (rc == 0 && ch_buf_take(&buf, ret_text) < 0)
		rc = ch_df_nomem(err);
	return rc;
}
