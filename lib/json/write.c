/* SPDX-License-Identifier: Apache-2.0 */
#include "json/write.h"

#include <stddef.h>
#include <stdint.h>

/* How many bytes the UTF-8 character at P has (RFC 3629), or 0 if it is none. The text ends
 * in a NUL, which is no byte of a longer character. */
static size_t utf8_length(const unsigned char *p)
{
	size_t n = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

	if (n == 0 || p[0] > 0xf4)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	/* Too long a form, a surrogate, or beyond the last character. */
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

static void add_text(struct ch_buf *buf, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;

	ch_buf_adds(buf, "\"");
	while (*p) {
		size_t n = utf8_length(p);

		if (n == 0)
			ch_buf_adds(buf, "\\ufffd");
		else if (*p < ' ' || *p == 0x7f)
			ch_buf_addf(buf, "\\u%04x", *p);
		else if (*p == '"' || *p == '\\')
			ch_buf_addf(buf, "\\%c", *p);
		else
			ch_buf_add(buf, p, n);
		p += n ? n : 1;
	}
	ch_buf_adds(buf, "\"");
}

static void begin(struct ch_json_out *out, const char *key)
{
	if (out->has_before)
		ch_buf_adds(&out->buf, ", ");
	out->has_before = true;
	if (!key)
		return;
	add_text(&out->buf, key);
	ch_buf_adds(&out->buf, ": ");
}

void ch_json_open(struct ch_json_out *out, const char *key, char kind)
{
	begin(out, key);
	ch_buf_add(&out->buf, &kind, 1);
	out->has_before = false;
}

void ch_json_close(struct ch_json_out *out, char kind)
{
	ch_buf_add(&out->buf, &kind, 1);
	out->has_before = true;
}

void ch_json_put_text(struct ch_json_out *out, const char *key, const char *text)
{
	begin(out, key);
	if (text)
		add_text(&out->buf, text);
	else
		ch_buf_adds(&out->buf, "null");
}

void ch_json_put_number(struct ch_json_out *out, const char *key, long long number)
{
	begin(out, key);
	ch_buf_addf(&out->buf, "%lld", number);
}

void ch_json_put_bool(struct ch_json_out *out, const char *key, bool yes)
{
	begin(out, key);
	ch_buf_adds(&out->buf, yes ? "true" : "false");
}
