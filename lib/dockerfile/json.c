/* SPDX-License-Identifier: Apache-2.0 */
/* Arrays of strings in JSON (RFC 8259). Other values are understood only to tell what is JSON,
 * and an error, from what is not, and for the shell. */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "dockerfile/parser.h"

/* Values in values, more than anybody writes by accident. */
#define DEEPEST 16

struct reader {
	const char *at; /* a NUL is behind the text */
	char *out;	/* where strings go; never longer than the text */
};

static void skip_space(struct reader *r)
{
	while (*r->at == ' ' || *r->at == '\t' || *r->at == '\r' || *r->at == '\n')
		r->at++;
}

static bool accept(struct reader *r, char c)
{
	if (*r->at != c)
		return false;
	r->at++;
	return true;
}

static bool read_hex(struct reader *r, uint32_t *ret_code)
{
	uint32_t code = 0;

	for (int i = 0; i < 4; i++, r->at++) {
		if (!isxdigit((unsigned char)*r->at))
			return false;
		code = code * 16 + (uint32_t)(isdigit((unsigned char)*r->at)
						      ? *r->at - '0'
						      : (*r->at | 32) - 'a' + 10);
	}
	*ret_code = code;
	return true;
}

static void put_utf8(struct reader *r, uint32_t c)
{
	static const unsigned char first[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	int n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

	for (int i = n - 1; i > 0; i--, c >>= 6)
		r->out[i] = (char)(0x80 | (c & 0x3f));
	r->out[0] = (char)(first[n == 1 ? 0 : n] | c);
	r->out += n;
}

/* Behind "\u". Half a pair becomes U+FFFD; NUL has no place in a text of ours. */
static bool read_unicode(struct reader *r)
{
	uint32_t code, low;

	if (!read_hex(r, &code) || code == 0)
		return false;
	if (code >= 0xd800 && code < 0xdc00 && r->at[0] == '\\' && r->at[1] == 'u') {
		struct reader ahead = { .at = r->at + 2 };

		if (!read_hex(&ahead, &low))
			return false;
		if (low >= 0xdc00 && low < 0xe000) {
			r->at = ahead.at;
			code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
		}
	}
	put_utf8(r, code >= 0xd800 && code < 0xe000 ? 0xfffd : code);
	return true;
}

static bool read_escape(struct reader *r)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";

	if (accept(r, 'u'))
		return read_unicode(r);

	const char *found = *r->at ? strchr(from, *r->at) : NULL;

	if (!found)
		return false;
	*r->out++ = to[found - from];
	r->at++;
	return true;
}

/* A string, whose quote has been read, to OUT, with a NUL. */
static bool read_string(struct reader *r)
{
	while (!accept(r, '"')) {
		if ((unsigned char)*r->at < 0x20)
			return false;
		if (accept(r, '\\')) {
			if (!read_escape(r))
				return false;
		} else {
			*r->out++ = *r->at++;
		}
	}
	*r->out++ = '\0';
	return true;
}

static bool skip_number(struct reader *r)
{
	size_t digits;

	(void)accept(r, '-');
	digits = strspn(r->at, "0123456789");
	if (!digits || (digits > 1 && *r->at == '0'))
		return false;
	r->at += digits;
	if (accept(r, '.')) {
		digits = strspn(r->at, "0123456789");
		if (!digits)
			return false;
		r->at += digits;
	}
	if (*r->at == 'e' || *r->at == 'E') {
		r->at++;
		r->at += *r->at == '+' || *r->at == '-';
		digits = strspn(r->at, "0123456789");
		r->at += digits;
		return digits > 0;
	}
	return true;
}

static bool skip_value(struct reader *r, int depth);

/* Members or items, up to END, whose beginning has been read. */
static bool skip_members(struct reader *r, char end, int depth)
{
	skip_space(r);
	if (accept(r, end))
		return true;
	do {
		skip_space(r);
		if (end == '}') {
			if (!accept(r, '"') || !read_string(r))
				return false;
			skip_space(r);
			if (!accept(r, ':'))
				return false;
		}
		if (!skip_value(r, depth))
			return false;
		skip_space(r);
	} while (accept(r, ','));
	return accept(r, end);
}

static bool skip_value(struct reader *r, int depth)
{
	static const char *const words[] = { "true", "false", "null" };

	skip_space(r);
	if (depth > DEEPEST)
		return false;
	if (accept(r, '"'))
		return read_string(r);
	if (accept(r, '['))
		return skip_members(r, ']', depth + 1);
	if (accept(r, '{'))
		return skip_members(r, '}', depth + 1);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strncmp(r->at, words[i], strlen(words[i])) == 0) {
			r->at += strlen(words[i]);
			return true;
		}
	return skip_number(r);
}

static int add_string(struct ch_df_parser *p, const char *at, const char *text,
		      struct ch_df_instr *instr)
{
	instr->words = ch_df_grow(&p->df->arena, instr->words, instr->nwords,
				  sizeof(*instr->words));
	if (!instr->words)
		return ch_df_nomem(p->err);
	instr->words[instr->nwords++] = (struct ch_df_word){
		.text = text,
		.line = p->line,
		.at = (size_t)(at - p->line->text),
		.is_raw = true,
		.is_moved = true,
	};
	return 0;
}

/* Items up to "]". What is no string is noted in *ODD. Returns 1, 0: no JSON, or an error. */
static int read_items(struct ch_df_parser *p, struct reader *r, struct ch_df_instr *instr,
		      const char **odd)
{
	skip_space(r);
	if (accept(r, ']'))
		return 1;
	do {
		skip_space(r);

		const char *at = r->at, *text = r->out;

		if (!skip_value(r, 0))
			return 0;
		if (*at != '"')
			*odd = *odd ? *odd : at;
		else if (add_string(p, at, text, instr) < 0)
			return -ENOMEM;
		skip_space(r);
	} while (accept(r, ','));
	return accept(r, ']');
}

int ch_df_json(struct ch_df_parser *p, size_t at, struct ch_df_instr *instr)
{
	const char *odd = NULL;
	struct reader r = { .at = p->line->text + at };

	if (!accept(&r, '['))
		return 0;
	r.out = ch_df_alloc(&p->df->arena, p->line->len + 1);
	if (!r.out)
		return ch_df_nomem(p->err);

	int rc = read_items(p, &r, instr, &odd);

	skip_space(&r);
	if (rc == 1 && *r.at)
		rc = 0;
	if (rc == 1 && odd)
		return ch_df_bad(p, (size_t)(odd - p->line->text),
				 "in JSON form, all items are strings in double quotes");
	instr->is_json = rc == 1;
	if (rc == 0) {
		instr->words = NULL;
		instr->nwords = 0;
	}
	return rc;
}
