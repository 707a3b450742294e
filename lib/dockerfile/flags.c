/* SPDX-License-Identifier: Apache-2.0 */
/* Flags: "--NAME" and "--NAME=VALUE", in front of everything else */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"
#include "dockerfile/parser.h"

enum form {
	VALUE,
	BOOL,
	DURATION,
	COUNT,
	MANY = 0x10, /* may be given several times */
};

static const struct rule {
	enum ch_df_kind kind;
	const char *name;
	unsigned form;
} rules[] = {
	{ CH_DF_ADD, "checksum", VALUE },
	{ CH_DF_ADD, "chmod", VALUE },
	{ CH_DF_ADD, "chown", VALUE },
	{ CH_DF_ADD, "exclude", VALUE | MANY },
	{ CH_DF_ADD, "keep-git-dir", BOOL },
	{ CH_DF_ADD, "link", BOOL },
	{ CH_DF_ADD, "unpack", BOOL },
	{ CH_DF_COPY, "chmod", VALUE },
	{ CH_DF_COPY, "chown", VALUE },
	{ CH_DF_COPY, "exclude", VALUE | MANY },
	{ CH_DF_COPY, "from", VALUE },
	{ CH_DF_COPY, "link", BOOL },
	{ CH_DF_COPY, "parents", BOOL },
	{ CH_DF_FROM, "arg", VALUE | MANY },
	{ CH_DF_FROM, "platform", VALUE },
	{ CH_DF_HEALTHCHECK, "interval", DURATION },
	{ CH_DF_HEALTHCHECK, "retries", COUNT },
	{ CH_DF_HEALTHCHECK, "start-interval", DURATION },
	{ CH_DF_HEALTHCHECK, "start-period", DURATION },
	{ CH_DF_HEALTHCHECK, "timeout", DURATION },
	{ CH_DF_RUN, "device", VALUE | MANY },
	{ CH_DF_RUN, "mount", VALUE | MANY },
	{ CH_DF_RUN, "network", VALUE },
	{ CH_DF_RUN, "security", VALUE },
};

#define N_RULES (sizeof(rules) / sizeof(rules[0]))

static const struct rule *find_rule(enum ch_df_kind kind, const char *name)
{
	for (size_t i = 0; i < N_RULES; i++)
		if (rules[i].kind == kind && strcmp(rules[i].name, name) == 0)
			return &rules[i];
	return NULL;
}

static int unknown(struct ch_df_parser *p, size_t at, enum ch_df_kind kind, const char *name)
{
	const char *names[N_RULES + 1];
	size_t n = 0;

	for (size_t i = 0; i < N_RULES; i++)
		if (rules[i].kind == kind)
			names[n++] = rules[i].name;
	names[n] = NULL;
	if (n == 0)
		return ch_df_bad(p, at, "%s takes no flags, such as '--%.40s'", ch_df_keyword(kind),
				 name);

	const char *guess = ch_df_guess(name, names);

	if (!guess)
		return ch_df_bad(p, at, "%s has no flag '--%.40s'", ch_df_keyword(kind), name);
	return ch_df_bad(p, at, "%s has no flag '--%.40s'; did you mean '--%s'?",
			 ch_df_keyword(kind), name, guess);
}

/* The number at *TEXT, which may have a fraction, times UNIT, which is known when it has been
 * read. */
static const struct unit {
	const char *name;
	int64_t ns;
} units[] = {
	{ "ns", 1 },	     { "us", 1000 },	   { "ms", 1000000 },
	{ "s", 1000000000 }, { "m", 60000000000 }, { "h", 3600000000000 },
};

static const struct unit *find_unit(const char *text, size_t len)
{
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strlen(units[i].name) == len && strncmp(units[i].name, text, len) == 0)
			return &units[i];
	return NULL;
}

/* "1.5h" at *TEXT, which moves behind it; added to *NS. */
static bool add_duration(const char **text, int64_t *ns)
{
	static const char digits[] = "0123456789";
	size_t whole = strspn(*text, digits);
	const char *dot = *text + whole;
	size_t part = *dot == '.' ? strspn(dot + 1, digits) : 0;
	const char *name = dot + (*dot == '.' ? 1 + part : 0);
	size_t len = strcspn(name, "0123456789.");
	const struct unit *unit = find_unit(name, len);
	int64_t sum = 0, fraction = 0, scale;

	if (!unit || whole + part == 0)
		return false;
	for (size_t i = 0; i < whole; i++)
		if (__builtin_mul_overflow(sum, 10, &sum) ||
		    __builtin_add_overflow(sum, (*text)[i] - '0', &sum))
			return false;
	scale = unit->ns;
	for (size_t i = 0; i < part && scale >= 10; i++) {
		scale /= 10;
		fraction += (dot[1 + i] - '0') * scale;
	}
	if (__builtin_mul_overflow(sum, unit->ns, &sum) ||
	    __builtin_add_overflow(sum, fraction, &sum) || __builtin_add_overflow(*ns, sum, ns))
		return false;
	*text = name + len;
	return true;
}

