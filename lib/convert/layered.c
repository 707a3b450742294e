/* SPDX-License-Identifier: Apache-2.0 */
#include "convert/layered.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"

enum { NO_LAYER = CH_LAYERED_NONE, LINKS_MAX = 40 /* as of the kernel */, RULES_MAX = 1000 };

static const struct ch_layered_node unknown = {
	.self = NO_LAYER,
	.selfs = { NO_LAYER, NO_LAYER },
	.below = NO_LAYER,
	.kids = NO_LAYER,
	.names = { NO_LAYER, NO_LAYER },
	.alias = CH_PATHS_NONE,
	.wishes = CH_PATHS_NONE,
};

void ch_layered_begin(struct ch_layered *l)
{
	for (size_t i = 0; i < l->n_states; i++) {
		free(l->states[i].link);
		l->states[i] = unknown;
	}
	l->is_wrong = false;
}

void ch_layered_done(struct ch_layered *l)
{
	ch_layered_begin(l);
	for (size_t i = 0; i < l->n_rules; i++)
		free(l->rules[i].target);
	free(l->rules);
	free(l->states);
	ch_paths_done(&l->paths);
	*l = (struct ch_layered){ 0 };
}

/* ---- paths -------------------------------------------------------------------------------- */

/* Have a state for each node. */
static int grow(struct ch_layered *l)
{
	struct ch_layered_node *states;

	if (l->n_states >= l->paths.n)
		return 0;
	states = reallocarray(l->states, l->paths.cap, sizeof(*states));
	if (!states)
		return -ENOMEM;
	for (size_t i = l->n_states; i < l->paths.cap; i++)
		states[i] = unknown;
	l->states = states;
	l->n_states = l->paths.cap;
	return 0;
}

/* Where NODE leads to for this layer, if it is a symbolic link; else NULL. */
static const char *link_at(const struct ch_layered *l, uint32_t node)
{
	const struct ch_layered_node *s = &l->states[node];

	if (s->selfs.now == l->layer && s->link)
		return s->link;
	for (size_t i = 0; i < l->n_rules; i++) {
		const struct ch_layered_rule *r = &l->rules[i];

		if (r->node == node && r->layer < l->layer && l->layer < r->upto)
			return r->target;
	}
	return NULL;
}

/* TARGET "/" REST, malloc'ed */
static char *join(const char *target, const char *rest)
{
	size_t n = strlen(target), m = strlen(rest);
	char *text = malloc(n + m + 2);

	if (!text)
		return NULL;
	memcpy(text, target, n);
	text[n] = '/';
	memcpy(text + n + 1, rest, m + 1);
	return text;
}

/* Take one step from NODE, to the name P of LEN bytes. */
static int step(struct ch_layered *l, uint32_t *node, const char *p, size_t len)
{
	if (len == 0 || (len == 1 && p[0] == '.'))
		return 0;
	if (len == 2 && memcmp(p, "..", 2) == 0) {
		if (*node != CH_PATHS_ROOT)
			*node = l->paths.nodes[*node].parent;
		return 0;
	}
	*node = ch_paths_child(&l->paths, *node, p, len);
	return *node == CH_PATHS_NONE || grow(l) < 0 ? -ENOMEM : 0;
}

int ch_layered_find(struct ch_layered *l, const char *path, uint32_t *ret_node, struct ch_err *err)
{
	ch_auto(str) char *text = NULL; /* when links are in the way */
	uint32_t node = ch_paths_add(&l->paths, "", 0);
	const char *p = path;
	int links = 0;

	if (node == CH_PATHS_NONE || grow(l) < 0)
		return ch_err_nomem(err);
	while (*p) {
		size_t len = strcspn(p, "/");
		const char *rest = p + len + strspn(p + len, "/"), *target = NULL;
		uint32_t dir = node;

		if (step(l, &node, p, len) < 0)
			return ch_err_nomem(err);
		if (*rest)
			target = link_at(l, node);
		p = rest;
		if (!target)
			continue;
		if (++links > LINKS_MAX)
			return ch_err_set(err, -ELOOP, "'%s': too many symbolic links", path);

		char *next = join(target, rest);

		if (!next)
			return ch_err_nomem(err);
		free(text);
		p = text = next;
		node = target[0] == '/' ? CH_PATHS_ROOT : dir;
	}
	*ret_node = node;
	return 0;
}

