/* SPDX-License-Identifier: Apache-2.0 */
#include "json/write.h"

#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

static void add_text(struct ch_buf *buf, const char *text)
{
	ch_buf_adds(buf, "\"");
	for (const char *p = text; *p;) {
		uint32_t c;
		size_t n = ch_text_character(p, &c);

		if (n == 0)
			ch_buf_adds(buf, "\\ufffd");
		else if (c < ' ' || c == 0x7f)
			ch_buf_addf(buf, "\\u%04x", c);
		else if (c == '"' || c == '\\')
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