int ch_df_duration(const char *text, int64_t *ret_ns)
{
	int64_t ns = 0;

	if (!*text)
		return -EINVAL;
	if (strcmp(text, "0") != 0)
		while (*text)
			if (!add_duration(&text, &ns))
				return -EINVAL;
	*ret_ns = ns;
	return 0;
}

/* Is FLAG's value what RULE wants? Values that may have variables are not looked at. */
static int check_value(struct ch_df_parser *p, const struct rule *rule,
		       const struct ch_df_flag *flag)
{
	const char *value = flag->value.text;
	size_t at = flag->value.at;
	int64_t ns;
	uint32_t number;
	struct ch_err ignored;

	switch (rule->form & ~(unsigned)MANY) {
	case BOOL:
		if (flag->has_value && strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
			return ch_df_bad(p, at, "--%s is true or false, not '%.40s'", rule->name,
					 value);
		return 0;
	case DURATION:
		if (ch_df_duration(value, &ns) < 0)
			return ch_df_bad(p, at, "--%s is a time, such as 30s or 1m30s, not '%.40s'",
					 rule->name, value);
		return 0;
	case COUNT:
		if (ch_text_u32(value, rule->name, 0, INT_MAX, &number, &ignored) < 0)
			return ch_df_bad(p, at, "--%s is a number, not '%.40s'", rule->name, value);
		return 0;
	default:
		return 0;
	}
}

/* The flag in bytes AT to END of the line. */
static int add_flag(struct ch_df_parser *p, size_t at, size_t end, struct ch_df_instr *instr)
{
	struct ch_df_flag flag = { 0 };
	const char *text = p->line->text + at + 2;
	const char *equals = memchr(text, '=', end - at - 2);
	size_t name_len = equals ? (size_t)(equals - text) : end - at - 2;

	flag.name = ch_df_copy(&p->df->arena, text, name_len);
	if (!flag.name)
		return ch_df_nomem(p->err);
	flag.has_value = equals != NULL;

	const struct rule *rule = find_rule(instr->kind, flag.name);
	int rc = ch_df_make_word(p, equals ? at + 2 + name_len + 1 : end, end, &flag.value);

	if (rc < 0)
		return rc;
	if (!rule)
		return unknown(p, at, instr->kind, flag.name);
	if (!(rule->form & MANY) && ch_df_flag(instr, flag.name))
		return ch_df_bad(p, at, "--%s is given twice", flag.name);
	if (rule->form != BOOL && !*flag.value.text)
		return ch_df_bad(p, at, "--%s needs a value: --%s=...", flag.name, flag.name);
	rc = check_value(p, rule, &flag);
	if (rc < 0)
		return rc;
	instr->flags = ch_df_grow(&p->df->arena, instr->flags, instr->nflags, sizeof(flag));
	if (!instr->flags)
		return ch_df_nomem(p->err);
	instr->flags[instr->nflags++] = flag;
	return 0;
}

int ch_df_flags(struct ch_df_parser *p, size_t *at, struct ch_df_instr *instr)
{
	const char *text = p->line->text;
	int rc = 0;

	*at = ch_df_skip_blanks(p->line, *at);
	while (rc == 0 && text[*at] == '-' && text[*at + 1] == '-') {
		size_t start = *at, end = ch_df_word_end(p, start);

		*at = ch_df_skip_blanks(p->line, end);
		if (end == start + 2) /* "--": no more flags */
			break;
		rc = add_flag(p, start, end, instr);
	}
	return rc;
}

const struct ch_df_flag *ch_df_flag(const struct ch_df_instr *instr, const char *name)
{
	for (size_t i = instr->nflags; i-- > 0;)
		if (strcmp(instr->flags[i].name, name) == 0)
			return &instr->flags[i];
	return NULL;
}

bool ch_df_flag_is_on(const struct ch_df_instr *instr, const char *name)
{
	const struct ch_df_flag *flag = ch_df_flag(instr, name);

	return flag && (!flag->has_value || strcmp(flag->value.text, "true") == 0);
}
