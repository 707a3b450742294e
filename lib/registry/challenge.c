/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/challenge.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/auto.h"
#include "base/err.h"

/* A header is a list, separated by commas, of "SCHEME PARAMETER", "SCHEME TOKEN68" and more
 * parameters "NAME=VALUE" of the scheme before: so a word is a scheme if no "=" follows. */

#define SPACE " \t"

struct scan {
	const char *pos;
	struct ch_err *err;
};

static int bad(const struct scan *s, const char *wanted)
{
	return ch_err_set(s->err, -EINVAL, "WWW-Authenticate: %s expected%s%.20s%s", wanted,
			  *s->pos ? " at '" : " at the end", s->pos, *s->pos ? "'" : "");
}

static void skip_space(struct scan *s)
{
	s->pos += strspn(s->pos, SPACE);
}

/* The length of a token (RFC 9110, 5.6.2) */
static size_t token(const char *text)
{
	return strspn(text, "!#$%&'*+-.^_`|~0123456789"
			    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
}

/* "..." with escapes. ret_text: malloc'ed */
static int take_quoted(struct scan *s, char **ret_text)
{
	char *text = malloc(strlen(s->pos)), *out = text;

	if (!text)
		return ch_err_nomem(s->err);
	for (s->pos++; *s->pos && *s->pos != '"'; s->pos++) {
		if (*s->pos == '\\' && s->pos[1])
			s->pos++;
		*out++ = *s->pos;
	}
	*out = '\0';
	if (*s->pos != '"') {
		free(text);
		return bad(s, "'\"'");
	}
	s->pos++;
	*ret_text = text;
	return 0;
}

static int take_value(struct scan *s, char **ret_text)
{
	size_t n = token(s->pos);

	if (*s->pos == '"')
		return take_quoted(s, ret_text);
	if (n == 0)
		return bad(s, "a value");
	*ret_text = strndup(s->pos, n);
	s->pos += n;
	return *ret_text ? 0 : ch_err_nomem(s->err);
}

/* The one that is given twice is what it was first. */
static void keep(struct ch_challenge *c, const char *name, size_t len, char **value)
{
	const struct {
		const char *name;
		char **place;
	} known[] = {
		{ "realm", &c->realm },
		{ "service", &c->service },
		{ "scope", &c->scope },
		{ "error", &c->error },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strlen(known[i].name) == len && strncasecmp(known[i].name, name, len) == 0 &&
		    !*known[i].place)
			*known[i].place = ch_take(*value);
}

/* Is "NAME =" here? Then POS goes behind it. */
static bool take_name(struct scan *s, const char **ret_name, size_t *ret_len)
{
	size_t n = token(s->pos);
	const char *behind = s->pos + n + strspn(s->pos + n, SPACE);

	if (n == 0 || *behind != '=')
		return false;
	*ret_name = s->pos;
	*ret_len = n;
	s->pos = behind + 1;
	skip_space(s);
	return true;
}

/* Parameters, until something else comes, or the end. */
static int take_parameters(struct scan *s, struct ch_challenge *c)
{
	const char *name;
	size_t len;

	while (take_name(s, &name, &len)) {
		ch_auto(str) char *value = NULL;

		if (take_value(s, &value) < 0)
			return s->err->code;
		keep(c, name, len, &value);
		s->pos += strspn(s->pos, SPACE ",");
	}
	return 0;
}

static enum ch_challenge_kind kind_of(const char *scheme, size_t len)
{
	if (len == 6 && strncasecmp(scheme, "Bearer", len) == 0)
		return CH_CHALLENGE_BEARER;
	if (len == 5 && strncasecmp(scheme, "Basic", len) == 0)
		return CH_CHALLENGE_BASIC;
	return CH_CHALLENGE_NONE;
}

/* What a scheme that is not known has in place of parameters, "Negotiate YII=", is skipped. */
static int skip_unknown(struct scan *s)
{
	struct ch_challenge none = { 0 };
	const char *start = s->pos;
	int rc = take_parameters(s, &none);

	ch_challenge_done(&none);
	if (rc == -ENOMEM)
		return rc;
	if (rc < 0 || s->pos == start)
		s->pos += strcspn(s->pos, ",");
	return 0;
}

static int take_challenge(struct scan *s, struct ch_challenge *c)
{
	size_t n = token(s->pos);
	int rc;

	if (n == 0)
		return bad(s, "the name of a scheme");
	c->kind = kind_of(s->pos, n);
	s->pos += n;
	if (*s->pos && !strchr(SPACE ",", *s->pos))
		return bad(s, "' '");
	skip_space(s);
	rc = c->kind == CH_CHALLENGE_NONE ? skip_unknown(s) : take_parameters(s, c);
	s->pos += strspn(s->pos, SPACE ",");
	return rc;
}

int ch_challenge_parse(const char *header, struct ch_challenge *ret, struct ch_err *err)
{
	struct scan s = { .pos = header + strspn(header, SPACE ","), .err = err };
	ch_auto(challenge) struct ch_challenge best = { 0 };

	while (*s.pos) {
		ch_auto(challenge) struct ch_challenge c = { 0 };

		if (take_challenge(&s, &c) < 0)
			return err->code;
		if (c.kind == CH_CHALLENGE_BEARER && !c.realm)
			continue;
		if (c.kind > best.kind) {
			ch_challenge_done(&best);
			best = ch_take(c);
		}
	}
	if (best.kind > ret->kind) {
		ch_challenge_done(ret);
		*ret = ch_take(best);
	}
	return 0;
}

int ch_challenge_choose(const struct ch_words *headers, struct ch_challenge *ret,
			struct ch_err *err)
{
	for (size_t i = 0; i < headers->n; i++)
		if (ch_challenge_parse(headers->v[i], ret, err) == -ENOMEM)
			return err->code;
	return 0;
}

void ch_challenge_done(struct ch_challenge *challenge)
{
	free(challenge->realm);
	free(challenge->service);
	free(challenge->scope);
	free(challenge->error);
	*challenge = (struct ch_challenge){ 0 };
}
