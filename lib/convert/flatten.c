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
#include "base/analyser.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "convert/layered.h"

/* NAME is to be the file that is still to come. */
struct wish {
	uint32_t name;
	uint32_t next;
	int layer; /* that the name is in */
};

struct ch_flatten {
	struct ch_sink sink;
	struct ch_sink *to; /* borrowed */
	bool is_plain;
	struct ch_layered seen;
	bool is_again;	     /* this layer is read once more */
	bool wants_again;    /* it has to be */
	bool passes;	     /* contents of the last file go on */
	struct wish *wishes; /* owned */
	size_t n_wishes, cap_wishes, open_wishes;
	uint32_t due;	     /* when the contents are through: these names... */
	uint32_t due_target; /* ... become links to this */
	struct ch_buf path, target;
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

static void forget(struct ch_flatten *f)
{
	ch_layered_begin(&f->seen);
	f->n_wishes = f->open_wishes = 0;
	f->due = CH_PATHS_NONE;
	f->passes = f->is_again = f->wants_again = false;
}

void ch_flatten_free(struct ch_flatten *f)
{
	if (!f)
		return;
	ch_layered_done(&f->seen);
	free(f->wishes);
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
	f->seen.layer = n;
	f->is_again = f->wants_again;
	f->wants_again = false;
	return &f->sink;
}

/* The path of NODE, borrowed till OUT is used again */
static const char *text_of(const struct ch_flatten *f, uint32_t node, struct ch_buf *out,
			   struct ch_err *err)
{
	ch_buf_done(out);
	*out = CH_BUF_INIT(PATH_MAX);
	ch_paths_text(&f->seen.paths, node, out);
	ch_buf_adds(out, "");
	if (!ch_buf_bad(out))
		return out->data;
	ch_err_set(err, -ENAMETOOLONG, "a path is longer than %d bytes", PATH_MAX);
	return NULL;
}

/* ---- what goes on ------------------------------------------------------------------------- */

static int send(struct ch_flatten *f, const struct ch_entry *entry, struct ch_err *err)
{
	return f->seen.is_wrong ? 0 : f->to->add(f->to, entry, err);
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

/* What is at NODE is not seen. But a directory that it was in is there, if only for it. */
static int send_dir_of(struct ch_flatten *f, uint32_t node, struct ch_err *err)
{
	const struct ch_entry entry = { .mode = S_IFDIR | 0755 };
	uint32_t hider = ch_layered_hider(&f->seen, node), dir = node;
	struct ch_layered_node *s;

	/* The hider itself is there if only what is in it is hidden. */
	if (hider != CH_PATHS_NONE)
		dir = hider;
	if (dir != CH_PATHS_ROOT &&
	    (hider == CH_PATHS_NONE || f->seen.states[dir].self > f->seen.layer))
		dir = f->seen.paths.nodes[dir].parent;
	s = &f->seen.states[dir];
	if (dir == CH_PATHS_ROOT || s->kids != CH_LAYERED_NONE)
		return 0;
	s->kids = f->seen.layer;
	ch_layered_claim_above(&f->seen, dir, true);
	return send_as(f, &entry, dir, CH_PATHS_NONE, err);
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
	f->wishes[f->n_wishes] = (struct wish){ name, f->seen.states[target].wishes,
						f->seen.layer };
	f->seen.states[target].wishes = (uint32_t)f->n_wishes++;
	f->open_wishes++;
	return 0;
}

/* Those of NODE, if they are of this layer, or if not; and they are not NODE's any more. */
static uint32_t take_wishes(struct ch_flatten *f, uint32_t node, bool of_this)
{
	uint32_t first = f->seen.states[node].wishes;

	if (first == CH_PATHS_NONE || (f->wishes[first].layer == f->seen.layer) != of_this)
		return CH_PATHS_NONE;
	f->seen.states[node].wishes = CH_PATHS_NONE;
	return first;
}

/* NAME is to be the file TARGET: which went on in this layer; or was left out, and is needed after
 * all; or is in a lower one. */
static int link_to(struct ch_flatten *f, uint32_t name, uint32_t target, struct ch_err *err)
{
	const struct ch_layered_node *s = &f->seen.states[target];
	bool is_here = s->selfs.now == f->seen.layer;

	if (is_here && s->is_sent)
		return send_link(f, name, target, err);
	f->wants_again |= is_here;
	return wish(f, name, target, err);
}

/* ---- entries ------------------------------------------------------------------------------ */

static int add_link(struct ch_flatten *f, const struct ch_entry *e, uint32_t node,
		    struct ch_err *err)
{
	bool is_sent = ch_layered_is_visible(&f->seen, node, false);
	uint32_t wishes = take_wishes(f, node, false), target;
	const struct ch_layered_node *s;

	if (ch_layered_find(&f->seen, e->link, &target, err) < 0)
		return err->code;
	s = &f->seen.states[target];
	if (s->selfs.now == f->seen.layer && s->alias != CH_PATHS_NONE)
		target = s->alias;
	if (target == node)
		return 0;
	ch_layered_claim(&f->seen, node, false);
	ch_layered_claim_above(&f->seen, node, is_sent);
	f->seen.states[node].alias = target;
	if ((is_sent ? link_to(f, node, target, err) : send_dir_of(f, node, err)) < 0)
		return err->code;
	for (; wishes != CH_PATHS_NONE; wishes = f->wishes[wishes].next) {
		f->open_wishes--;
		if (link_to(f, f->wishes[wishes].name, target, err) < 0)
			return err->code;
	}
	return 0;
}

CH_MOVES_BEGIN
static int add_file(struct ch_flatten *f, const struct ch_entry *e, uint32_t node,
		    struct ch_err *err)
{
	bool is_dir = S_ISDIR(e->mode), is_sent = ch_layered_is_visible(&f->seen, node, is_dir);
	uint32_t wishes = is_dir ? CH_PATHS_NONE : take_wishes(f, node, false);

	if (S_ISLNK(e->mode) && ch_layered_check_link(&f->seen, node, e->target, err) < 0)
		return err->code;
	ch_layered_claim(&f->seen, node, is_dir);
	ch_layered_claim_above(&f->seen, node, is_sent);
	if (S_ISLNK(e->mode) && !(f->seen.states[node].link = strdup(e->target)))
		return ch_err_nomem(err);
	f->seen.states[node].is_sent = is_sent && !is_dir;
	if (is_sent && is_dir && f->seen.states[node].kids == CH_LAYERED_NONE)
		f->seen.states[node].kids = f->seen.layer;
	if (is_sent)
		return send_as(f, e, node, wishes, err);
	if (send_dir_of(f, node, err) < 0)
		return err->code;
	if (wishes == CH_PATHS_NONE)
		return 0;
	f->open_wishes--;
	return send_as(f, e, f->wishes[wishes].name, f->wishes[wishes].next, err);
}
CH_MOVES_END

/* What was left out, and is needed after all. */
static int add_again(struct ch_flatten *f, const struct ch_entry *e, uint32_t node,
		     struct ch_err *err)
{
	uint32_t wishes = CH_PATHS_NONE;

	if (!e->link && !S_ISDIR(e->mode) && f->seen.states[node].selfs.now == f->seen.layer)
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
	struct ch_layered_node *s;
	uint32_t node;

	if (kind == CH_WHITEOUT_NOTE)
		return 0;
	if (kind == CH_WHITEOUT_BAD)
		return ch_err_set(err, -EINVAL, "'%s' is a whiteout of no file", path);
	if (ch_layered_find_name(&f->seen, path, dir, kind == CH_WHITEOUT_NAME ? name : NULL, &node,
				 err) < 0)
		return err->code;
	s = &f->seen.states[node];
	/* What the layer has itself stays, and hard links to it are still to find it. */
	if (kind == CH_WHITEOUT_NAME && s->selfs.now != f->seen.layer)
		ch_layered_claim(&f->seen, node, false);
	else if (s->below == CH_LAYERED_NONE)
		s->below = f->seen.layer;
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
	if (ch_layered_find(&f->seen, entry->path, &node, err) < 0)
		return err->code;
	if (f->is_again)
		return add_again(f, entry, node, err);
	return entry->link ? add_link(f, entry, node, err) : add_file(f, entry, node, err);
}

static int data(struct ch_sink *sink, uint64_t off, const void *bytes, size_t len,
		struct ch_err *err)
{
	struct ch_flatten *f = (struct ch_flatten *)sink;

	if (!f->passes || f->seen.is_wrong)
		return 0;
	return f->to->data(f->to, off, bytes, len, err);
}

static int end(struct ch_sink *sink, struct ch_err *err)
{
	struct ch_flatten *f = (struct ch_flatten *)sink;

	ch_layered_settle(&f->seen);
	return send_due(f, err);
}

/* ---- ends --------------------------------------------------------------------------------- */

bool ch_flatten_layer_again(const struct ch_flatten *f)
{
	return f->wants_again && !f->seen.is_wrong;
}

/* A name whose file did not come */
static int complain(struct ch_flatten *f, struct ch_err *err)
{
	for (uint32_t i = 0; i < f->seen.paths.n; i++) {
		uint32_t first = f->seen.states[i].wishes;
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
	if (f->seen.is_wrong)
		return 1;
	return f->open_wishes > 0 ? complain(f, err) : 0;
}
