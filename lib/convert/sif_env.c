/* SPDX-License-Identifier: Apache-2.0 */
#include "convert/sif_env.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/words.h"
#include "oci/meta.h"

/* Where nothing has set it yet. It is none that "-" knows: what is behind that then counts. */
#define PATH_DEFAULT "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* NAMES_MAX: variables that there are, or are set, or asked for: these look through all of those.
 * BYTES_MAX: of them and their values, each time they are set; labels need room, too. */
enum {
	VALUE_MAX = 128 * 1024,
	DEPTH_MAX = 8,
	NAMES_MAX = 4096,
	BYTES_MAX = CH_OCI_META_MAX / 2,
};

/* Where we are in a script */
struct script {
	const char *at;		    /* ends in NUL */
	const struct ch_words *env; /* as it was before this command */
	struct ch_words new;	    /* what the command sets, up to here */
	unsigned depth;		    /* of defaults in defaults */
	size_t names, bytes;	    /* up to here: see NAMES_MAX, BYTES_MAX */
};

/* Count a variable, and BYTES of it. Is that still not too much? */
static bool count(struct script *s, size_t bytes)
{
	s->names++;
	s->bytes += bytes;
	return s->names <= NAMES_MAX && s->bytes <= BYTES_MAX;
}

static size_t name_length(const char *text)
{
	size_t n = 0;

	while (isalnum((unsigned char)text[n]) || text[n] == '_')
		n++;
	return isdigit((unsigned char)text[0]) ? 0 : n;
}

/* ---- values ------------------------------------------------------------------------------- */

/* The value of the variable whose name has N bytes; NULL: it has none, or it is too much. */
static const char *value_of(struct script *s, const char *name, size_t n)
{
	ch_auto(str) char *copy = count(s, 0) ? strndup(name, n) : NULL;
	const char *value = copy ? ch_words_get(&s->new, copy) : NULL;

	return value || !copy ? value : ch_words_get(s->env, copy);
}

/* What stands for it */
static const char *expand(struct script *s, const char *name, size_t n)
{
	const char *value = value_of(s, name, n);

	if (!value && n == strlen("PATH") && strncmp(name, "PATH", n) == 0)
		return PATH_DEFAULT;
	return value ? value : "";
}

static bool read_value(struct script *s, const char *ends, struct ch_buf *out);

/* "${NAME}", "${NAME-VALUE}", "${NAME:-VALUE}" from behind the brace on */
static bool read_braces(struct script *s, struct ch_buf *out)
{
	ch_auto(buf) struct ch_buf other = CH_BUF_INIT(VALUE_MAX);
	size_t n = name_length(s->at);
	const char *name = s->at, *value = value_of(s, name, n);
	bool is_colon = name[n] == ':';

	if (n == 0 || s->depth == DEPTH_MAX)
		return false;
	s->at += n + is_colon;
	if (!is_colon && *s->at == '}') {
		s->at++;
		ch_buf_adds(out, expand(s, name, n));
		return true;
	}
	if (*s->at++ != '-')
		return false;
	s->depth++;
	if (!read_value(s, "}", &other) || *s->at++ != '}')
		return false;
	s->depth--;
	if (is_colon && value && !*value)
		value = NULL;
	ch_buf_adds(out, value ? value : other.data ? other.data : "");
	return !other.bad;
}

/* From "$" on */
static bool read_variable(struct script *s, struct ch_buf *out)
{
	const char *name = ++s->at;
	size_t n = name_length(name);

	if (*name == '{') {
		s->at++;
		return read_braces(s, out);
	}
	if (n == 0)
		return false;
	ch_buf_adds(out, expand(s, name, n));
	s->at += n;
	return true;
}

/* From behind the quote on */
static bool read_single(struct script *s, struct ch_buf *out)
{
	size_t n = strcspn(s->at, "'");

	ch_buf_add(out, s->at, n);
	s->at += n;
	return *s->at++ == '\'';
}

static bool read_double(struct script *s, struct ch_buf *out)
{
	while (*s->at && *s->at != '"') {
		if (*s->at == '`')
			return false;
		if (*s->at == '$') {
			if (!read_variable(s, out))
				return false;
			continue;
		}
		if (*s->at == '\\' && s->at[1] && strchr("$`\"\\", s->at[1]))
			s->at++;
		ch_buf_add(out, s->at++, 1);
	}
	return *s->at++ == '"';
}

/* A word, up to one of ENDS or the end of all */
static bool read_value(struct script *s, const char *ends, struct ch_buf *out)
{
	bool is_good = true;

	while (is_good && *s->at && !strchr(ends, *s->at)) {
		char c = *s->at;

		if (c == '$') {
			is_good = read_variable(s, out);
		} else if (c == '\'' || c == '"') {
			s->at++;
			is_good = c == '"' ? read_double(s, out) : read_single(s, out);
		} else if (strchr("`()<>&|*?[~", c) ||
			   (c == '\\' && (!s->at[1] || s->at[1] == '\n'))) {
			is_good = false;
		} else {
			s->at += c == '\\';
			ch_buf_add(out, s->at++, 1);
		}
	}
	return is_good && !out->bad;
}

/* ---- lines -------------------------------------------------------------------------------- */

static void skip_blanks(struct script *s)
{
	s->at += strspn(s->at, " \t");
}

/* NAME=VALUE, or, with IS_EXPORT, NAME */
static bool read_assignment(struct script *s, bool is_export)
{
	ch_auto(buf) struct ch_buf value = CH_BUF_INIT(VALUE_MAX);
	size_t n = name_length(s->at);
	ch_auto(str) char *name = strndup(s->at, n);

	if (n == 0 || !name)
		return false;
	s->at += n;
	if (*s->at != '=')
		return is_export && (!*s->at || strchr(" \t\n;", *s->at));
	s->at++;
	if (!read_value(s, " \t\n;", &value) || !count(s, n + 1 + value.len + 1))
		return false;
	ch_words_set(&s->new, name, value.data ? value.data : "");
	return true;
}

/* A command, up to the end of its line, or ";": only when it is known that it is nothing else, what
 * it sets is set. */
static bool read_command(struct script *s, struct ch_words *env)
{
	bool is_export = strncmp(s->at, "export", 6) == 0 && s->at[6] && strchr(" \t", s->at[6]);

	if (is_export)
		s->at += 6;
	for (skip_blanks(s); *s->at && !strchr("\n;#", *s->at); skip_blanks(s))
		if (!read_assignment(s, is_export))
			return false;
	env->bad |= s->new.bad;
	ch_words_put(env, &s->new);
	ch_words_done(&s->new);
	return true;
}

bool ch_sif_env_read(const char *script, struct ch_words *env)
{
	struct script s = { .at = script, .env = env };
	bool is_good = true;

	for (size_t i = 0; i < env->n; i++)
		(void)count(&s, strlen(env->v[i]) + 1);
	while (is_good && *s.at) {
		s.at += strspn(s.at, " \t\r\n;");
		is_good = read_command(&s, env);
		if (is_good && *s.at == '#')
			s.at += strcspn(s.at, "\n");
	}
	ch_words_done(&s.new);
	return is_good;
}
