/* SPDX-License-Identifier: Apache-2.0 */
/* One instruction: keyword, flags, and arguments in the form that the keyword has */
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/auto.h"
#include "base/buf.h"
#include "dockerfile/parser.h"

/* Nothing behind the flags? Then what is missing is said. */
static int need_arguments(struct ch_df_parser *p, size_t at, const struct ch_df_instr *instr,
			  const char *what)
{
	if (at < p->line->len)
		return 0;
	return ch_df_bad(p, p->line->len, "%s needs %s", ch_df_keyword(instr->kind), what);
}

static int take_rest(struct ch_df_parser *p, size_t at, struct ch_df_instr *instr)
{
	return ch_df_make_word(p, at, p->line->len, &instr->rest);
}

static int parse_text(struct ch_df_parser *p, size_t at, struct ch_df_instr *instr)
{
	int rc = need_arguments(p, at, instr, "an argument");

	return rc < 0 ? rc : take_rest(p, at, instr);
}

/* A command: JSON, or all that is there. */
static int parse_command(struct ch_df_parser *p, size_t at, struct ch_df_instr *instr)
{
	int rc = need_arguments(p, at, instr, "a command");

	if (rc == 0)
		rc = ch_df_json(p, at, instr);
	if (rc < 0)
		return rc;
	/* An empty list cancels what is inherited, where there is something to inherit. */
	if (instr->is_json && instr->nwords == 0 && instr->kind != CH_DF_CMD &&
	    instr->kind != CH_DF_ENTRYPOINT)
		return ch_df_bad(p, at, "%s needs a command", ch_df_keyword(instr->kind));
	return take_rest(p, at, instr);
}

static int parse_run(struct ch_df_parser *p, size_t at, struct ch_df_instr *instr)
{
	int rc = parse_command(p, at, instr);

	if (rc == 0 && !instr->is_json)
		rc = ch_df_heredocs(p, at, instr);
	for (size_t i = 0; rc == 0 && i < instr->nflags; i++) {
		struct ch_df_mount mount;

		if (strcmp(instr->flags[i].name, "mount") != 0)
			continue;
		rc = ch_df_mount(p, &instr->flags[i], &mount);
		if (rc < 0)
			break;
		instr->mounts = ch_df_grow(&p->df->arena, instr->mounts, instr->nmounts,
					   sizeof(mount));
		if (!instr->mounts)
			return ch_df_nomem(p->err);
		instr->mounts[instr->nmounts++] = mount;
	}
	return rc;
}

static int parse_shell(struct ch_df_parser *p, size_t at, struct ch_df_instr *instr)
{
	int rc = parse_command(p, at, instr);

	if (rc == 0 && !instr->is_json)
		return ch_df_bad(p, at, "SHELL needs JSON form: SHELL [\"/bin/sh\", \"-c\"]");
	return rc;
}

/* Items: JSON, or words. */
static int parse_items(struct ch_df_parser *p, size_t at, struct ch_df_instr *instr)
{
	int rc = need_arguments(p, at, instr, "an argument");

	if (rc == 0 && instr->kind != CH_DF_EXPOSE)
		rc = ch_df_json(p, at, instr);
	if (rc == 0)
		rc = ch_df_split(p, at, instr);
	if (rc >= 0 && instr->nwords == 0)
		return ch_df_bad(p, at, "%s needs an argument", ch_df_keyword(instr->kind));
	return rc < 0 ? rc : take_rest(p, at, instr);
}

static int need_destination(struct ch_df_parser *p, size_t at, const struct ch_df_instr *instr)
{
	if (instr->nwords >= 2)
		return 0;
	return ch_df_bad(p, instr->nwords ? p->line->len : at, "%s needs %s",
			 ch_df_keyword(instr->kind),
			 instr->nwords ? "a destination" : "sources and a destination");
}

static int parse_copy(struct ch_df_parser *p, size_t at, struct ch_df_instr *instr)
{
	int rc = ch_df_json(p, at, instr);

	if (rc == 0)
		rc = ch_df_split(p, at, instr);
	if (rc >= 0)
		rc = need_destination(p, at, instr);
	if (rc == 0)
		rc = take_rest(p, at, instr);
	if (rc == 0 && !instr->is_json)
		rc = ch_df_heredocs(p, at, instr);
	if (rc == 0 && ch_df_heredoc_of(instr, &instr->words[instr->nwords - 1]))
		return ch_df_bad(p, instr->words[instr->nwords - 1].at,
				 "the destination of %s is no here-document",
				 ch_df_keyword(instr->kind));
	return rc;
}

