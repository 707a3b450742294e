/* SPDX-License-Identifier: Apache-2.0 */
/* A pattern is a list of items; matching keeps the set of items that may come next, and goes
 * through the text once. */
#include "dockerfile/glob.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/text.h"

enum kind {
	ONE,   /* this character */
	ANY,   /* "?" */
	STAR,  /* "*" */
	DIRS,  /* "**" in front of something: nothing, or anything that ends in a slash ... */
	INDIR, /* ... within that */
	ALL,   /* "**" at the end */
	CLASS, /* "[...]" */
};

struct range {
	uint32_t from, to;
};

struct ch_glob_item {
	enum kind kind;
	uint32_t c;
	bool is_negated;
	struct range *ranges; /* owned */
	size_t nranges;
};

/* The character at TEXT: of what is not UTF-8, a byte, which is told apart from characters. */
static size_t next_character(const char *text, uint32_t *ret_c)
{
	size_t len = ch_text_character(text, ret_c);

	if (len)
		return len;
	*ret_c = 0x110000U + (unsigned char)*text;
	return 1;
}

/* ---- compiling ---- */

struct compiler {
	const char *at;
	struct ch_glob *glob;
	size_t cap;
	struct ch_err *err;
};

static int add_item(struct compiler *c, struct ch_glob_item item)
{
	struct ch_glob *glob = c->glob;

	if (glob->n == CH_GLOB_MAX)
		return ch_err_set(c->err, -EINVAL, "longer than %d characters", CH_GLOB_MAX);
	if (glob->n == c->cap) {
		size_t cap = c->cap ? 2 * c->cap : 16;
		struct ch_glob_item *items = reallocarray(glob->items, cap, sizeof(*items));

		if (!items)
			return ch_err_nomem(c->err);
		glob->items = items;
		c->cap = cap;
	}
	glob->items[glob->n++] = item;
	return 0;
}

static int add_range(struct compiler *c, struct ch_glob_item *item, uint32_t from, uint32_t to)
{
	struct range *ranges = reallocarray(item->ranges, item->nranges + 1, sizeof(*ranges));

	if (!ranges)
		return ch_err_nomem(c->err);
	item->ranges = ranges;
	item->ranges[item->nranges++] = (struct range){ from, to };
	return 0;
}

/* The end of a class of Python, which begins at CLASS (behind "["), or NULL. A "]" in the
 * first place is one of its characters. */
static const char *class_end(const char *class)
{
	if (*class == '!')
		class ++;
	return *class ? strchr(class + 1, ']') : NULL;
}

/* One end of a range, at c->at. */
static int read_member(struct compiler *c, bool has_escapes, uint32_t *ret_c)
{
	if (has_escapes && *c->at == '\\')
		c->at++;
	if (!*c->at)
		return ch_err_set(c->err, -EINVAL, "'[' without ']'");
	c->at += next_character(c->at, ret_c);
	return 0;
}

/* Members up to "]", where c->at is behind "[" and the sign of negation. */
static int read_members(struct compiler *c, struct ch_glob_item *item)
{
	bool has_escapes = c->glob->dialect == CH_GLOB_PATH;
	bool is_first = true;
	uint32_t from = 0, to = 0;
	int rc = 0;

	for (; rc == 0 && (*c->at != ']' || is_first); is_first = false) {
		if (has_escapes && *c->at == ']')
			return ch_err_set(c->err, -EINVAL, "nothing between '[' and ']'");
		rc = read_member(c, has_escapes, &from);
		to = from;
		if (rc == 0 && c->at[0] == '-' && c->at[1] && c->at[1] != ']') {
			c->at++;
			rc = read_member(c, has_escapes, &to);
		}
		if (rc == 0)
			rc = add_range(c, item, from, to);
	}
	c->at += rc == 0;
	return rc;
}

static int add_class(struct compiler *c)
{
	struct ch_glob_item item = { .kind = CLASS };
	char sign = c->glob->dialect == CH_GLOB_PATH ? '^' : '!';

	if (*c->at == sign) {
		item.is_negated = true;
		c->at++;
	}

	int rc = read_members(c, &item);

	if (rc == 0)
		rc = add_item(c, item);
	if (rc < 0)
		free(item.ranges);
	return rc;
}

/* Behind "**" of a path. A slash behind it is part of it. */
static int add_deep(struct compiler *c)
{
	c->at += strspn(c->at, "*");
	if (*c->at == '/')
		c->at++;
	if (!*c->at)
		return add_item(c, (struct ch_glob_item){ .kind = ALL });

	int rc = add_item(c, (struct ch_glob_item){ .kind = DIRS });

	return rc < 0 ? rc : add_item(c, (struct ch_glob_item){ .kind = INDIR });
}

