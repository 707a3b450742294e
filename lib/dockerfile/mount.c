/* SPDX-License-Identifier: Apache-2.0 */
/* RUN --mount=KEY=VALUE,KEY,... */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/text.h"
#include "dockerfile/parser.h"

enum key {
	KEY_TYPE,
	KEY_FROM,
	KEY_SOURCE,
	KEY_TARGET,
	KEY_ID,
	KEY_ENV,
	KEY_SHARING,
	KEY_RO,
	KEY_RW,
	KEY_REQUIRED,
	KEY_SIZE,
	KEY_MODE,
	KEY_UID,
	KEY_GID,
};

#define BIND   (1U << CH_DF_MOUNT_BIND)
#define CACHE  (1U << CH_DF_MOUNT_CACHE)
#define SECRET (1U << CH_DF_MOUNT_SECRET)
#define SSH    (1U << CH_DF_MOUNT_SSH)
#define TMPFS  (1U << CH_DF_MOUNT_TMPFS)
#define ALL    (BIND | CACHE | SECRET | SSH | TMPFS)

static const struct key_rule {
	const char *name;
	enum key key;
	unsigned types; /* that have it */
} key_rules[] = {
	{ "type", KEY_TYPE, ALL },
	{ "target", KEY_TARGET, ALL },
	{ "dst", KEY_TARGET, ALL },
	{ "destination", KEY_TARGET, ALL },
	{ "source", KEY_SOURCE, BIND | CACHE },
	{ "src", KEY_SOURCE, BIND | CACHE },
	{ "from", KEY_FROM, BIND | CACHE },
	{ "id", KEY_ID, CACHE | SECRET | SSH },
	{ "env", KEY_ENV, SECRET },
	{ "sharing", KEY_SHARING, CACHE },
	{ "ro", KEY_RO, BIND | CACHE },
	{ "readonly", KEY_RO, BIND | CACHE },
	{ "rw", KEY_RW, BIND | CACHE },
	{ "readwrite", KEY_RW, BIND | CACHE },
	{ "required", KEY_REQUIRED, SECRET | SSH },
	{ "size", KEY_SIZE, TMPFS },
	{ "mode", KEY_MODE, CACHE | SECRET | SSH },
	{ "uid", KEY_UID, CACHE | SECRET | SSH },
	{ "gid", KEY_GID, CACHE | SECRET | SSH },
};

#define N_KEYS (sizeof(key_rules) / sizeof(key_rules[0]))

static const char *const type_names[] = {
	[CH_DF_MOUNT_BIND] = "bind", [CH_DF_MOUNT_CACHE] = "cache", [CH_DF_MOUNT_SECRET] = "secret",
	[CH_DF_MOUNT_SSH] = "ssh",   [CH_DF_MOUNT_TMPFS] = "tmpfs", NULL,
};

static const char *const sharing_names[] = {
	[CH_DF_SHARED] = "shared",
	[CH_DF_PRIVATE] = "private",
	[CH_DF_LOCKED] = "locked",
	NULL,
};

const char *ch_df_mount_type_name(enum ch_df_mount_type type)
{
	return type_names[type];
}

/* "KEY" or "KEY=VALUE" */
struct field {
	const char *key;
	size_t at; /* of the key */
	struct ch_df_word value;
	bool has_value;
};

static int find_key(struct ch_df_parser *p, const struct field *field,
		    const struct key_rule **ret_rule)
{
	const char *names[N_KEYS + 1] = { NULL };

	for (size_t i = 0; i < N_KEYS; i++) {
		if (strcasecmp(key_rules[i].name, field->key) == 0) {
			*ret_rule = &key_rules[i];
			return 0;
		}
		names[i] = key_rules[i].name;
	}

	const char *guess = ch_df_guess(field->key, names);

	if (!guess)
		return ch_df_bad(p, field->at, "--mount has no key '%.40s'", field->key);
	return ch_df_bad(p, field->at, "--mount has no key '%.40s'; did you mean '%s'?", field->key,
			 guess);
}