/* ---- RSYNC ---- */

/* "+" with letters, of which each is a group of options; "-" or "--" is for the copying to
 * understand, but for what cannot work in a build. */
static int check_option(struct ch_df_parser *p, const struct ch_df_word *word)
{
	static const char *const refused[] = { "--dry-run", "--remove-source-files", "--daemon",
					       "--rsh" };
	const char *text = word->text;

	if (text[0] == '+' && (!text[1] || text[1 + strspn(text + 1, "mluz")]))
		return ch_df_bad(p, word->at,
				 "RSYNC: unknown option '%.40s': + is followed by m, "
				 "l, u or z",
				 text);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (strcmp(text, refused[i]) == 0)
			return ch_df_bad(p, word->at,
					 "RSYNC: option '%s' cannot be used in a build", text);
	if (text[0] == '-' && text[1] != '-') {
		if (!text[1])
			return ch_df_bad(p, word->at, "RSYNC: '-' is no option");
		if (strchr(text, 'n') && !strchr(text, '='))
			return ch_df_bad(p, word->at,
					 "RSYNC: option '-n' cannot be used in a build");
	}
	return 0;
}

/* HOST:PATH and the like: a colon in front of any slash. */
static bool is_remote(const char *source)
{
	return source[strcspn(source, ":/")] == ':';
}

static int parse_rsync(struct ch_df_parser *p, size_t at, struct ch_df_instr *instr)
{
	const char *text = p->line->text;
	int rc = 0;

	while (rc == 0 && (text[at] == '-' || text[at] == '+')) {
		size_t end = ch_df_word_end(p, at);
		bool is_last = end == at + 2 && text[at] == '-' && text[at + 1] == '-';

		if (!is_last)
			rc = ch_df_add_word(p, at, end, &instr->options, &instr->noptions);
		if (rc == 0 && !is_last)
			rc = check_option(p, &instr->options[instr->noptions - 1]);
		at = ch_df_skip_blanks(p->line, end);
		if (is_last)
			break;
	}
	if (rc == 0)
		rc = ch_df_split(p, at, instr);
	if (rc == 0)
		rc = need_destination(p, at, instr);
	for (size_t i = 0; rc == 0 && i < instr->nwords; i++)
		if (is_remote(instr->words[i].text))
			rc = ch_df_bad(p, instr->words[i].at,
				       "RSYNC copies from the context only, not from another host");
	return rc < 0 ? rc : take_rest(p, at, instr);
}

/* ---- NAME=VALUE ---- */

/* Bytes FROM to TO of the line are NAME=VALUE, or NAME if EQUALS is TO. */
static int add_pair(struct ch_df_parser *p, size_t from, size_t equals, size_t to,
		    struct ch_df_instr *instr)
{
	struct ch_df_pair pair = { .has_value = equals < to };
	int rc = ch_df_make_word(p, from, equals, &pair.name);

	if (equals == from)
		return ch_df_bad(p, from, "%s needs a name in front of '='",
				 ch_df_keyword(instr->kind));
	if (rc == 0)
		rc = ch_df_make_word(p, equals < to ? equals + 1 : to, to, &pair.value);
	if (rc < 0)
		return rc;
	instr->pairs = ch_df_grow(&p->df->arena, instr->pairs, instr->npairs, sizeof(pair));
	if (!instr->pairs)
		return ch_df_nomem(p->err);
	instr->pairs[instr->npairs++] = pair;
	return 0;
}

static size_t find_equals(const struct ch_df_parser *p, size_t from, size_t to)
{
	const char *found = memchr(p->line->text + from, '=', to - from);

	return found ? (size_t)(found - p->line->text) : to;
}

/* ENV NAME VALUE, the old form: all that follows is the value. */
static int parse_old_pair(struct ch_df_parser *p, size_t at, size_t end, struct ch_df_instr *instr)
{
	size_t value = ch_df_skip_blanks(p->line, end);

	if (value == p->line->len)
		return ch_df_bad(p, value, "%s needs a value: %s NAME=VALUE",
				 ch_df_keyword(instr->kind), ch_df_keyword(instr->kind));

	int rc = add_pair(p, at, end, end, instr);

	if (rc == 0)
		rc = ch_df_make_word(p, value, p->line->len, &instr->pairs[0].value);
	if (rc == 0)
		instr->pairs[0].has_value = true;
	return rc;
}

