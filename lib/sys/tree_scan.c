/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/analyser.h"
#include "base/auto.h"
#include "base/err.h"
#include "sys/names.h"
#include "sys/tree.h"

/* What is only of interest while an entry is scanned */
struct node {
	size_t parent;
	bool is_wanted; /* else only looked into */
};

struct scanner {
	const struct ch_tree_scan *scan;
	struct ch_tree *tree;
	struct node *nodes; /* owned; as the tree's entries */
	struct stat top;    /* of the directory that is the tree's top */
};

/* An entry that may become one of the tree */
struct found {
	struct ch_tree_entry entry; /* owned, until it is taken */
	enum ch_tree_verdict verdict;
};

static void entry_done(struct ch_tree_entry *e)
{
	free(e->path);
	free(e->source);
	free(e->target);
	*e = (struct ch_tree_entry){ 0 };
}

static void ch_auto_entry(struct ch_tree_entry *e)
{
	entry_done(e);
}

void ch_tree_done(struct ch_tree *tree)
{
	for (size_t i = 0; i < tree->n; i++)
		entry_done(&tree->entries[i]);
	free(tree->entries);
	*tree = (struct ch_tree){ 0 };
}

/* "DIR/NAME", plain; NULL without memory */
static char *join(const char *dir, const char *name)
{
	size_t len = strlen(dir), more = strlen(name), slash = len > 0;
	char *path = malloc(len + slash + more + 1);

	if (!path)
		return NULL;
	memcpy(path, dir, len);
	if (slash)
		path[len] = '/';
	memcpy(path + len + slash, name, more + 1);
	return path;
}

CH_MOVES_BEGIN
/* Make room for one more entry. */
static int grow(struct ch_tree *t, struct node **nodes)
{
	size_t cap = t->cap ? 2 * t->cap : 64;
	void *entries = reallocarray(t->entries, cap, sizeof(*t->entries));

	if (!entries)
		return -ENOMEM;
	t->entries = entries;

	void *more = reallocarray(*nodes, cap, sizeof(**nodes));

	if (!more)
		return -ENOMEM;
	*nodes = more;
	t->cap = cap;
	return 0;
}
CH_MOVES_END

/* Take *ENTRY, below PARENT, into the tree. */
static int append(struct scanner *s, struct ch_tree_entry *entry, size_t parent, bool is_wanted,
		  struct ch_err *err)
{
	struct ch_tree *t = s->tree;

	if (t->n == t->cap && grow(t, &s->nodes) < 0)
		return ch_err_nomem(err);
	s->nodes[t->n] = (struct node){ parent, is_wanted };
	t->entries[t->n++] = ch_take(*entry);
	for (size_t i = parent; is_wanted && i != CH_TREE_NONE && !s->nodes[i].is_wanted;
	     i = s->nodes[i].parent)
		s->nodes[i].is_wanted = true;
	return 0;
}

/* ---- links ----------------------------------------------------------------------------- */

/* Does the link PATH of a tree, to TARGET, lead out of it, as far as the text says? */
static bool leads_out(const char *path, const char *target)
{
	long depth = 0;

	if (*target == '/')
		return true;
	for (; *path; path++)
		depth += *path == '/';
	while (*target) {
		size_t len = strcspn(target, "/");

		if (len == 2 && memcmp(target, "..", 2) == 0)
			depth--;
		else if (len > 0 && !(len == 1 && *target == '.'))
			depth++;
		if (depth < 0)
			return true;
		target += len;
		target += strspn(target, "/");
	}
	return false;
}

/* Is the directory with ST the one that PARENT is, or one above it? */
static bool is_above(const struct scanner *s, size_t parent, const struct stat *st)
{
	for (size_t i = parent; i != CH_TREE_NONE; i = s->nodes[i].parent) {
		const struct stat *up = &s->tree->entries[i].st;

		if (up->st_ino == st->st_ino && up->st_dev == st->st_dev)
			return true;
	}
	return s->top.st_ino == st->st_ino && s->top.st_dev == st->st_dev;
}

