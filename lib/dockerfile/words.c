/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "dockerfile/parser.h"

size_t ch_df_skip_blanks(const struct ch_df_line *line, size_t at)
{
	while (at < line->len && ch_df_is_blank(line->text[at]))
		at++;
	return at;
}

/* Behind the quote that ends what begins at AT of TEXT; LEN if there is none. */
static size_t skip_quoted(const char *text, size_t len, size_t at, char escape)
{
	char quote = text[at++];

	while (at < len && text[at] != quote)
		at += text[at] == escape && quote == '"' && at + 1 < len ? 2 : 1;
	return at < len ? at + 1 : len;
}

size_t ch_df_word_end(const struct ch_df_parser *p, size_t at)
{
	const char *text = p->line->text;
	size_t len = p->line->len;

	while (at < len && !ch_df_is_blank(text[at])) {
		if (text[at] == '\'' || text[at] == '"')
			at = skip_quoted(text, len, at, p->df->escape);
		else
			at += text[at] == p->df->escape && at + 1 < len ? 2 : 1;
	}
	return at;
}

int ch_df_make_word(struct ch_df_parser *p, size_t from, size_t to, struct ch_df_word *ret_word)
{
	*ret_word = (struct ch_df_word){
		.text = ch_df_copy(&p->df->arena, p->line->text + from, to - from),
		.line = p->line,
		.at = from,
	};
	return ret_word->text ? 0 : ch_df_nomem(p->err);
}

int ch_df_add_word(struct ch_df_parser *p, size_t from, size_t to, struct ch_df_word **words,
		   size_t *n)
{
	*words = ch_df_grow(&p->df->arena, *words, *n, sizeof(**words));
	if (!*words)
		return ch_df_nomem(p->err);

	int rc = ch_df_make_word(p, from, to, &(*words)[*n]);

	if (rc == 0)
		++*n;
	return rc;
}

int ch_df_split(struct ch_df_parser *p, size_t at, struct ch_df_instr *instr)
{
	int rc = 0;

	for (at = ch_df_skip_blanks(p->line, at); rc == 0 && at < p->line->len;) {
		size_t end = ch_df_word_end(p, at);

		rc = ch_df_add_word(p, at, end, &instr->words, &instr->nwords);
		at = ch_df_skip_blanks(p->line, end);
	}
	return rc;
}

/* Within double quotes, the escape character is one only in front of these. */
static bool is_escapable(char c, char escape)
{
	return c == '"' || c == '$' || c == escape;
}

char *ch_df_unquote(struct ch_df_parser *p, const char *text, size_t len)
{
	char *out = ch_df_alloc(&p->df->arena, len + 1);
	char quote = 0, escape = p->df->escape;
	size_t n = 0;

	for (size_t i = 0; out && i < len; i++) {
		char c = text[i];

		if (quote ? c == quote : c == '\'' || c == '"') {
			quote = quote ? 0 : c;
			continue;
		}
		if (c == escape && quote != '\'' && i + 1 < len &&
		    (!quote || is_escapable(text[i + 1], escape)))
			c = text[++i];
		out[n++] = c;
	}
	return out;
}
