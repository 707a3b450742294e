/* SPDX-License-Identifier: Apache-2.0 */
/* graph.c - all commits as a tree: for a terminal, and for graphviz
 *
 * Each commit has at most one parent, so they are trees with a first commit as root. They are
 * drawn from their leaves to the root, newest first: of several commits on the same parent, the
 * first continues its line, and the others each get one beside it, that ends there. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"
#include "cache/cache.h"
#include "cache/commit.h"
#include "cache/refs.h"
#include "cache/repo.h"
#include "hash/hash.h"

#define TEXT_MAX (256U << 20)
#define DEEPEST	 200 /* lines beside each other */
#define NOBODY	 SIZE_MAX

struct vertex {
	struct ch_oid oid;
	struct ch_commit commit; /* owned */
	size_t parent;		 /* index, or NOBODY */
	size_t first, next;	 /* of its kids, newest first; of its parent's */
	int64_t newest;		 /* time of the newest commit on it */
};

struct graph {
	struct ch_cache *cache;
	struct vertex *list;
	size_t n, cap;
	struct ch_oidmap index; /* by name */
	struct ch_refs branches;
	size_t roots; /* the first, newest first */
};

static void done(struct graph *g)
{
	for (size_t i = 0; i < g->n; i++)
		ch_commit_done(&g->list[i].commit);
	free(g->list);
	ch_oidmap_done(&g->index);
	ch_refs_done(&g->branches);
}

/* ---- read ---- */

static int add(struct graph *g, const struct ch_oid *oid, struct ch_commit *commit,
	       struct ch_err *err)
{
	if (g->n == g->cap) {
		size_t cap = g->cap ? 2 * g->cap : 256;
		struct vertex *more = reallocarray(g->list, cap, sizeof(*more));

		if (!more)
			return ch_err_nomem(err);
		g->list = more;
		g->cap = cap;
	}
	if (ch_oidmap_add(&g->index, oid, g->n) < 0)
		return ch_err_nomem(err);
	g->list[g->n++] = (struct vertex){
		.oid = *oid, .commit = *commit, .parent = NOBODY, .first = NOBODY, .next = NOBODY
	};
	commit->message = NULL;
	return 0;
}

/* OID and what it is built on. */
static int add_line(struct graph *g, const struct ch_oid *oid, struct ch_err *err)
{
	struct ch_oid at = *oid;

	while (!ch_oidmap_find(&g->index, &at)) {
		ch_auto(commit) struct ch_commit commit = { 0 };
		int rc = ch_commit_read(&g->cache->odb, &at, &commit, err);
		bool has_parent = commit.has_parent;
		struct ch_oid parent = commit.parent;

		if (rc == 0)
			rc = add(g, &at, &commit, err);
		if (rc < 0 || !has_parent)
			return rc;
		at = parent;
	}
	return 0;
}

static int read_space(struct graph *g, const char *space, struct ch_refs *refs, struct ch_err *err)
{
	int rc = ch_refs_list(g->cache, space, refs, err);

	for (size_t i = 0; rc == 0 && i < refs->n; i++)
		rc = add_line(g, &refs->list[i].commit, err);
	return rc;
}

static int read_all(struct graph *g, struct ch_err *err)
{
	ch_auto(refs) struct ch_refs states = { 0 };
	ch_auto(refs) struct ch_refs deleted = { 0 };
	int rc = read_space(g, CH_REFS_BRANCHES, &g->branches, err);

	if (rc == 0)
		rc = read_space(g, CH_REFS_DELETED, &deleted, err);
	return rc == 0 ? read_space(g, CH_REFS_STATES, &states, err) : rc;
}

/* ---- connect ---- */

/* The age of a line is that of its newest commit: go up from each of them. */
static void age(struct graph *g)
{
	for (size_t i = 0; i < g->n; i++) {
		int64_t time = g->list[i].commit.time;

		for (size_t k = i; k != NOBODY && g->list[k].newest <= time;
		     k = g->list[k].parent) {
			if (k != i && g->list[k].newest == time)
				break;
			g->list[k].newest = time;
		}
	}
}