/* Replace the link E by what it leads to. Returns 1 if it leads nowhere. */
static int follow(struct scanner *s, struct ch_tree_entry *e, size_t parent, struct ch_err *err)
{
	ch_auto(str) char *source = NULL;
	int rc = ch_within_resolve(s->scan->root, e->source, s->scan->within, &source, err);

	if (rc < 0)
		return rc;

	ch_auto(fd) int fd = ch_within_open(s->scan->root, source, O_PATH | O_NOFOLLOW);

	if (fd == -ENOENT)
		return 1;
	if (fd < 0)
		return ch_err_rc(err, fd, "follow link '%s'", e->source);
	if (fstat(fd, &e->st) < 0)
		return ch_err_sys(err, "follow link '%s'", e->source);
	if (S_ISDIR(e->st.st_mode) && is_above(s, parent, &e->st))
		return ch_err_set(err, -ELOOP, "link '%s' leads to a directory that it is in",
				  e->source);
	free(e->source);
	e->source = ch_take(source);
	return 0;
}

/* E is a link in the directory DIR. Returns 1 if it is not to be taken. */
static int look_at_link(struct scanner *s, struct ch_tree_entry *e, int dir, const char *name,
			size_t parent, struct ch_err *err)
{
	char target[PATH_MAX];
	ssize_t len = readlinkat(dir, name, target, sizeof(target) - 1);

	if (len < 0)
		return ch_err_sys(err, "read link '%s'", e->source);
	target[len] = '\0';

	enum ch_tree_link what = leads_out(e->path, target) ? s->scan->unsafe_links
							    : s->scan->links;

	if (what == CH_TREE_LINK_LEAVE)
		return 1;
	if (what == CH_TREE_LINK_FOLLOW)
		return follow(s, e, parent, err);
	e->target = strdup(target);
	return e->target ? 0 : ch_err_nomem(err);
}

/* ---- directories ----------------------------------------------------------------------- */

/* Can things of this type be copied? */
static bool is_usual(mode_t mode)
{
	return S_ISREG(mode) || S_ISDIR(mode) || S_ISLNK(mode) || S_ISFIFO(mode);
}

/* The entry NAME of the open directory DIR, whose source is E's and whose copy is, too. */
static int look_at(struct scanner *s, struct ch_tree_entry *e, int dir, const char *name,
		   size_t parent, struct ch_err *err)
{
	const struct ch_tree_scan *scan = s->scan;
	enum ch_tree_verdict verdict = CH_TREE_TAKE;

	e->same_as = CH_TREE_NONE;
	if (fstatat(dir, name, &e->st, AT_SYMLINK_NOFOLLOW) < 0)
		return ch_err_sys(err, "look at '%s'", e->source);
	if (scan->filter)
		verdict = scan->filter(scan->data, e->path, e->source, e->st.st_mode);
	if (verdict == CH_TREE_LEAVE || (verdict == CH_TREE_LOOK && !S_ISDIR(e->st.st_mode)))
		return 0;

	mode_t mode = e->st.st_mode;
	int rc = S_ISLNK(mode) ? look_at_link(s, e, dir, name, parent, err) : 0;

	if (rc < 0)
		return rc;
	if (rc > 0 || !is_usual(e->st.st_mode)) {
		if (scan->left)
			scan->left(scan->data, e->source, mode);
		return 0;
	}
	return append(s, e, parent, verdict == CH_TREE_TAKE, err);
}

/* Add what is in a directory: SOURCE below the root, PATH in the copy, PARENT in the tree. The
 * texts are gone if the tree grows, unless they are no entry's. */
static int read_dir(struct scanner *s, const char *source, const char *path, size_t parent,
		    struct ch_err *err)
{
	ch_auto(names) struct ch_names names = { 0 };
	ch_auto(fd) int fd = ch_within_open(s->scan->root, source, O_RDONLY | O_DIRECTORY);
	int rc = fd < 0 ? fd : ch_names_read(fd, &names);

	if (rc < 0)
		return ch_err_rc(err, rc, "read directory '%s'", *source ? source : ".");
	for (size_t i = 0; i < names.n; i++) {
		ch_auto(entry) struct ch_tree_entry e = {
			.path = join(path, names.list[i]),
			.source = join(source, names.list[i]),
		};

		if (!e.path || !e.source)
			return ch_err_nomem(err);
		if (look_at(s, &e, fd, names.list[i], parent, err) < 0)
			return err->code;
	}
	return 0;
}