static int add_star(struct compiler *c)
{
	if (c->glob->dialect == CH_GLOB_PATH && *c->at == '*')
		return add_deep(c);
	/* Several are one. */
	c->at += strspn(c->at, "*");
	return add_item(c, (struct ch_glob_item){ .kind = STAR });
}

static int add_next(struct compiler *c)
{
	enum ch_glob_dialect dialect = c->glob->dialect;
	struct ch_glob_item item = { .kind = ONE };

	switch (*c->at) {
	case '*':
		c->at++;
		return add_star(c);
	case '?':
		c->at++;
		return add_item(c, (struct ch_glob_item){ .kind = ANY });
	case '[':
		if (dialect == CH_GLOB_PATH || (dialect == CH_GLOB_NAME && class_end(c->at + 1))) {
			c->at++;
			return add_class(c);
		}
		break;
	case '\\':
		if (dialect != CH_GLOB_NAME && !*++c->at)
			return ch_err_set(c->err, -EINVAL, "nothing behind a backslash");
		break;
	}
	c->at += next_character(c->at, &item.c);
	return add_item(c, item);
}

int ch_glob_compile(const char *pattern, enum ch_glob_dialect dialect, struct ch_glob *ret_glob,
		    struct ch_err *err)
{
	ch_auto(glob) struct ch_glob glob = { .dialect = dialect };
	struct compiler c = { .at = pattern, .glob = &glob, .err = err };
	int rc = 0;

	while (rc == 0 && *c.at)
		rc = add_next(&c);
	if (rc < 0)
		return rc == -ENOMEM ? rc : ch_err_in(err, "pattern '%.100s'", pattern);
	*ret_glob = ch_take(glob);
	return 0;
}

void ch_glob_done(struct ch_glob *glob)
{
	for (size_t i = 0; i < glob->n; i++)
		free(glob->items[i].ranges);
	free(glob->items);
	*glob = (struct ch_glob){ 0 };
}

void ch_glob_reverse(struct ch_glob *glob)
{
	for (size_t i = 0; i < glob->n / 2; i++) {
		struct ch_glob_item swap = glob->items[i];

		glob->items[i] = glob->items[glob->n - 1 - i];
		glob->items[glob->n - 1 - i] = swap;
	}
}

bool ch_glob_is_magic(const char *pattern)
{
	return pattern[strcspn(pattern, "*?[")] != '\0';
}

/* ---- matching ---- */

/* Items that may come next; N: the end has been reached. None is outside LOW to HIGH. */
struct set {
	bool has[CH_GLOB_MAX + 1];
	size_t low, high; /* none: high < low */
};

static void empty(struct set *set, size_t n)
{
	set->low = n + 1;
	set->high = 0;
}

/* Add item I, and those behind it that are reached without a character. */
static void add(const struct ch_glob *glob, struct set *set, size_t i)
{
	for (;; i++) {
		/* What is between the ends, but not in the set, must say so. */
		if (set->low > set->high) {
			set->low = set->high = i;
			set->has[i] = false;
		}
		while (set->high < i)
			set->has[++set->high] = false;
		while (set->low > i)
			set->has[--set->low] = false;
		if (set->has[i])
			return;
		set->has[i] = true;
		if (i == glob->n)
			return;
		if (glob->items[i].kind == DIRS) {
			add(glob, set, i + 2);
			continue; /* to INDIR */
		}
		if (glob->items[i].kind != STAR && glob->items[i].kind != ALL)
			return;
	}
}

static bool is_in_class(const struct ch_glob_item *item, uint32_t c)
{
	for (size_t i = 0; i < item->nranges; i++)
		if (c >= item->ranges[i].from && c <= item->ranges[i].to)
			return !item->is_negated;
	return item->is_negated;
}

/* What may come after item I has met C. */
static void step_item(const struct ch_glob *glob, size_t i, uint32_t c, struct set *next)
{
	const struct ch_glob_item *item = &glob->items[i];
	bool is_slash = glob->dialect == CH_GLOB_PATH && c == '/';

	switch (item->kind) {
	case ONE:
		if (c == item->c)
			add(glob, next, i + 1);
		break;
	case ANY:
		if (!is_slash)
			add(glob, next, i + 1);
		break;
	case CLASS:
		if (!is_slash && is_in_class(item, c))
			add(glob, next, i + 1);
		break;
	case STAR:
		if (!is_slash)
			add(glob, next, i);
		break;
	case ALL:
		add(glob, next, i);
		break;
	case DIRS: /* INDIR, which is in the set, too, does it */
		break;
	case INDIR:
		add(glob, next, i);
		if (is_slash)
			add(glob, next, i + 1);
		break;
	}
}

