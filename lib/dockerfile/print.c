/* SPDX-License-Identifier: Apache-2.0 */
/* The tree as lines: "LINE:COLUMN KEYWORD", and below it, indented, what it has */
#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "dockerfile/dockerfile.h"

/* Is the character of LEN bytes at TEXT fit for a terminal? */
static bool is_printable(const char *text, size_t len)
{
	char copy[8] = { 0 };

	memcpy(copy, text, len);
	ch_text_one_line(copy);
	return memcmp(copy, text, len) == 0;
}

static void print_character(const char *text, size_t len, uint32_t c, struct ch_buf *out)
{
	if (len == 0)
		ch_buf_addf(out, "\\x%02x", (unsigned char)*text);
	else if (c == '\n')
		ch_buf_adds(out, "\\n");
	else if (c == '\t')
		ch_buf_adds(out, "\\t");
	else if (c == '"' || c == '\\')
		ch_buf_addf(out, "\\%c", (int)c);
	else if (is_printable(text, len))
		ch_buf_add(out, text, len);
	else
		ch_buf_addf(out, "\\u{%" PRIx32 "}", c);
}

/* TEXT in double quotes. */
static void print_text(const char *text, struct ch_buf *out)
{
	ch_buf_adds(out, "\"");
	while (*text) {
		uint32_t c = 0;
		size_t len = ch_text_character(text, &c);

		print_character(text, len, c, out);
		text += len ? len : 1;
	}
	ch_buf_adds(out, "\"");
}

static void print_item(const char *indent, const char *name, const char *text, struct ch_buf *out)
{
	if (!text)
		return;
	ch_buf_addf(out, "%s  %s ", indent, name);
	print_text(text, out);
	ch_buf_adds(out, "\n");
}

static void print_flags(const struct ch_df_instr *instr, const char *indent, struct ch_buf *out)
{
	for (size_t i = 0; i < instr->nflags; i++) {
		const struct ch_df_flag *flag = &instr->flags[i];

		if (strcmp(flag->name, "mount") == 0)
			continue;
		ch_buf_addf(out, "%s  --%s", indent, flag->name);
		if (flag->has_value) {
			ch_buf_adds(out, " ");
			print_text(flag->value.text, out);
		}
		ch_buf_adds(out, "\n");
	}
	for (size_t i = 0; i < instr->noptions; i++)
		print_item(indent, "option", instr->options[i].text, out);
}

static void print_number(const char *name, int64_t number, struct ch_buf *out)
{
	if (number >= 0)
		ch_buf_addf(out, " %s %" PRId64, name, number);
}

static void print_part(const char *name, const struct ch_df_word *word, struct ch_buf *out)
{
	if (!word->text)
		return;
	ch_buf_addf(out, " %s ", name);
	print_text(word->text, out);
}

static void print_mount(const struct ch_df_mount *m, const char *indent, struct ch_buf *out)
{
	static const char *const sharing[] = {
		[CH_DF_SHARED] = "shared",
		[CH_DF_PRIVATE] = "private",
		[CH_DF_LOCKED] = "locked",
	};

	ch_buf_addf(out, "%s  mount %s", indent, ch_df_mount_type_name(m->type));
	print_part("from", &m->from, out);
	print_part("source", &m->source, out);
	print_part("target", &m->target, out);
	print_part("id", &m->id, out);
	print_part("env", &m->env, out);
	if (m->type == CH_DF_MOUNT_CACHE)
		ch_buf_addf(out, " sharing %s", sharing[m->sharing]);
	if (m->type == CH_DF_MOUNT_CACHE || m->type == CH_DF_MOUNT_BIND)
		ch_buf_adds(out, m->is_ro ? " ro" : " rw");
	if (m->is_required)
		ch_buf_adds(out, " required");
	print_number("size", m->size, out);
	if (m->mode >= 0)
		ch_buf_addf(out, " mode %04o", (unsigned)m->mode);
	print_number("uid", m->uid, out);
	print_number("gid", m->gid, out);
	ch_buf_adds(out, "\n");
}

static void print_pairs(const struct ch_df_instr *instr, const char *indent, struct ch_buf *out)
{
	for (size_t i = 0; i < instr->npairs; i++) {
		const struct ch_df_pair *pair = &instr->pairs[i];

		ch_buf_addf(out, "%s  set ", indent);
		print_text(pair->name.text, out);
		if (pair->has_value) {
			ch_buf_adds(out, " ");
			print_text(pair->value.text, out);
		}
		ch_buf_adds(out, "\n");
	}
}

static void print_heredocs(const struct ch_df_instr *instr, const char *indent, struct ch_buf *out)
{
	for (size_t i = 0; i < instr->nheredocs; i++) {
		const struct ch_df_heredoc *doc = &instr->heredocs[i];

		ch_buf_addf(out, "%s  here-document ", indent);
		print_text(doc->name, out);
		ch_buf_addf(out, "%s ", doc->is_literal ? " literal" : "");
		print_text(doc->body.text, out);
		ch_buf_adds(out, "\n");
	}
}

/* What an instruction in neither form has as words or as one text. */
static void print_arguments(const struct ch_df_instr *instr, const char *indent, struct ch_buf *out)
{
	if (instr->kind == CH_DF_FROM) {
		print_item(indent, "image", instr->words[0].text, out);
		print_item(indent, "as", instr->as, out);
	} else if (instr->is_none) {
		ch_buf_addf(out, "%s  none\n", indent);
	} else if (instr->is_json) {
		ch_buf_addf(out, "%s  json\n", indent);
		for (size_t i = 0; i < instr->nwords; i++)
			print_item(indent, "item", instr->words[i].text, out);
	} else if (instr->nwords) {
		for (size_t i = 0; i < instr->nwords; i++)
			print_item(indent, "item", instr->words[i].text, out);
	} else {
		print_item(indent, "text", instr->rest.text, out);
	}
}

static void print_instr(const struct ch_df_instr *instr, const char *indent, struct ch_buf *out)
{
	ch_buf_addf(out, "%s%u:%u %s\n", indent, instr->pos.line, instr->pos.column,
		    ch_df_keyword(instr->kind));
	print_flags(instr, indent, out);
	for (size_t i = 0; i < instr->nmounts; i++)
		print_mount(&instr->mounts[i], indent, out);
	print_pairs(instr, indent, out);
	print_arguments(instr, indent, out);
	print_heredocs(instr, indent, out);
	if (instr->trigger)
		print_instr(instr->trigger, "  ", out);
}

static void print_directive(const char *name, const char *value, struct ch_buf *out)
{
	if (!value)
		return;
	ch_buf_addf(out, "%s ", name);
	print_text(value, out);
	ch_buf_adds(out, "\n");
}

void ch_dockerfile_print(const struct ch_dockerfile *df, struct ch_buf *out)
{
	if (df->escape != '\\')
		ch_buf_addf(out, "escape %c\n", df->escape);
	print_directive("syntax", df->syntax, out);
	print_directive("check", df->check, out);
	for (size_t i = 0; i < df->n; i++)
		print_instr(&df->instrs[i], "", out);
}