/* ---- trees ----------------------------------------------------------------------------- */

/* The top, as an entry */
static int read_top(struct scanner *s, struct ch_err *err)
{
	const struct ch_tree_scan *scan = s->scan;
	const char *name;
	ch_auto(fd) int dir = ch_within_open_parent(scan->root, scan->path, &name);
	ch_auto(entry) struct ch_tree_entry e = { .path = strdup(scan->name),
						  .source = strdup(scan->path) };

	if (dir < 0)
		return ch_err_rc(err, dir, "open '%s'", scan->path);
	if (!e.path || !e.source)
		return ch_err_nomem(err);
	return look_at(s, &e, dir, *name ? name : ".", CH_TREE_NONE, err);
}

static int read_all(struct scanner *s, struct ch_err *err)
{
	const struct ch_tree_scan *scan = s->scan;
	const struct ch_tree *t = s->tree;

	if (scan->name) {
		if (read_top(s, err) < 0)
			return err->code;
	} else {
		ch_auto(fd) int top = ch_within_open(scan->root, scan->path, O_PATH | O_DIRECTORY);

		if (top < 0 || fstat(top, &s->top) < 0)
			return ch_err_rc(err, top < 0 ? top : -errno, "open directory '%s'",
					 *scan->path ? scan->path : ".");
		if (read_dir(s, scan->path, "", CH_TREE_NONE, err) < 0)
			return err->code;
	}
	for (size_t i = 0; i < t->n && !scan->is_flat; i++) {
		if (!S_ISDIR(t->entries[i].st.st_mode))
			continue;

		ch_auto(str) char *source = strdup(t->entries[i].source);
		ch_auto(str) char *path = strdup(t->entries[i].path);

		if (!source || !path)
			return ch_err_nomem(err);
		if (read_dir(s, source, path, i, err) < 0)
			return err->code;
	}
	return 0;
}

static void drop_unwanted(struct scanner *s)
{
	struct ch_tree *t = s->tree;
	size_t n = 0;

	for (size_t i = 0; i < t->n; i++) {
		if (!s->nodes[i].is_wanted)
			entry_done(&t->entries[i]);
		else if (n++ != i)
			t->entries[n - 1] = ch_take(t->entries[i]);
	}
	t->n = n;
}

struct inode {
	dev_t dev;
	ino_t ino;
	size_t index;
};

static int by_inode(const void *a, const void *b)
{
	const struct inode *x = a, *y = b;

	if (x->dev != y->dev)
		return x->dev < y->dev ? -1 : 1;
	if (x->ino != y->ino)
		return x->ino < y->ino ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

static int find_hard_links(struct ch_tree *t, struct ch_err *err)
{
	size_t n = 0;

	for (size_t i = 0; i < t->n; i++)
		n += S_ISREG(t->entries[i].st.st_mode) && t->entries[i].st.st_nlink > 1;
	if (n < 2)
		return 0;

	ch_auto(mem) struct inode *inodes = calloc(n, sizeof(*inodes));

	if (!inodes)
		return ch_err_nomem(err);
	n = 0;
	for (size_t i = 0; i < t->n; i++) {
		const struct stat *st = &t->entries[i].st;

		if (S_ISREG(st->st_mode) && st->st_nlink > 1)
			inodes[n++] = (struct inode){ st->st_dev, st->st_ino, i };
	}
	qsort(inodes, n, sizeof(*inodes), by_inode);
	for (size_t i = 1, first = 0; i < n; i++) {
		if (inodes[i].dev == inodes[first].dev && inodes[i].ino == inodes[first].ino)
			t->entries[inodes[i].index].same_as = inodes[first].index;
		else
			first = i;
	}
	return 0;
}

int ch_tree_scan(const struct ch_tree_scan *scan, struct ch_tree *ret_tree, struct ch_err *err)
{
	ch_auto(tree) struct ch_tree tree = { .root = scan->root };
	struct scanner s = { .scan = scan, .tree = &tree };
	int rc = read_all(&s, err);

	if (rc == 0) {
		drop_unwanted(&s);
		rc = find_hard_links(&tree, err);
	}
	free(s.nodes);
	if (rc == 0)
		*ret_tree = ch_take(tree);
	return rc;
}
