/* SPDX-License-Identifier: Apache-2.0 */
/* Here-documents: words "<<NAME", whose bodies are in the lines that follow */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "dockerfile/parser.h"

/* Of a name in a command, what is in front of an operator of the shell. */
static const char *shell_end(const struct ch_df_parser *p, const char *c, const char *stop)
{
	char quote = 0;

	for (; c < stop; c++) {
		if (*c == p->df->escape && quote != '\'' && c + 1 < stop)
			c++;
		else if (*c == quote)
			quote = 0;
		else if (!quote && (*c == '\'' || *c == '"'))
			quote = *c;
		else if (!quote && strchr(";&|<>()", *c))
			return c;
	}
	return stop;
}

/* Bytes AT to END of the line: "[N]<<NAME", "[N]<<-NAME"? NAME is without quotes then, and
 * literal if it had some. Returns 1, 0: no, or -ENOMEM. */
static int read_word(struct ch_df_parser *p, size_t at, size_t end, bool is_command,
		     struct ch_df_heredoc *ret)
{
	const char *text = p->line->text, *stop = text + end, *c = text + at;

	while (c < stop && isdigit((unsigned char)*c))
		c++;
	if (stop - c < 3 || c[0] != '<' || c[1] != '<')
		return 0;
	c += 2;
	ret->is_chomped = *c == '-';
	c += ret->is_chomped;
	if (is_command)
		stop = shell_end(p, c, stop);
	if (c == stop || memchr(c, '<', (size_t)(stop - c)))
		return 0;

	char *name = ch_df_unquote(p, c, (size_t)(stop - c));

	if (!name)
		return ch_df_nomem(p->err);
	ret->name = name;
	ret->at = at;
	ret->end = (size_t)(stop - text);
	ret->is_literal = strlen(name) != (size_t)(stop - c);
	return *name != '\0';
}

static size_t count_tabs(const char *line, size_t len)
{
	size_t n = 0;

	while (n < len && line[n] == '\t')
		n++;
	return n;
}

/* Where the body that begins at START ends; the parser moves behind the last line. */
static int find_end(struct ch_df_parser *p, const struct ch_df_heredoc *doc, size_t *ret_end)
{
	size_t name_len = strlen(doc->name);

	while (p->next < p->df->len) {
		size_t start = p->next, len = 0;
		const char *line = ch_df_physical(p->df, &p->next, &len);
		size_t tabs = doc->is_chomped ? count_tabs(line, len) : 0;

		if (len - tabs == name_len && memcmp(line + tabs, doc->name, name_len) == 0) {
			*ret_end = start;
			return 0;
		}
	}
	return ch_df_bad(p, doc->at, "here-document '%.40s' has no end: there is no such line",
			 doc->name);
}

/* TEXT without the tabs at the beginnings of its lines. */
static char *chomp(struct ch_df_parser *p, const char *text)
{
	char *out = ch_df_alloc(&p->df->arena, strlen(text) + 1);
	bool is_start = true;
	size_t n = 0;

	for (; out && *text; text++) {
		if (is_start && *text == '\t')
			continue;
		is_start = *text == '\n';
		out[n++] = *text;
	}
	return out;
}

static int read_body(struct ch_df_parser *p, struct ch_df_heredoc *doc)
{
	size_t start = p->next, end = start;
	int rc = find_end(p, doc, &end);
	struct ch_df_line *line = rc < 0 ? NULL : ch_df_alloc(&p->df->arena, sizeof(*line));
	struct ch_df_seg *seg = line ? ch_df_alloc(&p->df->arena, sizeof(*seg)) : NULL;

	if (rc < 0)
		return rc;
	if (!seg)
		return ch_df_nomem(p->err);
	seg->source = start;
	*line = (struct ch_df_line){
		.text = ch_df_copy(&p->df->arena, p->df->source + start, end - start),
		.len = end - start,
		.segs = seg,
		.nsegs = 1,
	};
	doc->written = line->text;
	doc->body = (struct ch_df_word){
		.text = line->text && doc->is_chomped ? chomp(p, line->text) : line->text,
		.line = line,
		.is_raw = true,
		.is_moved = doc->is_chomped,
	};
	return doc->body.text ? 0 : ch_df_nomem(p->err);
}

int ch_df_heredocs(struct ch_df_parser *p, size_t at, struct ch_df_instr *instr)
{
	int rc = 0;

	while (rc == 0 && at < p->line->len) {
		struct ch_df_heredoc doc = { 0 };
		size_t end = ch_df_word_end(p, at);

		rc = read_word(p, at, end, instr->kind == CH_DF_RUN, &doc);
		at = ch_df_skip_blanks(p->line, end);
		if (rc <= 0)
			continue;
		rc = read_body(p, &doc);
		instr->heredocs = rc < 0 ? NULL
					 : ch_df_grow(&p->df->arena, instr->heredocs,
						      instr->nheredocs, sizeof(doc));
		if (rc == 0 && !instr->heredocs)
			rc = ch_df_nomem(p->err);
		if (rc == 0)
			instr->heredocs[instr->nheredocs++] = doc;
	}
	return rc;
}

const struct ch_df_heredoc *ch_df_heredoc_of(const struct ch_df_instr *instr,
					     const struct ch_df_word *word)
{
	for (size_t i = 0; i < instr->nheredocs; i++)
		if (word->line == instr->line && word->at == instr->heredocs[i].at)
			return &instr->heredocs[i];
	return NULL;
}

bool ch_df_is_script(const struct ch_df_instr *run)
{
	/* Nothing but one word, which is the here-document's. */
	return run->nheredocs == 1 && run->heredocs[0].at == run->rest.at &&
	       run->heredocs[0].end == run->rest.at + strlen(run->rest.text);
}

static void add_all(const struct ch_df_instr *instr, struct ch_buf *out)
{
	for (size_t i = 0; i < instr->nheredocs; i++)
		ch_buf_addf(out, "\n%s%s", instr->heredocs[i].written, instr->heredocs[i].name);
}

int ch_df_run_script(const struct ch_df_instr *run, char **ret_script, struct ch_err *err)
{
	ch_auto(buf) struct ch_buf script = CH_BUF_INIT(2 * CH_DF_MAX);

	if (ch_df_is_script(run)) {
		ch_buf_adds(&script, run->heredocs[0].body.text);
	} else {
		ch_buf_adds(&script, run->rest.text);
		add_all(run, &script);
		if (run->nheredocs)
			ch_buf_adds(&script, "\n");
	}
	return ch_buf_take(&script, ret_script) < 0 ? ch_err_nomem(err) : 0;
}

void ch_df_key(const struct ch_df_instr *instr, struct ch_buf *out)
{
	const struct ch_df_instr *last = instr->trigger ? instr->trigger : instr;

	ch_buf_adds(out, instr->text);
	add_all(last, out);
}
