/* SPDX-License-Identifier: Apache-2.0 */
/* parser.h - what the parts of the parser share; private to this folder
 *
 * lines.c makes logical lines of the text, parse.c goes through them, instr.c and its helpers
 * take one apart. Everything is allocated in the arena of the tree. */
#ifndef CH_DOCKERFILE_PARSER_H
#define CH_DOCKERFILE_PARSER_H

#include "dockerfile/dockerfile.h"

/* From byte AT of a logical line on, it is what the source has from byte SOURCE on. */
struct ch_df_seg {
	size_t at, source;
};

/* A logical line: continued lines joined, comments in between removed. */
struct ch_df_line {
	const char *text;
	size_t len;
	struct ch_df_seg *segs; /* in order; the first one is at 0 */
	size_t nsegs;
};

struct ch_df_parser {
	struct ch_dockerfile *df;
	struct ch_df_err *err;
	size_t next;		       /* in the source: the next line to read */
	const struct ch_df_line *line; /* the current one */
};

/* ---- lines.c ---- */

/* Find the beginnings of lines. */
int ch_df_index_lines(struct ch_dockerfile *df, struct ch_df_err *err);

/* The physical line at *OFFSET of the source, without its end. *OFFSET moves to the next. */
const char *ch_df_physical(const struct ch_dockerfile *df, size_t *offset, size_t *ret_len);

/* The next logical line becomes the parser's current one. Returns 1, 0 at the end of the
 * text, or a negative errno. */
int ch_df_next_line(struct ch_df_parser *p);

/* Read directives, which may be at the beginning only. */
int ch_df_directives(struct ch_df_parser *p);

/* Where a byte of the source is. */
struct ch_df_pos ch_df_pos_of(const struct ch_dockerfile *df, size_t offset);

/* Byte of the source of byte AT of LINE. */
size_t ch_df_source_of(const struct ch_df_line *line, size_t at);

/* ---- failing ---- */

/* Set the error to a message about byte AT of the current line. Returns -EINVAL. */
int ch_df_bad(struct ch_df_parser *p, size_t at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The same about a byte of the source. */
int ch_df_bad_at(const struct ch_dockerfile *df, size_t source, struct ch_df_err *err, int code,
		 const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* Out of memory. Returns -ENOMEM. */
int ch_df_nomem(struct ch_df_err *err);

/* ---- words.c ---- */

static inline bool ch_df_is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\v' || c == '\f' || c == '\r';
}

/* AT, or the first byte behind it that is not blank. */
size_t ch_df_skip_blanks(const struct ch_df_line *line, size_t at);

/* Behind the word of the current line that begins at AT: blanks within quotes, and after the
 * escape character, are part of it. */
size_t ch_df_word_end(const struct ch_df_parser *p, size_t at);

/* Bytes FROM to TO of the current line. */
int ch_df_make_word(struct ch_df_parser *p, size_t from, size_t to, struct ch_df_word *ret_word);

/* The same, added to an array. */
int ch_df_add_word(struct ch_df_parser *p, size_t from, size_t to, struct ch_df_word **words,
		   size_t *n);

/* All words of the current line from AT on, into INSTR. */
int ch_df_split(struct ch_df_parser *p, size_t at, struct ch_df_instr *instr);

/* LEN bytes of TEXT without quotes and escapes; no variable is replaced. malloc'ed in the
 * arena; NULL if memory is short. */
char *ch_df_unquote(struct ch_df_parser *p, const char *text, size_t len);

/* ---- json.c ---- */

/* Is there a JSON array from AT on, and nothing behind it? Then it becomes INSTR's words.
 * Returns 1, 0 if it is something else, or a negative errno: also if there are things other
 * than strings in it. */
int ch_df_json(struct ch_df_parser *p, size_t at, struct ch_df_instr *instr);

/* ---- flags.c, mount.c, heredoc.c, instr.c ---- */

/* Flags of INSTR from *AT on, which moves behind them. */
int ch_df_flags(struct ch_df_parser *p, size_t *at, struct ch_df_instr *instr);

/* Understand FLAG, which is "--mount". */
int ch_df_mount(struct ch_df_parser *p, const struct ch_df_flag *flag, struct ch_df_mount *ret);

/* Here-documents of INSTR, whose words begin at AT: their bodies are read. */
int ch_df_heredocs(struct ch_df_parser *p, size_t at, struct ch_df_instr *instr);

/* The instruction in the current line, from AT on. */
int ch_df_instr(struct ch_df_parser *p, size_t at, struct ch_df_instr *ret);

/* ---- names.c ---- */

bool ch_df_find_keyword(const char *name, enum ch_df_kind *ret_kind);

/* That of NAMES (NULL: the end) which NAME was probably meant to be, in any case, or NULL. */
const char *ch_df_guess(const char *name, const char *const *names);

/* The same, of all instructions. */
const char *ch_df_guess_keyword(const char *name);

#endif
