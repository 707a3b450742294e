/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/auto.h"
#include "dockerfile/err.h"
#include "dockerfile/parser.h"

/* Which stage INSTR belongs to; is it where it may be? */
static int place(struct ch_df_parser *p, struct ch_df_instr *instr)
{
	struct ch_dockerfile *df = p->df;

	if (instr->kind == CH_DF_FROM) {
		df->nstages++;
	} else if (df->nstages == 0) {
		if (instr->kind != CH_DF_ARG)
			return ch_df_bad(p, instr->at,
					 "%s in front of the first FROM: only ARG can "
					 "be there",
					 ch_df_keyword(instr->kind));
		instr->is_global = true;
	}
	instr->stage = df->nstages ? df->nstages - 1 : 0;
	if (instr->trigger)
		instr->trigger->stage = instr->stage;
	return 0;
}

/* Said at the end of the text. */
static int nothing_to_build(struct ch_df_parser *p)
{
	size_t end = p->df->len;

	while (end && (p->df->source[end - 1] == '\n' || p->df->source[end - 1] == '\r'))
		end--;
	return ch_df_bad_at(p->df, end, p->err, -EINVAL, "no %s in this Dockerfile",
			    p->df->n ? "FROM" : "instructions");
}

static int parse_all(struct ch_df_parser *p)
{
	struct ch_dockerfile *df = p->df;
	int rc;

	while ((rc = ch_df_next_line(p)) > 0) {
		struct ch_df_instr instr = { 0 };

		rc = ch_df_instr(p, 0, &instr);
		if (rc == 0)
			rc = place(p, &instr);
		if (rc < 0)
			return rc;
		df->instrs = ch_df_grow(&df->arena, df->instrs, df->n, sizeof(instr));
		if (!df->instrs)
			return ch_df_nomem(p->err);
		df->instrs[df->n++] = instr;
	}
	return rc < 0 || df->nstages ? rc : nothing_to_build(p);
}

/* Take over the text, which may begin with a mark of UTF-8. */
static int take_text(struct ch_dockerfile *df, const char *text, size_t len, struct ch_df_err *err)
{
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
		len -= 3;
	}
	if (len > CH_DF_MAX) {
		*err = (struct ch_df_err){ .code = -EFBIG, .msg = "larger than 4 MiB" };
		return err->code;
	}
	df->source = ch_df_copy(&df->arena, text, len);
	if (!df->source)
		return ch_df_nomem(err);
	df->len = len;

	int rc = ch_df_index_lines(df, err);
	const char *nul = memchr(df->source, '\0', len);

	if (rc == 0 && nul)
		rc = ch_df_bad_at(df, (size_t)(nul - df->source), err, -EINVAL,
				  "a NUL byte: this is no text");
	return rc;
}

int ch_dockerfile_parse(const char *text, size_t len, struct ch_dockerfile *ret_df,
			struct ch_df_err *err)
{
	ch_auto(dockerfile) struct ch_dockerfile df = { .escape = '\\' };
	struct ch_df_parser parser = { .df = &df, .err = err };
	int rc = take_text(&df, text, len, err);

	if (rc == 0)
		rc = ch_df_directives(&parser);
	if (rc == 0)
		rc = parse_all(&parser);
	if (rc == 0)
		*ret_df = ch_take(df);
	return rc;
}

void ch_dockerfile_done(struct ch_dockerfile *df)
{
	ch_df_arena_done(&df->arena);
	*df = (struct ch_dockerfile){ 0 };
}

int ch_df_stage(const struct ch_dockerfile *df, const char *name, unsigned before)
{
	size_t digits = strspn(name, "0123456789");
	int found = -1;

	if (before > df->nstages)
		before = df->nstages;
	/* Names begin with a letter. */
	if (digits && !name[digits]) {
		unsigned long number = digits < 10 ? strtoul(name, NULL, 10) : before;

		return number < before ? (int)number : -1;
	}
	for (size_t i = 0; i < df->n; i++) {
		const struct ch_df_instr *instr = &df->instrs[i];

		if (instr->as && instr->stage < before && strcasecmp(instr->as, name) == 0)
			found = (int)instr->stage;
	}
	return found;
}
