/* SPDX-License-Identifier: Apache-2.0 */
#include "convert/flatten.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "archive/entry.h"
#include "archive/whiteout.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "convert/paths.h"

enum { NO_LAYER = -1, LINKS_MAX = 40 /* as of the kernel */, RULES_MAX = 1000 };

/* Layers are read downwards: a layer's number, and what it was before this layer came */
struct low {
	int now, before;
};

/* What is known of a path. The first layer that is seen is the uppermost. */
struct state {
	int self;	  /* uppermost layer that has it, or whites it out */
	struct low selfs; /* lowest one so far */
	int below;	  /* uppermost one that hides what lower ones have below it */
	int kids;	  /* uppermost one that made it a directory, or put something below it */
	struct low names; /* lowest one so far that names something below it */
	bool is_dir;	  /* in the lowest layer it is a directory */
	bool is_sent;	  /* in the lowest layer it is a file that was passed on */
	char *link;	  /* owned; in the lowest layer it is a symbolic link to this; or NULL */
	uint32_t alias;	  /* in the lowest layer it is a hard link to this; or CH_PATHS_NONE */
	uint32_t wishes;  /* first name that is to be a link to the file it will be; or NONE */
};

/* NAME is to be the file that is still to come. */
struct wish {
	uint32_t name;
	uint32_t next;
	int layer; /* that the name is in */
};

/* In layers between LAYER and UPTO, NODE is a symbolic link. */
struct rule {
	uint32_t node;
	int layer, upto;
	char *target; /* owned */
};

struct ch_flatten {
	struct ch_sink sink;
	struct ch_sink *to; /* borrowed */
	bool is_plain;
	int layer;
	bool is_again;	  /* this layer is read once more */
	bool wants_again; /* it has to be */
	bool passes;	  /* contents of the last file go on */
	bool is_wrong;	  /* all has to begin again */
	struct ch_paths paths;
	struct state *states; /* owned; by nodes */
	size_t n_states;
	struct wish *wishes; /* owned */
	size_t n_wishes, cap_wishes, open_wishes;
	struct rule *rules;	   /* owned */
	size_t n_rules, n_settled; /* the others are of this layer, and may go again */
	uint32_t due;		   /* when the contents are through: these names... */
	uint32_t due_target;	   /* ... become links to this */
	struct ch_buf path, target;
};

static const struct state unknown = {
	.self = NO_LAYER,
	.selfs = { NO_LAYER, NO_LAYER },
	.below = NO_LAYER,
	.kids = NO_LAYER,
	.names = { NO_LAYER, NO_LAYER },
	.alias = CH_PATHS_NONE,
	.wishes = CH_PATHS_NONE,
};

/* ---- making ------------------------------------------------------------------------------- */

static int add(struct ch_sink *sink, const struct ch_entry *entry, struct ch_err *err);
static int data(struct ch_sink *sink, uint64_t off, const void *bytes, size_t len,
		struct ch_err *err);
static int end(struct ch_sink *sink, struct ch_err *err);

int ch_flatten_new(bool is_plain, struct ch_flatten **ret_flatten, struct ch_err *err)
{
	struct ch_flatten *f = calloc(1, sizeof(*f));

	if (!f)
		return ch_err_nomem(err);
	f->sink = (struct ch_sink){ add, data, end };
	f->is_plain = is_plain;
	f->path = f->target = CH_BUF_INIT(PATH_MAX);
	*ret_flatten = f;
	return 0;
}

/* Forget what was seen, but not the rules, nor which node is which path: rules go by nodes. */
static void forget(struct ch_flatten *f)
{
	for (size_t i = 0; i < f->n_states; i++) {
		free(f->states[i].link);
		f->states[i] = unknown;
	}
	f->n_wishes = f->open_wishes = 0;
	f->due = CH_PATHS_NONE;
	f->passes = f->is_wrong = f->is_again = f->wants_again = false;
}

void ch_flatten_free(struct ch_flatten *f)
{
	if (!f)
		return;
	forget(f);
	for (size_t i = 0; i < f->n_rules; i++)
		free(f->rules[i].target);
	free(f->rules);
	free(f->states);
	free(f->wishes);
	ch_paths_done(&f->paths);
	ch_buf_done(&f->path);
	ch_buf_done(&f->target);
	free(f);
}