static void step(const struct ch_glob *glob, const struct set *now, uint32_t c, struct set *next)
{
	empty(next, glob->n);
	for (size_t i = now->low; i <= now->high && i < glob->n; i++)
		if (now->has[i])
			step_item(glob, i, c, next);
}

static bool is_at_end(const struct ch_glob *glob, const struct set *set)
{
	return set->low <= set->high && set->high == glob->n && set->has[glob->n];
}

static bool is_empty(const struct set *set)
{
	return set->low > set->high;
}

struct matcher {
	const struct ch_glob *glob;
	struct set sets[2];
	int now;
};

static void begin(struct matcher *m, const struct ch_glob *glob)
{
	m->glob = glob;
	m->now = 0;
	empty(&m->sets[0], glob->n);
	add(glob, &m->sets[0], 0);
}

static void feed(struct matcher *m, uint32_t c)
{
	step(m->glob, &m->sets[m->now], c, &m->sets[!m->now]);
	m->now = !m->now;
}

static bool matched(const struct matcher *m)
{
	return is_at_end(m->glob, &m->sets[m->now]);
}

static bool failed(const struct matcher *m)
{
	return is_empty(&m->sets[m->now]);
}

bool ch_glob_matches(const struct ch_glob *glob, const char *text)
{
	struct matcher m;
	uint32_t c = 0;

	if (glob->dialect == CH_GLOB_NAME && *text == '.' &&
	    !(glob->n && glob->items[0].kind == ONE))
		return false;
	begin(&m, glob);
	while (*text && !failed(&m)) {
		text += next_character(text, &c);
		feed(&m, c);
	}
	return !*text && matched(&m);
}

bool ch_glob_matches_or_above(const struct ch_glob *glob, const char *path)
{
	struct matcher m;
	uint32_t c = 0;

	begin(&m, glob);
	for (const char *at = path; *at && !failed(&m);) {
		if (*at == '/' && at > path && matched(&m))
			return true;
		at += next_character(at, &c);
		feed(&m, c);
		if (!*at)
			return matched(&m);
	}
	return !*path && matched(&m);
}

bool ch_glob_may_match_below(const struct ch_glob *glob, const char *dir)
{
	struct matcher m;
	uint32_t c = 0;

	begin(&m, glob);
	while (*dir && !failed(&m)) {
		dir += next_character(dir, &c);
		feed(&m, c);
	}
	feed(&m, '/');
	return !failed(&m);
}

/* Take from BUDGET what the next step costs. */
static bool spend(const struct matcher *m, size_t *budget)
{
	const struct set *set = &m->sets[m->now];
	size_t cost = set->high - set->low + 1;

	*budget = *budget > cost ? *budget - cost : 0;
	return *budget > 0;
}

long ch_glob_prefix(const struct ch_glob *glob, const char *text, bool is_longest, size_t *budget)
{
	const char *start = text;
	struct matcher m;
	uint32_t c = 0;

	begin(&m, glob);

	long found = matched(&m) ? 0 : -1;

	while (*text && !failed(&m) && (is_longest || found < 0) && spend(&m, budget)) {
		text += next_character(text, &c);
		feed(&m, c);
		if (matched(&m))
			found = text - start;
	}
	return found;
}

/* The character that ends at TEXT + LEN. */
static size_t last_character(const char *text, size_t len, uint32_t *ret_c)
{
	for (size_t n = 1; n <= 4 && n <= len; n++)
		if (ch_text_character(text + len - n, ret_c) == n)
			return n;
	*ret_c = 0x110000U + (unsigned char)text[len - 1];
	return 1;
}

long ch_glob_suffix(const struct ch_glob *glob, const char *text, bool is_longest, size_t *budget)
{
	size_t len = strlen(text), left = len;
	struct matcher m;
	uint32_t c = 0;

	begin(&m, glob);

	long found = matched(&m) ? 0 : -1;

	while (left && !failed(&m) && (is_longest || found < 0) && spend(&m, budget)) {
		left -= last_character(text, left, &c);
		feed(&m, c);
		if (matched(&m))
			found = (long)(len - left);
	}
	return found;
}