/* The place of VALUE in NAMES becomes *RET. */
static int choose(struct ch_df_parser *p, const struct field *field, const char *const *names,
		  unsigned *ret)
{
	for (unsigned i = 0; names[i]; i++)
		if (strcasecmp(field->value.text, names[i]) == 0) {
			*ret = i;
			return 0;
		}

	const char *guess = ch_df_guess(field->value.text, names);

	if (!guess)
		return ch_df_bad(p, field->value.at, "--mount: unknown %s '%.40s'", field->key,
				 field->value.text);
	return ch_df_bad(p, field->value.at, "--mount: unknown %s '%.40s'; did you mean '%s'?",
			 field->key, field->value.text, guess);
}

static int get_bool(struct ch_df_parser *p, const struct field *field, bool *ret)
{
	const char *value = field->has_value ? field->value.text : "true";

	if (strcasecmp(value, "true") == 0 || strcmp(value, "1") == 0)
		*ret = true;
	else if (strcasecmp(value, "false") == 0 || strcmp(value, "0") == 0)
		*ret = false;
	else
		return ch_df_bad(p, field->value.at, "--mount: %s is true or false, not '%.40s'",
				 field->key, value);
	return 0;
}

static int get_mode(struct ch_df_parser *p, const struct field *field, int *ret)
{
	const char *value = field->value.text;
	size_t digits = strspn(value, "01234567");
	int mode = 0;

	if (!digits || digits > 5 || value[digits])
		return ch_df_bad(p, field->value.at, "--mount: mode is octal, not '%.40s'", value);
	for (; *value; value++)
		mode = mode * 8 + (*value - '0');
	*ret = mode;
	return 0;
}

static int get_id(struct ch_df_parser *p, const struct field *field, int64_t *ret)
{
	struct ch_err ignored;
	uint32_t id;

	if (ch_text_u32(field->value.text, field->key, 0, UINT32_MAX - 1, &id, &ignored) < 0)
		return ch_df_bad(p, field->value.at, "--mount: %s is a number, not '%.40s'",
				 field->key, field->value.text);
	*ret = id;
	return 0;
}

/* Bytes, or with k, m, g, t (also kb, kib). */
static int get_size(struct ch_df_parser *p, const struct field *field, int64_t *ret)
{
	static const char suffixes[] = "kmgt";
	const char *value = field->value.text;
	size_t digits = strspn(value, "0123456789");
	const char *end = value + digits;
	const char *suffix = *end ? strchr(suffixes, tolower((unsigned char)*end)) : NULL;
	int64_t size = 0;
	bool is_bad = !digits;

	for (size_t i = 0; i < digits; i++)
		is_bad |= __builtin_mul_overflow(size, 10, &size) ||
			  __builtin_add_overflow(size, value[i] - '0', &size);
	if (suffix) {
		is_bad |= __builtin_mul_overflow(size, (int64_t)1 << 10 * (suffix - suffixes + 1),
						 &size);
		end++;
	}
	if (*end && strcasecmp(end, "b") != 0 && (!suffix || strcasecmp(end, "ib") != 0))
		is_bad = true;
	if (is_bad)
		return ch_df_bad(p, field->value.at,
				 "--mount: size is a number of bytes, such as 64m, not '%.40s'",
				 value);
	*ret = size;
	return 0;
}

static int set_key(struct ch_df_parser *p, const struct field *field, enum key key,
		   struct ch_df_mount *m)
{
	unsigned choice = 0;
	bool yes = false;
	int rc = 0;

	switch (key) {
	case KEY_TYPE: /* has been read */
		break;
	case KEY_FROM:
		m->from = field->value;
		break;
	case KEY_SOURCE:
		m->source = field->value;
		break;
	case KEY_TARGET:
		m->target = field->value;
		break;
	case KEY_ID:
		m->id = field->value;
		break;
	case KEY_ENV:
		m->env = field->value;
		break;
	case KEY_SHARING:
		rc = choose(p, field, sharing_names, &choice);
		m->sharing = (enum ch_df_sharing)choice;
		break;
	case KEY_RO:
		rc = get_bool(p, field, &m->is_ro);
		break;
	case KEY_RW:
		rc = get_bool(p, field, &yes);
		m->is_ro = !yes;
		break;
	case KEY_REQUIRED:
		rc = get_bool(p, field, &m->is_required);
		break;
	case KEY_SIZE:
		rc = get_size(p, field, &m->size);
		break;
	case KEY_MODE:
		rc = get_mode(p, field, &m->mode);
		break;
	case KEY_UID:
		rc = get_id(p, field, &m->uid);
		break;
	case KEY_GID:
		rc = get_id(p, field, &m->gid);
		break;
	}
	return rc;
}

