/* SPDX-License-Identifier: Apache-2.0 */
#include "dockerfile/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "dockerfile/parser.h"

/* Bytes shown of a line, and of them, in front of the place. */
#define SHOWN  120
#define BEFORE 80

static bool is_inside_character(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

static unsigned count_characters(const char *text, size_t len)
{
	unsigned n = 0;

	for (size_t i = 0; i < len; i++)
		n += !is_inside_character(text[i]);
	return n;
}

struct ch_df_pos ch_df_pos_of(const struct ch_dockerfile *df, size_t offset)
{
	size_t from = 0, to = df->nlines;

	while (to - from > 1) {
		size_t mid = from + (to - from) / 2;

		if (df->lines[mid] <= offset)
			from = mid;
		else
			to = mid;
	}

	size_t start = df->nlines ? df->lines[from] : 0;

	return (struct ch_df_pos){
		.line = (unsigned)from + 1,
		.column = count_characters(df->source + start, offset - start) + 1,
	};
}

/* Show LINE of LEN bytes, of which AT is the place. */
static void show_line(struct ch_df_err *err, const char *line, size_t len, size_t at)
{
	size_t from = at > BEFORE ? at - BEFORE : 0;
	size_t to = len - from > SHOWN ? from + SHOWN : len;

	while (from > 0 && from < at && is_inside_character(line[from]))
		from++;
	while (to < len && to > at && is_inside_character(line[to]))
		to--;

	char middle[SHOWN + 1];

	memcpy(middle, line + from, to - from);
	middle[to - from] = '\0';
	for (char *c = middle; *c; c++)
		if (*c == '\t') /* one column, as a character */
			*c = ' ';
	ch_text_one_line(middle);
	snprintf(err->line, sizeof(err->line), "%s%s%s", from ? "..." : "", middle,
		 to < len ? "..." : "");
	err->caret = (from ? 3 : 0) + count_characters(middle, at - from);
}

__attribute__((format(printf, 5, 0))) static int fail(const struct ch_dockerfile *df, size_t source,
						      struct ch_df_err *err, int code,
						      const char *fmt, va_list ap)
{
	*err = (struct ch_df_err){ .code = code, .pos = ch_df_pos_of(df, source) };
	vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	ch_text_one_line(err->msg);

	size_t start = df->nlines ? df->lines[err->pos.line - 1] : 0, next = start, len = 0;
	const char *line = ch_df_physical(df, &next, &len);

	show_line(err, line, len, source - start > len ? len : source - start);
	return code;
}

int ch_df_bad_at(const struct ch_dockerfile *df, size_t source, struct ch_df_err *err, int code,
		 const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fail(df, source, err, code, fmt, ap);
	va_end(ap);
	return code;
}

int ch_df_bad(struct ch_df_parser *p, size_t at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fail(p->df, ch_df_source_of(p->line, at), p->err, -EINVAL, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

static size_t source_of_word(const struct ch_df_word *word, size_t offset)
{
	return ch_df_source_of(word->line, word->at + (word->is_moved ? 0 : offset));
}

int ch_df_fail(const struct ch_dockerfile *df, const struct ch_df_word *word, size_t offset,
	       struct ch_df_err *err, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fail(df, source_of_word(word, offset), err, code, fmt, ap);
	va_end(ap);
	return code;
}

int ch_df_fail_instr(const struct ch_dockerfile *df, const struct ch_df_instr *instr,
		     struct ch_df_err *err, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fail(df, ch_df_source_of(instr->line, instr->at), err, code, fmt, ap);
	va_end(ap);
	return code;
}

int ch_df_nomem(struct ch_df_err *err)
{
	*err = (struct ch_df_err){ .code = -ENOMEM, .msg = "out of memory" };
	return -ENOMEM;
}

struct ch_df_pos ch_df_where(const struct ch_dockerfile *df, const struct ch_df_word *word,
			     size_t offset)
{
	return ch_df_pos_of(df, source_of_word(word, offset));
}

void ch_df_err_show(const struct ch_df_err *err, const char *file, struct ch_buf *out)
{
	size_t start = out->len;

	ch_buf_adds(out, file);
	if (!ch_buf_bad(out))
		ch_text_one_line(out->data + start);
	if (!err->pos.line) {
		ch_buf_addf(out, ": %s", err->msg);
		return;
	}
	ch_buf_addf(out, ":%u:%u: %s", err->pos.line, err->pos.column, err->msg);
	if (err->line[0])
		ch_buf_addf(out, "\n  %s\n  %*s^", err->line, (int)err->caret, "");
}
