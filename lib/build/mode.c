/* SPDX-License-Identifier: Apache-2.0 */
#include "build/mode.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"

enum { ALL = 07777 };

static int bad(const char *text, struct ch_err *err)
{
	return ch_err_set(err, -EINVAL,
			  "mode '%s' is neither octal, like 755, nor like u=rwX,go=rX", text);
}

/* Digits: all bits are as they say. */
static int parse_octal(const char *text, struct ch_mode *mode, struct ch_err *err)
{
	mode_t bits = 0;

	for (const char *p = text; *p; p++) {
		if (*p < '0' || *p > '7' || bits > ALL >> 3)
			return bad(text, err);
		bits = bits << 3 | (mode_t)(*p - '0');
	}
	mode->changes[mode->n++] = (struct ch_mode_change){ .op = '=', .who = ALL, .bits = bits };
	return 0;
}

/* "ugoa": the bits that they stand for; nobody is everybody */
static mode_t parse_who(const char **text)
{
	mode_t who = 0;

	for (;; (*text)++) {
		switch (**text) {
		case 'u':
			who |= S_ISUID | S_IRWXU;
			break;
		case 'g':
			who |= S_ISGID | S_IRWXG;
			break;
		case 'o':
			who |= S_ISVTX | S_IRWXO;
			break;
		case 'a':
			who |= ALL;
			break;
		default:
			return who ? who : ALL;
		}
	}
}

/* "rwxXst", or one of "ugo" */
static void parse_bits(const char **text, struct ch_mode_change *change)
{
	if (**text && strchr("ugo", **text)) {
		change->copy = *(*text)++;
		return;
	}
	for (;; (*text)++) {
		switch (**text) {
		case 'r':
			change->bits |= 0444;
			break;
		case 'w':
			change->bits |= 0222;
			break;
		case 'x':
			change->bits |= 0111;
			break;
		case 'X':
			change->x = 'X';
			break;
		case 's':
			change->bits |= S_ISUID | S_ISGID;
			break;
		case 't':
			change->bits |= S_ISVTX;
			break;
		default:
			return;
		}
	}
}

int ch_mode_parse(const char *text, struct ch_mode *ret_mode, struct ch_err *err)
{
	struct ch_mode mode = { 0 };
	const char *p = text;

	if (*p >= '0' && *p <= '9') {
		if (parse_octal(text, &mode, err) < 0)
			return err->code;
		*ret_mode = mode;
		return 0;
	}
	for (;; p++) {
		mode_t who = parse_who(&p);

		if (!*p || !strchr("+-=", *p))
			return bad(text, err);
		while (*p && strchr("+-=", *p)) {
			struct ch_mode_change change = { .op = *p++, .who = who };

			if (mode.n == CH_MODE_CHANGES)
				return ch_err_set(err, -E2BIG, "mode '%s' has more than %d changes",
						  text, CH_MODE_CHANGES);
			parse_bits(&p, &change);
			mode.changes[mode.n++] = change;
		}
		if (*p != ',')
			break;
	}
	if (*p)
		return bad(text, err);
	*ret_mode = mode;
	return 0;
}

static mode_t bits_of(const struct ch_mode_change *change, mode_t mode)
{
	mode_t bits = change->bits, three = 0;

	if (change->x && (S_ISDIR(mode) || (mode & 0111)))
		bits |= 0111;
	if (change->copy) {
		three = mode >> (change->copy == 'u' ? 6 : change->copy == 'g' ? 3 : 0) & 7;
		bits |= three << 6 | three << 3 | three;
	}
	return bits & change->who;
}

mode_t ch_mode_apply(const struct ch_mode *mode, mode_t old)
{
	for (size_t i = 0; i < mode->n; i++) {
		const struct ch_mode_change *change = &mode->changes[i];
		mode_t bits = bits_of(change, old);

		if (change->op == '-')
			old &= ~bits;
		else
			old = (change->op == '=' ? old & ~change->who : old) | bits;
	}
	return old;
}