/* Into the list that begins at *FIRST, newest first; of the same age, the later one first. */
static void insert(struct graph *g, size_t *first, size_t i)
{
	while (*first != NOBODY && g->list[*first].newest > g->list[i].newest)
		first = &g->list[*first].next;
	g->list[i].next = *first;
	*first = i;
}

static void connect(struct graph *g)
{
	for (size_t i = 0; i < g->n; i++) {
		const struct ch_commit *commit = &g->list[i].commit;
		const uint64_t *parent = commit->has_parent
						 ? ch_oidmap_find(&g->index, &commit->parent)
						 : NULL;

		if (parent)
			g->list[i].parent = *parent;
	}
	age(g);
	g->roots = NOBODY;
	for (size_t i = 0; i < g->n; i++) {
		size_t parent = g->list[i].parent;

		insert(g, parent == NOBODY ? &g->roots : &g->list[parent].first, i);
	}
}

/* ---- what is said of a commit ---- */

/* The first line of the instruction. */
static void add_subject(struct ch_buf *to, const struct vertex *v)
{
	char line[256];

	snprintf(line, sizeof(line), "%.*s", (int)strcspn(v->commit.message, "\n"),
		 v->commit.message);
	ch_text_cut(line, 200);
	ch_text_one_line(line);
	ch_buf_adds(to, line);
}

/* The names of its branches, in parentheses, if there are any; as Git has them. */
static void add_branches(const struct graph *g, struct ch_buf *to, const struct vertex *v,
			 const char *before, const char *after)
{
	const char *mark = before;

	for (size_t i = 0; i < g->branches.n; i++) {
		const char *name = g->branches.list[i].name + strlen(CH_REFS_BRANCHES "/");

		if (!ch_oid_is_equal(&g->branches.list[i].commit, &v->oid))
			continue;
		ch_buf_addf(to, "%s%s%s", mark, strcmp(name, "root") == 0 ? "HEAD -> " : "", name);
		mark = ", ";
	}
	if (mark != before)
		ch_buf_adds(to, after);
}

static void add_details(struct ch_buf *to, const char *lead, const struct vertex *v)
{
	char hex[CH_SHA256_HEX], when[64] = "";
	time_t time = v->commit.time;
	struct tm tm;

	if (localtime_r(&time, &tm))
		strftime(when, sizeof(when), "%F %T %z", &tm);
	ch_buf_addf(to, "%scommit %s\n%sdate   %s\n", lead, ch_oid_hex(&v->oid, hex), lead, when);
	ch_hash_hex(v->commit.state.bytes, CH_CACHE_STATE_BYTES, hex);
	ch_buf_addf(to, "%sstate  %s\n%s\n", lead, hex, lead);
}

/* ---- for a terminal ---- */

static void add_lines(struct ch_buf *to, unsigned depth)
{
	for (unsigned i = 0; i < depth; i++)
		ch_buf_adds(to, "| ");
}

static void draw_commit(const struct graph *g, struct ch_buf *to, size_t i, unsigned depth,
			bool verbose)
{
	const struct vertex *v = &g->list[i];
	ch_auto(buf) struct ch_buf lead = CH_BUF_INIT(4096);

	add_lines(to, depth);
	ch_buf_adds(to, "*  ");
	add_branches(g, to, v, "(", ") ");
	add_subject(to, v);
	ch_buf_adds(to, "\n");
	if (!verbose)
		return;
	add_lines(&lead, depth);
	/* Nothing goes on below the first commit. */
	ch_buf_adds(&lead, v->parent == NOBODY ? "   " : "|  ");
	if (lead.data)
		add_details(to, lead.data, v);
}

