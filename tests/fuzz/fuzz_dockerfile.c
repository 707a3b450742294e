/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_dockerfile - a Dockerfile: parsed, printed, all of its words expanded */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "dockerfile/err.h"
#include "dockerfile/subst.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *get(const char *name, void *data)
{
	static const char *const values[] = { "a.b/c*d", "", "'x' \"y\"" };

	(void)data;
	return name[0] >= 'a' && name[0] <= 'c' ? values[name[0] - 'a'] : NULL;
}

static void on_unset(const char *name, struct ch_df_pos pos, void *data)
{
	(void)data;
	if (!*name || !pos.line || !pos.column)
		abort();
}

/* An error must be shown in three lines, and its place be one of the text. */
static void show(const struct ch_df_err *err)
{
	ch_auto(buf) struct ch_buf out = CH_BUF_INIT(4096);

	ch_df_err_show(err, "Dockerfile", &out);
	if (ch_buf_bad(&out) || !err->code || err->caret > strlen(err->line))
		abort();

	int lines = 1;

	for (const char *c = out.data; *c; c++)
		lines += *c == '\n';
	if (lines != (err->pos.line ? 3 : 1))
		abort();
}

static void expand(const struct ch_dockerfile *df, const struct ch_df_word *word)
{
	const struct ch_df_vars vars = { .get = get, .unset = on_unset };
	ch_auto(str) char *text = NULL;
	struct ch_df_err err;

	if (!word->text)
		return;
	if (ch_df_expand(df, word, &vars, &text, &err) < 0)
		show(&err);
}

static void use(const struct ch_dockerfile *df, const struct ch_df_instr *instr)
{
	ch_auto(str) char *script = NULL;
	struct ch_err err;

	for (size_t i = 0; i < instr->nwords; i++) {
		expand(df, &instr->words[i]);
		(void)ch_df_heredoc_of(instr, &instr->words[i]);
	}
	for (size_t i = 0; i < instr->nflags; i++)
		expand(df, &instr->flags[i].value);
	for (size_t i = 0; i < instr->nmounts; i++)
		expand(df, &instr->mounts[i].target);
	for (size_t i = 0; i < instr->npairs; i++)
		expand(df, &instr->pairs[i].value);
	for (size_t i = 0; i < instr->nheredocs; i++)
		expand(df, &instr->heredocs[i].body);
	expand(df, &instr->rest);
	if (instr->kind == CH_DF_RUN && !instr->is_json)
		(void)ch_df_run_script(instr, &script, &err);
	if (instr->as && ch_df_stage(df, instr->as, df->nstages) < 0)
		abort();
	if (instr->trigger)
		use(df, instr->trigger);
}

/* ONBUILD keeps the text of its instruction, which whoever triggers it reads again. (By the usual
 * escape character, as Docker does.) */
static void read_again(const struct ch_df_instr *instr)
{
	ch_auto(dockerfile) struct ch_dockerfile df = { 0 };
	ch_auto(buf) struct ch_buf text = CH_BUF_INIT(CH_DF_MAX), again = CH_BUF_INIT(CH_DF_MAX);
	const char *from = "FROM a\n";
	struct ch_df_err err;

	ch_buf_adds(&text, from);
	ch_df_key(instr, &text);
	if (ch_buf_bad(&text))
		return;
	if (ch_dockerfile_parse(text.data, text.len, &df, &err) < 0 || df.n != 2)
		abort();
	ch_df_key(&df.instrs[1], &again);
	if (strcmp(text.data + strlen(from), again.data) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	ch_auto(dockerfile) struct ch_dockerfile df = { 0 };
	ch_auto(buf) struct ch_buf out = CH_BUF_INIT(64 << 20);
	struct ch_df_err err;

	if (ch_dockerfile_parse((const char *)data, size, &df, &err) < 0) {
		show(&err);
		return 0;
	}
	ch_dockerfile_print(&df, &out);
	for (size_t i = 0; i < df.n; i++) {
		use(&df, &df.instrs[i]);
		ch_df_key(&df.instrs[i], &out);
		if (df.escape == '\\' && df.instrs[i].kind != CH_DF_FROM && !df.instrs[i].is_global)
			read_again(&df.instrs[i]);
	}
	if (ch_buf_bad(&out) || !df.n || !df.nstages)
		abort();
	return 0;
}