static bool is_switch(enum key key)
{
	return key == KEY_RO || key == KEY_RW || key == KEY_REQUIRED;
}

static int take_field(struct ch_df_parser *p, const struct field *field, struct ch_df_mount *m)
{
	const struct key_rule *rule = NULL;
	int rc = find_key(p, field, &rule);

	if (rc < 0)
		return rc;
	if (!(rule->types & (1U << m->type)))
		return ch_df_bad(p, field->at, "--mount: '%s' is not for type %s", rule->name,
				 type_names[m->type]);
	if (!is_switch(rule->key) && !*field->value.text)
		return ch_df_bad(p, field->at, "--mount: '%s' needs a value", rule->name);
	return set_key(p, field, rule->key, m);
}

/* The field at *AT of TEXT; *AT moves behind it and its comma. What begins with a double
 * quote is taken as it is, up to the next one. */
static int next_field(struct ch_df_parser *p, const struct ch_df_word *value, const char *text,
		      size_t *at, struct field *ret)
{
	bool is_moved = value->is_moved || text[*at] == '"';
	size_t start = *at + (text[*at] == '"'), end = start;

	if (start != *at) {
		end += strcspn(text + start, "\"");
		*at = end + (text[end] == '"');
		*at += strcspn(text + *at, ",");
	} else {
		end += strcspn(text + start, ",");
		*at = end;
	}
	*at += text[*at] == ',';

	const char *equals = memchr(text + start, '=', end - start);
	size_t key_end = equals ? (size_t)(equals - text) : end;
	size_t from = equals ? key_end + 1 : end;

	*ret = (struct field){
		.key = ch_df_copy(&p->df->arena, text + start, key_end - start),
		.at = value->at + (is_moved ? 0 : start),
		.has_value = equals,
		.value = { .text = ch_df_copy(&p->df->arena, text + from, end - from),
			   .line = value->line,
			   .at = value->at + (is_moved ? 0 : from),
			   .is_raw = is_moved,
			   .is_moved = is_moved },
	};
	return ret->key && ret->value.text ? 0 : ch_df_nomem(p->err);
}

static int check(struct ch_df_parser *p, const struct ch_df_flag *flag, const struct ch_df_mount *m)
{
	unsigned type = 1U << m->type;

	if (!m->target.text && (type & (BIND | CACHE | TMPFS)))
		return ch_df_bad(p, flag->value.at, "--mount: type %s needs a target",
				 type_names[m->type]);
	if (!m->target.text && !m->id.text && (type & SECRET))
		return ch_df_bad(p, flag->value.at, "--mount: type secret needs an id or a target");
	return 0;
}

/* Call TAKE or look for the type, for each field. */
static int each_field(struct ch_df_parser *p, const struct ch_df_word *value, const char *text,
		      bool is_type, struct ch_df_mount *m)
{
	struct field field;
	unsigned type = CH_DF_MOUNT_BIND;
	int rc = 0;

	for (size_t at = 0; rc == 0 && text[at];) {
		rc = next_field(p, value, text, &at, &field);
		if (rc == 0 && !is_type)
			rc = take_field(p, &field, m);
		else if (rc == 0 && strcasecmp(field.key, "type") == 0)
			rc = choose(p, &field, type_names, &type);
	}
	if (is_type)
		m->type = (enum ch_df_mount_type)type;
	return rc;
}

int ch_df_mount(struct ch_df_parser *p, const struct ch_df_flag *flag, struct ch_df_mount *ret)
{
	struct ch_df_word value = flag->value;
	const char *text = ch_df_unquote(p, value.text, strlen(value.text));
	struct ch_df_mount m = { .size = -1, .mode = -1, .uid = -1, .gid = -1, .flag = value };

	if (!text)
		return ch_df_nomem(p->err);
	value.is_moved = strcmp(text, value.text) != 0;

	/* Which keys there are depends on the type, which may come last. */
	int rc = each_field(p, &value, text, true, &m);

	m.is_ro = m.type == CH_DF_MOUNT_BIND;
	if (rc == 0)
		rc = each_field(p, &value, text, false, &m);
	if (rc == 0)
		rc = check(p, flag, &m);
	if (rc == 0)
		*ret = m;
	return rc;
}