/* What is built on I, and I itself. */
static int draw(const struct graph *g, struct ch_buf *to, size_t i, unsigned depth, bool verbose,
		struct ch_err *err)
{
	size_t top = i, at = i;
	int rc = 0;

	if (depth > DEEPEST)
		return ch_err_set(err, -E2BIG, "the tree is too wide to be drawn");
	/* Along the line of first kids, down again from its end. */
	while (g->list[at].first != NOBODY)
		at = g->list[at].first;
	for (;; at = g->list[at].parent) {
		size_t kid = g->list[at].first;

		for (kid = kid == NOBODY ? kid : g->list[kid].next; rc == 0 && kid != NOBODY;
		     kid = g->list[kid].next) {
			rc = draw(g, to, kid, depth + 1, verbose, err);
			add_lines(to, depth);
			ch_buf_adds(to, "|/\n");
		}
		if (rc < 0)
			return rc;
		draw_commit(g, to, at, depth, verbose);
		if (at == top)
			return 0;
	}
}

static int draw_all(const struct graph *g, struct ch_buf *to, bool verbose, struct ch_err *err)
{
	int rc = 0;

	for (size_t i = g->roots; rc == 0 && i != NOBODY; i = g->list[i].next)
		rc = draw(g, to, i, 0, verbose, err);
	return rc;
}

/* ---- for graphviz ---- */

static void add_quoted(struct ch_buf *to, const char *text)
{
	for (; *text; text++)
		ch_buf_addf(to, *text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
}

static int dot_all(const struct graph *g, struct ch_buf *to, struct ch_err *err)
{
	char hex[CH_OID_HEX];

	ch_buf_adds(to, "digraph \"build cache\" {\n\trankdir=BT;\n"
			"\tnode [shape=box, style=rounded, fontname=monospace];\n");
	for (size_t i = 0; i < g->n; i++) {
		const struct vertex *v = &g->list[i];
		ch_auto(buf) struct ch_buf label = CH_BUF_INIT(1 << 20);

		add_branches(g, &label, v, "", "\n");
		add_subject(&label, v);
		if (!label.data)
			return ch_err_nomem(err);
		ch_buf_addf(to, "\t\"%s\" [label=\"", ch_oid_hex(&v->oid, hex));
		add_quoted(to, label.data);
		ch_buf_adds(to, "\"];\n");
		if (v->parent == NOBODY)
			continue;
		ch_buf_addf(to, "\t\"%s\" -> ", hex);
		ch_buf_addf(to, "\"%s\";\n", ch_oid_hex(&g->list[v->parent].oid, hex));
	}
	ch_buf_adds(to, "}\n");
	return 0;
}

/* ---- both ---- */

enum form { FORM_SHORT, FORM_VERBOSE, FORM_DOT };

static int show(struct ch_cache *cache, enum form form, char **ret_text, struct ch_err *err)
{
	ch_auto(buf) struct ch_buf text = CH_BUF_INIT(TEXT_MAX);
	struct graph g = { .cache = cache, .roots = NOBODY };
	int rc = ch_repo_need_objects(cache, false, err);

	if (rc == 1)
		rc = ch_odb_refresh(&cache->odb, err);
	if (rc == 0 && cache->has_odb)
		rc = read_all(&g, err);
	if (rc == 0) {
		connect(&g);
		rc = form == FORM_DOT ? dot_all(&g, &text, err)
				      : draw_all(&g, &text, form == FORM_VERBOSE, err);
	}
	if (rc == 0 && ch_buf_take(&text, ret_text) < 0)
		rc = ch_err_nomem(err);
	done(&g);
	return ch_repo_said(rc, err);
}

int ch_cache_tree(struct ch_cache *cache, bool verbose, char **ret_text, struct ch_err *err)
{
	return show(cache, verbose ? FORM_VERBOSE : FORM_SHORT, ret_text, err);
}

int ch_cache_dot(struct ch_cache *cache, char **ret_text, struct ch_err *err)
{
	return show(cache, FORM_DOT, ret_text, err);
}