int ch_layered_find_name(struct ch_layered *l, const char *dir, size_t len, const char *name,
			 uint32_t *ret_node, struct ch_err *err)
{
	uint32_t node = ch_paths_add(&l->paths, dir, len);

	if (node != CH_PATHS_NONE && name)
		node = ch_paths_child(&l->paths, node, name, strlen(name));
	if (node == CH_PATHS_NONE || grow(l) < 0)
		return ch_err_nomem(err);
	*ret_node = node;
	return 0;
}

/* ---- what hides what ---------------------------------------------------------------------- */

uint32_t ch_layered_hider(const struct ch_layered *l, uint32_t node)
{
	uint32_t hider = CH_PATHS_NONE;

	while (node != CH_PATHS_ROOT) {
		node = l->paths.nodes[node].parent;
		if (l->states[node].below > l->layer)
			hider = node;
	}
	return hider;
}

static bool is_hidden(const struct ch_layered *l, uint32_t node)
{
	return ch_layered_hider(l, node) != CH_PATHS_NONE;
}

bool ch_layered_is_visible(const struct ch_layered *l, uint32_t node, bool is_dir)
{
	const struct ch_layered_node *s = &l->states[node];

	return s->self <= l->layer && (is_dir || s->kids <= l->layer) && !is_hidden(l, node);
}

static void set_low(struct ch_layered_low *low, int layer)
{
	if (low->now == layer)
		return;
	low->before = low->now;
	low->now = layer;
}

/* The lowest one above LAYER */
static int above(const struct ch_layered_low *low, int layer)
{
	return low->now == layer ? low->before : low->now;
}

void ch_layered_claim(struct ch_layered *l, uint32_t node, bool is_dir)
{
	struct ch_layered_node *s = &l->states[node];

	if (s->self == NO_LAYER)
		s->self = l->layer;
	set_low(&s->selfs, l->layer);
	if (!is_dir && s->below == NO_LAYER)
		s->below = l->layer;
	s->is_dir = is_dir;
	s->is_sent = false;
	s->alias = CH_PATHS_NONE;
	free(s->link);
	s->link = NULL;
}

void ch_layered_claim_above(struct ch_layered *l, uint32_t node, bool is_sent)
{
	while (node != CH_PATHS_ROOT) {
		struct ch_layered_node *s;

		node = l->paths.nodes[node].parent;
		s = &l->states[node];
		set_low(&s->names, l->layer);
		/* What was something else in the same layer, is replaced. */
		if (s->selfs.now == l->layer && !s->is_dir)
			ch_layered_claim(l, node, true);
		if (is_sent && s->kids == NO_LAYER)
			s->kids = l->layer;
	}
}

/* ---- symbolic links in paths of upper layers ---------------------------------------------- */

int ch_layered_check_link(struct ch_layered *l, uint32_t node, const char *target,
			  struct ch_err *err)
{
	const struct ch_layered_node *s = &l->states[node];
	int named = above(&s->names, l->layer), had = above(&s->selfs, l->layer);
	struct ch_layered_rule *rules;

	if (named == NO_LAYER || (had != NO_LAYER && named >= had) || is_hidden(l, node))
		return 0;
	if (l->n_rules == RULES_MAX)
		return ch_err_set(err, -ELOOP,
				  "more than %d symbolic links of lower layers are in paths of "
				  "upper ones",
				  RULES_MAX);
	rules = reallocarray(l->rules, l->n_rules + 1, sizeof(*rules));
	if (!rules)
		return ch_err_nomem(err);
	l->rules = rules;
	rules[l->n_rules] = (struct ch_layered_rule){
		.node = node,
		.layer = l->layer,
		.upto = had == NO_LAYER ? INT_MAX : had,
		.target = strdup(target),
	};
	if (!rules[l->n_rules].target)
		return ch_err_nomem(err);
	l->n_rules++;
	return 0;
}

void ch_layered_settle(struct ch_layered *l)
{
	size_t n = l->n_settled;

	for (size_t i = n; i < l->n_rules; i++) {
		const struct ch_layered_node *s = &l->states[l->rules[i].node];

		if (s->selfs.now == l->layer && s->link && strcmp(s->link, l->rules[i].target) == 0)
			l->rules[n++] = l->rules[i];
		else
			free(l->rules[i].target);
	}
	l->is_wrong |= n > l->n_settled;
	l->n_rules = l->n_settled = n;
}
