/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/ref.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/text.h"

#define LOWER  "abcdefghijklmnopqrstuvwxyz"
#define UPPER  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

static const char name_chars[] = LOWER DIGITS "_.-";
static const char tag_chars[] = LOWER UPPER DIGITS "_.-"; /* those of hosts, too */
static const char digest_start[] = "sha256:";

enum { HEX_MAX = 64 };

void ch_ref_unescape(char *text)
{
	for (; *text; text++)
		*text = *text == '%' ? '/' : *text == '+' ? ':' : *text;
}

void ch_ref_escape(char *text)
{
	for (; *text; text++)
		*text = *text == '/' ? '%' : *text == ':' ? '+' : *text;
}

/* A reference that is being parsed: POS goes through TEXT. */
struct scan {
	const char *text, *pos;
	struct ch_err *err;
};

/* What is at POS is not what should be there. */
static int unexpected(const struct scan *s, const char *wanted)
{
	uint32_t c;
	size_t n = ch_text_character(s->pos, &c);

	if (!*s->pos)
		return ch_err_set(s->err, -EINVAL,
				  "image reference '%s': syntax error at the end: %s expected",
				  s->text, wanted);
	return ch_err_set(
		s->err, -EINVAL,
		"image reference '%s': syntax error at character %zu, '%.*s': %s expected", s->text,
		(size_t)(s->pos - s->text) + 1, n ? (int)n : 1, s->pos, wanted);
}

/* Take the characters of SET that come next into *RET; there must be some. */
static int take(struct scan *s, const char *set, const char *wanted, char **ret)
{
	size_t n = strspn(s->pos, set);

	if (n == 0)
		return unexpected(s, wanted);
	*ret = strndup(s->pos, n);
	if (!*ret)
		return ch_err_nomem(s->err);
	s->pos += n;
	return 0;
}

/* Is the first of several parts a host? */
static bool has_host(const char *text)
{
	size_t n = strcspn(text, "/");

	return text[n] == '/' && (memchr(text, '.', n) || memchr(text, ':', n) ||
				  (n == strlen("localhost") && memcmp(text, "localhost", n) == 0));
}

static int take_port(struct scan *s, struct ch_ref *ref)
{
	ch_auto(str) char *digits = NULL;
	uint32_t port;

	if (take(s, DIGITS, "the number of a port", &digits) < 0)
		return s->err->code;
	if (ch_text_u32(digits, "port", 1, UINT16_MAX, &port, s->err) < 0)
		return ch_err_set(s->err, -EINVAL,
				  "image reference '%s': port %s is not in 1 to %d", s->text,
				  digits, UINT16_MAX);
	ref->port = (uint16_t)port;
	return 0;
}

static int take_host(struct scan *s, struct ch_ref *ref)
{
	int rc = take(s, tag_chars, "a host", &ref->host);

	if (rc == 0 && *s->pos == ':') {
		s->pos++;
		rc = take_port(s, ref);
	}
	if (rc == 0 && *s->pos != '/')
		return unexpected(s, "'/'");
	s->pos += rc == 0;
	return rc;
}

/* One part of path and name. "." and ".." would be paths elsewhere. */
static int skip_part(struct scan *s)
{
	size_t n = strspn(s->pos, name_chars);

	if (n == 0 || (n <= 2 && strspn(s->pos, ".") >= n))
		return unexpected(s, "a name (lower-case letters, digits, and any of '_.-')");
	s->pos += n;
	return 0;
}

/* Path and name: the last part is the name. */
static int take_path(struct scan *s, struct ch_ref *ref)
{
	const char *start = s->pos, *name = s->pos;

	for (;;) {
		if (skip_part(s) < 0)
			return s->err->code;
		if (*s->pos != '/')
			break;
		name = ++s->pos;
	}
	ref->name = strndup(name, (size_t)(s->pos - name));
	if (name > start)
		ref->path = strndup(start, (size_t)(name - 1 - start));
	return ref->name && (ref->path || name == start) ? 0 : ch_err_nomem(s->err);
}

static int take_digest(struct scan *s, struct ch_ref *ref)
{
	const char *start = s->pos;
	size_t n = sizeof(digest_start) - 1;

	if (strncmp(start, digest_start, n) != 0)
		return unexpected(s, "'sha256:'");
	s->pos += n;
	n = strspn(s->pos, DIGITS "abcdef");
	s->pos += n < HEX_MAX ? n : HEX_MAX;
	if (n == 0)
		return unexpected(s, "a hash (digits and letters a to f)");
	ref->digest = strndup(start, (size_t)(s->pos - start));
	return ref->digest ? 0 : ch_err_nomem(s->err);
}

static int parse(struct scan *s, struct ch_ref *ref)
{
	int rc = 0;

	/* ch-run takes such an image for a path. */
	if (*s->pos == '.')
		return unexpected(s, "a name or a host");
	if (has_host(s->pos))
		rc = take_host(s, ref);
	if (rc == 0)
		rc = take_path(s, ref);
	if (rc == 0 && *s->pos == ':') {
		s->pos++;
		rc = take(s, tag_chars, "a tag", &ref->tag);
	}
	if (rc == 0 && *s->pos == '@') {
		s->pos++;
		rc = take_digest(s, ref);
	}
	if (rc == 0 && *s->pos)
		rc = unexpected(s, "the end");
	return rc;
}

int ch_ref_parse(const char *text, struct ch_ref *ret_ref, struct ch_err *err)
{
	ch_auto(ref) struct ch_ref ref = { 0 };

	if (strlen(text) > CH_REF_MAX)
		return ch_err_set(err, -ENAMETOOLONG,
				  "image reference '%.40s...' is longer than %d characters", text,
				  CH_REF_MAX);
	ref.text = strdup(text);
	ref.file = strdup(text);
	if (!ref.text || !ref.file)
		return ch_err_nomem(err);
	ch_ref_unescape(ref.text);
	ch_ref_escape(ref.file);

	struct scan s = { .text = ref.text, .pos = ref.text, .err = err };
	int rc = parse(&s, &ref);

	if (rc == 0)
		*ret_ref = ch_take(ref);
	return rc;
}

void ch_ref_done(struct ch_ref *ref)
{
	free(ref->text);
	free(ref->file);
	free(ref->host);
	free(ref->path);
	free(ref->name);
	free(ref->tag);
	free(ref->digest);
	*ref = (struct ch_ref){ 0 };
}
