/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/auto.h"
#include "base/buf.h"
#include "dockerfile/err.h"
#include "dockerfile/parser.h"

int ch_df_index_lines(struct ch_dockerfile *df, struct ch_df_err *err)
{
	size_t *lines = NULL, n = 0;

	for (size_t at = 0; at < df->len || n == 0;) {
		lines = ch_df_grow(&df->arena, lines, n, sizeof(*lines));
		if (!lines)
			return ch_df_nomem(err);
		lines[n++] = at;

		const char *end = memchr(df->source + at, '\n', df->len - at);

		at = end ? (size_t)(end - df->source) + 1 : df->len;
	}
	df->lines = lines;
	df->nlines = n;
	return 0;
}

const char *ch_df_physical(const struct ch_dockerfile *df, size_t *offset, size_t *ret_len)
{
	const char *start = df->source + *offset;
	const char *end = memchr(start, '\n', df->len - *offset);
	size_t len = end ? (size_t)(end - start) : df->len - *offset;

	*offset += len + (end ? 1 : 0);
	while (len && start[len - 1] == '\r')
		len--;
	*ret_len = len;
	return start;
}

size_t ch_df_source_of(const struct ch_df_line *line, size_t at)
{
	size_t from = 0, to = line->nsegs;

	while (to - from > 1) {
		size_t mid = from + (to - from) / 2;

		if (line->segs[mid].at <= at)
			from = mid;
		else
			to = mid;
	}
	return line->segs[from].source + (at - line->segs[from].at);
}

static size_t blanks(const char *text, size_t len)
{
	size_t n = 0;

	while (n < len && ch_df_is_blank(text[n]))
		n++;
	return n;
}

/* Does this line go on in the next one? Then *LEN becomes what is in front of the escape
 * character. One that is itself escaped does not count. */
static bool is_continued(const char *text, size_t *len, char escape)
{
	size_t n = *len;

	while (n && (text[n - 1] == ' ' || text[n - 1] == '\t'))
		n--;
	if (!n || text[n - 1] != escape || (n > 1 && text[n - 2] == escape))
		return false;
	*len = n - 1;
	return true;
}

/* Add a piece of the source to LINE and its TEXT. */
static int add_piece(struct ch_df_parser *p, struct ch_df_line *line, struct ch_buf *text,
		     const char *piece, size_t len)
{
	line->segs = ch_df_grow(&p->df->arena, line->segs, line->nsegs, sizeof(*line->segs));
	if (!line->segs)
		return ch_df_nomem(p->err);
	line->segs[line->nsegs++] = (struct ch_df_seg){
		.at = text->len,
		.source = (size_t)(piece - p->df->source),
	};
	ch_buf_add(text, piece, len);
	return 0;
}

/* Join what begins with PIECE. */
static int join(struct ch_df_parser *p, const char *piece, size_t len, struct ch_df_line *line)
{
	ch_auto(buf) struct ch_buf text = CH_BUF_INIT(CH_DF_MAX);
	bool goes_on = is_continued(piece, &len, p->df->escape);
	int rc = add_piece(p, line, &text, piece, len);

	while (rc == 0 && goes_on && p->next < p->df->len) {
		piece = ch_df_physical(p->df, &p->next, &len);

		size_t indent = blanks(piece, len);

		if (indent == len || piece[indent] == '#')
			continue;
		goes_on = is_continued(piece, &len, p->df->escape);
		rc = add_piece(p, line, &text, piece, len);
	}
	if (rc < 0)
		return rc;
	while (text.len && ch_df_is_blank(text.data[text.len - 1]))
		text.len--;
	line->len = text.len;
	line->text = ch_buf_bad(&text) ? NULL : ch_df_copy(&p->df->arena, text.data, text.len);
	return line->text ? 0 : ch_df_nomem(p->err);
}

int ch_df_next_line(struct ch_df_parser *p)
{
	while (p->next < p->df->len) {
		size_t len = 0;
		const char *piece = ch_df_physical(p->df, &p->next, &len);
		size_t indent = blanks(piece, len);

		if (indent == len || piece[indent] == '#')
			continue;

		struct ch_df_line *line = ch_df_alloc(&p->df->arena, sizeof(*line));

		if (!line)
			return ch_df_nomem(p->err);

		int rc = join(p, piece + indent, len - indent, line);

		if (rc < 0)
			return rc;
		p->line = line;
		if (line->len)
			return 1;
	}
	return 0;
}

/* "# NAME = VALUE", with or without blanks. */
static bool is_directive(const char *text, size_t len, size_t *ret_name, size_t *ret_name_len,
			 size_t *ret_value, size_t *ret_value_len)
{
	size_t i = blanks(text, len);

	if (i == len || text[i] != '#')
		return false;
	i++;
	i += blanks(text + i, len - i);
	*ret_name = i;
	while (i < len && isalnum((unsigned char)text[i]))
		i++;
	*ret_name_len = i - *ret_name;
	i += blanks(text + i, len - i);
	if (!*ret_name_len || i == len || text[i] != '=')
		return false;
	i++;
	i += blanks(text + i, len - i);
	while (len > i && ch_df_is_blank(text[len - 1]))
		len--;
	*ret_value = i;
	*ret_value_len = len - i;
	return len > i;
}

static bool is_name(const char *text, size_t len, const char *name)
{
	return len == strlen(name) && strncasecmp(text, name, len) == 0;
}

/* VALUE is that of a directive that is kept as a text in *PLACE. */
static int keep(struct ch_df_parser *p, const char *name, const char *value, size_t len,
		const char **place)
{
	if (*place)
		return ch_df_bad_at(p->df, (size_t)(value - p->df->source), p->err, -EINVAL,
				    "a second directive '%s'", name);
	*place = ch_df_copy(&p->df->arena, value, len);
	return *place ? 0 : ch_df_nomem(p->err);
}

static int set_escape(struct ch_df_parser *p, const char *value, size_t len, const char **seen)
{
	int rc = keep(p, "escape", value, len, seen);

	if (rc < 0)
		return rc;
	if (len != 1 || (*value != '\\' && *value != '`'))
		return ch_df_bad_at(p->df, (size_t)(value - p->df->source), p->err, -EINVAL,
				    "the escape character is \\ or `, not '%s'", *seen);
	p->df->escape = *value;
	return 0;
}

int ch_df_directives(struct ch_df_parser *p)
{
	const char *escape = NULL;
	int rc = 0;

	for (size_t next = p->next; rc == 0 && next < p->df->len; p->next = next) {
		size_t len = 0, name, nlen, value, vlen;
		const char *line = ch_df_physical(p->df, &next, &len);

		if (!is_directive(line, len, &name, &nlen, &value, &vlen))
			break;
		if (is_name(line + name, nlen, "escape"))
			rc = set_escape(p, line + value, vlen, &escape);
		else if (is_name(line + name, nlen, "syntax"))
			rc = keep(p, "syntax", line + value, vlen, &p->df->syntax);
		else if (is_name(line + name, nlen, "check"))
			rc = keep(p, "check", line + value, vlen, &p->df->check);
		else
			break;
	}
	return rc;
}