static int parse_pairs(struct ch_df_parser *p, size_t at, struct ch_df_instr *instr)
{
	bool is_arg = instr->kind == CH_DF_ARG;
	int rc = need_arguments(p, at, instr, is_arg ? "a name" : "NAME=VALUE");
	size_t end = rc == 0 ? ch_df_word_end(p, at) : at;

	if (rc == 0 && !is_arg && find_equals(p, at, end) == end)
		return parse_old_pair(p, at, end, instr);
	while (rc == 0 && at < p->line->len) {
		end = ch_df_word_end(p, at);

		size_t equals = find_equals(p, at, end);

		if (equals == end && !is_arg)
			return ch_df_bad(p, at,
					 "%s needs NAME=VALUE, here is no '='; a value with "
					 "blanks needs quotes",
					 ch_df_keyword(instr->kind));
		rc = add_pair(p, at, equals, end, instr);
		at = ch_df_skip_blanks(p->line, end);
	}
	return rc;
}

/* ---- FROM, HEALTHCHECK, ONBUILD ---- */

static bool is_stage_name(const char *name)
{
	if (!isalpha((unsigned char)*name))
		return false;
	while (isalnum((unsigned char)*name) || (*name && strchr("-_.", *name)))
		name++;
	return !*name;
}

static int take_stage_name(struct ch_df_parser *p, struct ch_df_instr *instr)
{
	const struct ch_df_word *word = &instr->words[2];
	char *name = ch_df_copy(&p->df->arena, word->text, strlen(word->text));

	if (!name)
		return ch_df_nomem(p->err);
	if (!is_stage_name(name))
		return ch_df_bad(p, word->at,
				 "'%.40s' is no name for a stage: it is a letter, then "
				 "letters, digits, '-', '_' and '.'",
				 name);
	for (char *c = name; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	instr->as = name;
	instr->nwords = 1;
	return 0;
}

static int parse_from(struct ch_df_parser *p, size_t at, struct ch_df_instr *instr)
{
	int rc = need_arguments(p, at, instr, "an image");

	if (rc == 0)
		rc = ch_df_split(p, at, instr);
	if (rc == 0)
		rc = take_rest(p, at, instr);
	if (rc < 0 || instr->nwords == 1)
		return rc;
	if (strcasecmp(instr->words[1].text, "AS") != 0)
		return ch_df_bad(p, instr->words[1].at,
				 "FROM has one image, and perhaps AS and a name, not '%.40s'",
				 instr->words[1].text);
	if (instr->nwords == 2)
		return ch_df_bad(p, p->line->len, "FROM: a name is missing behind AS");
	if (instr->nwords > 3)
		return ch_df_bad(p, instr->words[3].at, "FROM: too many words behind the name");
	return take_stage_name(p, instr);
}

static int parse_healthcheck(struct ch_df_parser *p, size_t at, struct ch_df_instr *instr)
{
	const char *text = p->line->text + at;
	int rc = need_arguments(p, at, instr, "NONE, or CMD and a command");
	size_t end = rc == 0 ? ch_df_word_end(p, at) : at;
	size_t next = ch_df_skip_blanks(p->line, end);

	if (rc < 0)
		return rc;
	instr->is_none = end - at == 4 && strncasecmp(text, "NONE", 4) == 0;
	if (instr->is_none && next < p->line->len)
		return ch_df_bad(p, next, "HEALTHCHECK NONE has no arguments");
	if (instr->is_none)
		return 0;
	if (end - at != 3 || strncasecmp(text, "CMD", 3) != 0)
		return ch_df_bad(p, at, "HEALTHCHECK needs NONE, or CMD and a command");
	return parse_command(p, next, instr);
}

static int parse_onbuild(struct ch_df_parser *p, size_t at, struct ch_df_instr *instr)
{
	int rc = need_arguments(p, at, instr, "an instruction");

	if (rc < 0)
		return rc;
	instr->trigger = ch_df_alloc(&p->df->arena, sizeof(*instr->trigger));
	if (!instr->trigger)
		return ch_df_nomem(p->err);
	instr->trigger->kind = CH_DF_ONBUILD; /* says who asks */
	return ch_df_instr(p, at, instr->trigger);
}

static int (*const parsers[])(struct ch_df_parser *p, size_t at, struct ch_df_instr *instr) = {
	[CH_DF_ADD] = parse_copy,
	[CH_DF_ARG] = parse_pairs,
	[CH_DF_CMD] = parse_command,
	[CH_DF_COPY] = parse_copy,
	[CH_DF_ENTRYPOINT] = parse_command,
	[CH_DF_ENV] = parse_pairs,
	[CH_DF_EXPOSE] = parse_items,
	[CH_DF_FROM] = parse_from,
	[CH_DF_HEALTHCHECK] = parse_healthcheck,
	[CH_DF_LABEL] = parse_pairs,
	[CH_DF_MAINTAINER] = parse_text,
	[CH_DF_ONBUILD] = parse_onbuild,
	[CH_DF_RSYNC] = parse_rsync,
	[CH_DF_RUN] = parse_run,
	[CH_DF_SHELL] = parse_shell,
	[CH_DF_STOPSIGNAL] = parse_text,
	[CH_DF_USER] = parse_text,
	[CH_DF_VOLUME] = parse_items,
	[CH_DF_WORKDIR] = parse_text,
};

/* The keyword in bytes AT to END of the line. */
static int find_kind(struct ch_df_parser *p, size_t at, size_t end, enum ch_df_kind *ret_kind)
{
	char name[32];
	size_t len = end - at;

	memcpy(name, p->line->text + at, len < sizeof(name) ? len : sizeof(name) - 1);
	name[len < sizeof(name) ? len : sizeof(name) - 1] = '\0';
	if (len < sizeof(name) && ch_df_find_keyword(name, ret_kind))
		return 0;

	const char *guess = len < sizeof(name) ? ch_df_guess_keyword(name) : NULL;

	if (!guess)
		return ch_df_bad(p, at, "unknown instruction '%s'", name);
	return ch_df_bad(p, at, "unknown instruction '%s'; did you mean %s?", name, guess);
}

/* KEYWORD, if given, and what the line has from AT on. */
static int make_text(struct ch_df_parser *p, size_t at, const char *keyword, const char **ret_text)
{
	ch_auto(buf) struct ch_buf text = CH_BUF_INIT(CH_DF_MAX + 32);

	ch_buf_adds(&text, keyword);
	if (at < p->line->len)
		ch_buf_adds(&text, " ");
	ch_buf_add(&text, p->line->text + at, p->line->len - at);
	*ret_text = ch_buf_bad(&text) ? NULL : ch_df_copy(&p->df->arena, text.data, text.len);
	return *ret_text ? 0 : ch_df_nomem(p->err);
}

/* The text of ONBUILD has that of its instruction. */
static int make_onbuild_text(struct ch_df_parser *p, const struct ch_df_instr *trigger,
			     const char **ret_text)
{
	ch_auto(buf) struct ch_buf text = CH_BUF_INIT(CH_DF_MAX + 64);

	ch_buf_addf(&text, "ONBUILD %s", trigger->text);
	*ret_text = ch_buf_bad(&text) ? NULL : ch_df_copy(&p->df->arena, text.data, text.len);
	return *ret_text ? 0 : ch_df_nomem(p->err);
}

int ch_df_instr(struct ch_df_parser *p, size_t at, struct ch_df_instr *ret)
{
	bool is_trigger = ret->kind == CH_DF_ONBUILD;
	size_t end = at;

	while (end < p->line->len && !ch_df_is_blank(p->line->text[end]))
		end++;

	struct ch_df_instr instr = { .line = p->line, .at = at };
	int rc = find_kind(p, at, end, &instr.kind);

	if (rc < 0)
		return rc;
	if (is_trigger && (instr.kind == CH_DF_ONBUILD || instr.kind == CH_DF_FROM ||
			   instr.kind == CH_DF_MAINTAINER))
		return ch_df_bad(p, at, "%s cannot be behind ONBUILD", ch_df_keyword(instr.kind));
	instr.pos = ch_df_pos_of(p->df, ch_df_source_of(p->line, at));

	size_t args = ch_df_skip_blanks(p->line, end);

	rc = make_text(p, args, ch_df_keyword(instr.kind), &instr.text);
	/* RSYNC has options of its own; what follows ONBUILD has its own flags. */
	if (rc == 0 && instr.kind != CH_DF_RSYNC && instr.kind != CH_DF_ONBUILD)
		rc = ch_df_flags(p, &args, &instr);
	if (rc == 0)
		rc = parsers[instr.kind](p, args, &instr);
	if (rc == 0 && instr.trigger)
		rc = make_onbuild_text(p, instr.trigger, &instr.text);
	if (rc == 0)
		*ret = instr;
	return rc;
}