void ch_flatten_begin(struct ch_flatten *f, struct ch_sink *to)
{
	forget(f);
	f->to = to;
}

struct ch_sink *ch_flatten_layer(struct ch_flatten *f, int n)
{
	f->layer = n;
	f->is_again = f->wants_again;
	f->wants_again = false;
	return &f->sink;
}

/* ---- paths -------------------------------------------------------------------------------- */

/* Have a state for each node. */
static int grow(struct ch_flatten *f)
{
	struct state *states;

	if (f->n_states >= f->paths.n)
		return 0;
	states = reallocarray(f->states, f->paths.cap, sizeof(*states));
	if (!states)
		return -ENOMEM;
	for (size_t i = f->n_states; i < f->paths.cap; i++)
		states[i] = unknown;
	f->states = states;
	f->n_states = f->paths.cap;
	return 0;
}

/* Where NODE leads to for this layer, if it is a symbolic link; else NULL. */
static const char *link_at(const struct ch_flatten *f, uint32_t node)
{
	const struct state *s = &f->states[node];

	if (s->selfs.now == f->layer && s->link)
		return s->link;
	for (size_t i = 0; i < f->n_rules; i++) {
		const struct rule *r = &f->rules[i];

		if (r->node == node && r->layer < f->layer && f->layer < r->upto)
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
static int step(struct ch_flatten *f, uint32_t *node, const char *p, size_t len)
{
	if (len == 0 || (len == 1 && p[0] == '.'))
		return 0;
	if (len == 2 && memcmp(p, "..", 2) == 0) {
		if (*node != CH_PATHS_ROOT)
			*node = f->paths.nodes[*node].parent;
		return 0;
	}
	*node = ch_paths_child(&f->paths, *node, p, len);
	return *node == CH_PATHS_NONE || grow(f) < 0 ? -ENOMEM : 0;
}

/* The node of PATH, whose last part is not followed. Links stay inside: the root is "/". */
static int resolve(struct ch_flatten *f, const char *path, uint32_t *ret_node, struct ch_err *err)
{
	ch_auto(str) char *text = NULL; /* when links are in the way */
	uint32_t node = ch_paths_add(&f->paths, "", 0);
	const char *p = path;
	int links = 0;

	if (node == CH_PATHS_NONE || grow(f) < 0)
		return ch_err_nomem(err);
	while (*p) {
		size_t len = strcspn(p, "/");
		const char *rest = p + len + strspn(p + len, "/"), *target = NULL;
		uint32_t dir = node;

		if (step(f, &node, p, len) < 0)
			return ch_err_nomem(err);
		if (*rest)
			target = link_at(f, node);
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

/* The path of NODE, borrowed till OUT is used again */
static const char *text_of(const struct ch_flatten *f, uint32_t node, struct ch_buf *out,
			   struct ch_err *err)
{
	ch_buf_done(out);
	*out = CH_BUF_INIT(PATH_MAX);
	ch_paths_text(&f->paths, node, out);
	ch_buf_adds(out, "");
	if (!ch_buf_bad(out))
		return out->data;
	ch_err_set(err, -ENAMETOOLONG, "a path is longer than %d bytes", PATH_MAX);
	return NULL;
}

/* ---- what goes on ------------------------------------------------------------------------- */

static int send(struct ch_flatten *f, const struct ch_entry *entry, struct ch_err *err)
{
	return f->is_wrong ? 0 : f->to->add(f->to, entry, err);
}

static int send_link(struct ch_flatten *f, uint32_t name, uint32_t target, struct ch_err *err)
{
	struct ch_entry e = { .path = text_of(f, name, &f->path, err) };

	e.link = e.path ? text_of(f, target, &f->target, err) : NULL;
	return e.link ? send(f, &e, err) : err->code;
}

/* The last file is complete: its other names. */
static int send_due(struct ch_flatten *f, struct ch_err *err)
{
	f->passes = false;
	for (; f->due != CH_PATHS_NONE; f->due = f->wishes[f->due].next) {
		f->open_wishes--;
		if (send_link(f, f->wishes[f->due].name, f->due_target, err) < 0)
			return err->code;
	}
	return 0;
}

/* ENTRY goes on as NODE; and when it is complete, so do links to it, for WISHES. */
static int send_as(struct ch_flatten *f, const struct ch_entry *entry, uint32_t node,
		   uint32_t wishes, struct ch_err *err)
{
	struct ch_entry e = *entry;

	e.path = text_of(f, node, &f->path, err);
	if (!e.path)
		return err->code;
	f->passes = S_ISREG(e.mode);
	f->due = wishes;
	f->due_target = node;
	return send(f, &e, err);
}

/* ---- names for files that are still to come ----------------------------------------------- */

static int wish(struct ch_flatten *f, uint32_t name, uint32_t target, struct ch_err *err)
{
	if (f->n_wishes == f->cap_wishes) {
		size_t cap = f->cap_wishes ? 2 * f->cap_wishes : 64;
		struct wish *wishes = reallocarray(f->wishes, cap, sizeof(*wishes));

		if (!wishes)
			return ch_err_nomem(err);
		f->wishes = wishes;
		f->cap_wishes = cap;
	}
	f->wishes[f->n_wishes] = (struct wish){ name, f->states[target].wishes, f->layer };
	f->states[target].wishes = (uint32_t)f->n_wishes++;
	f->open_wishes++;
	return 0;
}

/* Those of NODE, if they are of this layer, or if not; and they are not NODE's any more. */
static uint32_t take_wishes(struct ch_flatten *f, uint32_t node, bool of_this)
{
	uint32_t first = f->states[node].wishes;

	if (first == CH_PATHS_NONE || (f->wishes[first].layer == f->layer) != of_this)
		return CH_PATHS_NONE;
	f->states[node].wishes = CH_PATHS_NONE;
	return first;
}

/* NAME is to be the file TARGET: which went on in this layer; or was left out, and is needed after
 * all; or is in a lower one. */
static int link_to(struct ch_flatten *f, uint32_t name, uint32_t target, struct ch_err *err)
{
	const struct state *s = &f->states[target];
	bool is_here = s->selfs.now == f->layer;

	if (is_here && s->is_sent)
		return send_link(f, name, target, err);
	f->wants_again |= is_here;
	return wish(f, name, target, err);
}

/* ---- what is seen ------------------------------------------------------------------------- */

/* The uppermost directory above NODE of which an upper layer hides what is in it, or
 * CH_PATHS_NONE */
static uint32_t hider_of(const struct ch_flatten *f, uint32_t node)
{
	uint32_t hider = CH_PATHS_NONE;

	while (node != CH_PATHS_ROOT) {
		node = f->paths.nodes[node].parent;
		if (f->states[node].below > f->layer)
			hider = node;
	}
	return hider;
}

static bool is_hidden(const struct ch_flatten *f, uint32_t node)
{
	return hider_of(f, node) != CH_PATHS_NONE;
}

/* Does an entry of this layer become NODE of the tree? */
static bool is_visible(const struct ch_flatten *f, uint32_t node, bool is_dir)
{
	const struct state *s = &f->states[node];

	return s->self <= f->layer && (is_dir || s->kids <= f->layer) && !is_hidden(f, node);
}

static void set_low(struct low *low, int layer)
{
	if (low->now == layer)
		return;
	low->before = low->now;
	low->now = layer;
}

/* The lowest one above LAYER */
static int above(const struct low *low, int layer)
{
	return low->now == layer ? low->before : low->now;
}

/* This layer has something at NODE, or whites it out. */
static void claim(struct ch_flatten *f, uint32_t node, bool is_dir)
{
	struct state *s = &f->states[node];

	if (s->self == NO_LAYER)
		s->self = f->layer;
	set_low(&s->selfs, f->layer);
	if (!is_dir && s->below == NO_LAYER)
		s->below = f->layer;
	s->is_dir = is_dir;
	s->is_sent = false;
	s->alias = CH_PATHS_NONE;
	free(s->link);
	s->link = NULL;
}

/* So it has directories above. */
static void claim_above(struct ch_flatten *f, uint32_t node, bool is_sent)
{
	while (node != CH_PATHS_ROOT) {
		struct state *s;

		node = f->paths.nodes[node].parent;
		s = &f->states[node];
		set_low(&s->names, f->layer);
		/* What was something else in the same layer, is replaced. */
		if (s->selfs.now == f->layer && !s->is_dir)
			claim(f, node, true);
		if (is_sent && s->kids == NO_LAYER)
			s->kids = f->layer;
	}
}

/* What is at NODE is not seen. But a directory that it was in is there, if only for it. */
static int send_dir_of(struct ch_flatten *f, uint32_t node, struct ch_err *err)
{
	const struct ch_entry entry = { .mode = S_IFDIR | 0755 };
	uint32_t hider = hider_of(f, node), dir = node;
	struct state *s;

	/* The hider itself is there if only what is in it is hidden. */
	if (hider != CH_PATHS_NONE)
		dir = hider;
	if (dir != CH_PATHS_ROOT && (hider == CH_PATHS_NONE || f->states[dir].self > f->layer))
		dir = f->paths.nodes[dir].parent;
	s = &f->states[dir];
	if (dir == CH_PATHS_ROOT || s->kids != NO_LAYER)
		return 0;
	s->kids = f->layer;
	claim_above(f, dir, true);
	return send_as(f, &entry, dir, CH_PATHS_NONE, err);
}

/* NODE is a symbolic link to TARGET. Have upper layers taken it for a directory, since it last was
 * something else? */
static int check_link(struct ch_flatten *f, uint32_t node, const char *target, struct ch_err *err)
{
	const struct state *s = &f->states[node];
	int named = above(&s->names, f->layer), had = above(&s->selfs, f->layer);
	struct rule *rules;

	if (named == NO_LAYER || (had != NO_LAYER && named >= had) || is_hidden(f, node))
		return 0;
	if (f->n_rules == RULES_MAX)
		return ch_err_set(err, -ELOOP,
				  "more than %d symbolic links of lower layers are in paths of "
				  "upper ones",
				  RULES_MAX);
	rules = reallocarray(f->rules, f->n_rules + 1, sizeof(*rules));
	if (!rules)
		return ch_err_nomem(err);
	f->rules = rules;
	rules[f->n_rules] = (struct rule){
		.node = node,
		.layer = f->layer,
		.upto = had == NO_LAYER ? INT_MAX : had,
		.target = strdup(target),
	};
	if (!rules[f->n_rules].target)
		return ch_err_nomem(err);
	f->n_rules++;
	return 0;
}

/* The layer is complete: of its symbolic links, some may have been replaced in it. */
static void settle_rules(struct ch_flatten *f)
{
	size_t n = f->n_settled;

	for (size_t i = n; i < f->n_rules; i++) {
		const struct state *s = &f->states[f->rules[i].node];

		if (s->selfs.now == f->layer && s->link && strcmp(s->link, f->rules[i].target) == 0)
			f->rules[n++] = f->rules[i];
		else
			free(f->rules[i].target);
	}
	f->is_wrong |= n > f->n_settled;
	f->n_rules = f->n_settled = n;
}

/* ---- entries ------------------------------------------------------------------------------ */

static int add_link(struct ch_flatten *f, const struct ch_entry *e, uint32_t node,
		    struct ch_err *err)
{
	bool is_sent = is_visible(f, node, false);
	uint32_t wishes = take_wishes(f, node, false), target;
	const struct state *s;

	if (resolve(f, e->link, &target, err) < 0)
		return err->code;
	s = &f->states[target];
	if (s->selfs.now == f->layer && s->alias != CH_PATHS_NONE)
		target = s->alias;
	if (target == node)
		return 0;
	claim(f, node, false);
	claim_above(f, node, is_sent);
	f->states[node].alias = target;
	if ((is_sent ? link_to(f, node, target, err) : send_dir_of(f, node, err)) < 0)
		return err->code;
	for (; wishes != CH_PATHS_NONE; wishes = f->wishes[wishes].next) {
		f->open_wishes--;
		if (link_to(f, f->wishes[wishes].name, target, err) < 0)
			return err->code;
	}
	return 0;
}

static int add_file(struct ch_flatten *f, const struct ch_entry *e, uint32_t node,
		    struct ch_err *err)
{
	bool is_dir = S_ISDIR(e->mode), is_sent = is_visible(f, node, is_dir);
	uint32_t wishes = is_dir ? CH_PATHS_NONE : take_wishes(f, node, false);

	if (S_ISLNK(e->mode) && check_link(f, node, e->target, err) < 0)
		return err->code;
	claim(f, node, is_dir);
	claim_above(f, node, is_sent);
	if (S_ISLNK(e->mode) && !(f->states[node].link = strdup(e->target)))
		return ch_err_nomem(err);
	f->states[node].is_sent = is_sent && !is_dir;
	if (is_sent && is_dir && f->states[node].kids == NO_LAYER)
		f->states[node].kids = f->layer;
	if (is_sent)
		return send_as(f, e, node, wishes, err);
	if (send_dir_of(f, node, err) < 0)
		return err->code;
	if (wishes == CH_PATHS_NONE)
		return 0;
	f->open_wishes--;
	return send_as(f, e, f->wishes[wishes].name, f->wishes[wishes].next, err);
}

/* What was left out, and is needed after all. */
static int add_again(struct ch_flatten *f, const struct ch_entry *e, uint32_t node,
		     struct ch_err *err)
{
	uint32_t wishes = CH_PATHS_NONE;

	if (!e->link && !S_ISDIR(e->mode) && f->states[node].selfs.now == f->layer)
		wishes = take_wishes(f, node, true);
	if (wishes == CH_PATHS_NONE)
		return 0;
	f->open_wishes--;
	return send_as(f, e, f->wishes[wishes].name, f->wishes[wishes].next, err);
}

/* PATH is a whiteout of KIND, in the directory of DIR bytes, and of NAME. No links are followed. */
static int add_whiteout(struct ch_flatten *f, enum ch_whiteout kind, const char *path, size_t dir,
			const char *name, struct ch_err *err)
{
	uint32_t node;

	if (kind == CH_WHITEOUT_NOTE)
		return 0;
	if (kind == CH_WHITEOUT_BAD)
		return ch_err_set(err, -EINVAL, "'%s' is a whiteout of no file", path);
	node = ch_paths_add(&f->paths, path, dir);
	if (node != CH_PATHS_NONE && kind == CH_WHITEOUT_NAME)
		node = ch_paths_child(&f->paths, node, name, strlen(name));
	if (node == CH_PATHS_NONE || grow(f) < 0)
		return ch_err_nomem(err);
	if (kind == CH_WHITEOUT_NAME)
		claim(f, node, false);
	else if (f->states[node].below == NO_LAYER)
		f->states[node].below = f->layer;
	return 0;
}

static int add(struct ch_sink *sink, const struct ch_entry *entry, struct ch_err *err)
{
	struct ch_flatten *f = (struct ch_flatten *)sink;
	enum ch_whiteout kind = CH_WHITEOUT_NONE;
	const char *name = NULL;
	uint32_t node;
	size_t dir = 0;

	if (send_due(f, err) < 0)
		return err->code;
	if (!f->is_plain)
		kind = ch_whiteout_parse(entry->path, &dir, &name);
	if (kind != CH_WHITEOUT_NONE)
		return f->is_again ? 0 : add_whiteout(f, kind, entry->path, dir, name, err);
	if (resolve(f, entry->path, &node, err) < 0)
		return err->code;
	if (f->is_again)
		return add_again(f, entry, node, err);
	return entry->link ? add_link(f, entry, node, err) : add_file(f, entry, node, err);
}

static int data(struct ch_sink *sink, uint64_t off, const void *bytes, size_t len,
		struct ch_err *err)
{
	struct ch_flatten *f = (struct ch_flatten *)sink;

	if (!f->passes || f->is_wrong)
		return 0;
	return f->to->data(f->to, off, bytes, len, err);
}

static int end(struct ch_sink *sink, struct ch_err *err)
{
	struct ch_flatten *f = (struct ch_flatten *)sink;

	settle_rules(f);
	return send_due(f, err);
}

/* ---- ends --------------------------------------------------------------------------------- */

bool ch_flatten_layer_again(const struct ch_flatten *f)
{
	return f->wants_again && !f->is_wrong;
}

/* A name whose file did not come */
static int complain(struct ch_flatten *f, struct ch_err *err)
{
	for (uint32_t i = 0; i < f->paths.n; i++) {
		uint32_t first = f->states[i].wishes;
		const char *name, *target;

		if (first == CH_PATHS_NONE)
			continue;
		name = text_of(f, f->wishes[first].name, &f->path, err);
		target = name ? text_of(f, i, &f->target, err) : NULL;
		if (!target)
			return err->code;
		return ch_err_set(err, -EINVAL, "'%s' is a hard link to '%s', which is not there",
				  name, target);
	}
	return 0;
}

int ch_flatten_end(struct ch_flatten *f, struct ch_err *err)
{
	if (f->is_wrong)
		return 1;
	return f->open_wishes > 0 ? complain(f, err) : 0;
}
