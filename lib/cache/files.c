/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/files.h"

#include <stdio.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "cache/dirmeta.h"
#include "cache/name.h"
#include "cache/odb.h"
#include "cache/pieces.h"
#include "cache/write.h"

void ch_gittree_entry_add(struct ch_buf *to, const struct ch_gittree_entry *entry)
{
	ch_buf_addf(to, "%o %s", entry->mode, entry->name);
	ch_buf_add(to, "", 1);
	ch_buf_add(to, entry->oid.bytes, CH_OID_BYTES);
}

int ch_gittree_entry_next(const uint8_t **data, size_t *len, struct ch_gittree_entry *ret_entry)
{
	const uint8_t *p = *data, *end = p + *len;
	unsigned mode = 0;

	if (*len == 0)
		return 0;
	for (; p < end && *p >= '0' && *p <= '7' && mode < 01000000; p++)
		mode = 8 * mode + (unsigned)(*p - '0');
	if (p == end || *p++ != ' ')
		return -EBADMSG;

	const uint8_t *nul = memchr(p, '\0', (size_t)(end - p));

	if (!nul || end - nul <= CH_OID_BYTES)
		return -EBADMSG;
	ret_entry->mode = mode;
	ret_entry->name = (const char *)p;
	memcpy(ret_entry->oid.bytes, nul + 1, CH_OID_BYTES);
	*data = nul + 1 + CH_OID_BYTES;
	*len = (size_t)(end - *data);
	return 1;
}

/* ---- write ---- */

struct putting {
	struct ch_writer *writer;
	struct ch_press *press;
};

/* An entry with its name in the tree, to sort by. */
struct named {
	const struct ch_node *node; /* NULL: what is said of the directory */
	struct ch_oid oid;
	char *name; /* owned */
	size_t len;
};

/* Git's order: directories as if their names ended in a slash. */
static int in_tree_order(const void *a, const void *b)
{
	const struct named *x = a, *y = b;
	size_t least = x->len < y->len ? x->len : y->len;
	int order = memcmp(x->name, y->name, least);
	bool x_dir = x->node && S_ISDIR(x->node->mode), y_dir = y->node && S_ISDIR(y->node->mode);
	unsigned char cx = (unsigned char)x->name[least], cy = (unsigned char)y->name[least];

	if (order)
		return order;
	if (!cx && x_dir)
		cx = '/';
	if (!cy && y_dir)
		cy = '/';
	return cx - cy;
}

static unsigned git_mode(const struct named *e)
{
	if (!e->node)
		return CH_MODE_FILE;
	if (S_ISDIR(e->node->mode))
		return CH_MODE_TREE;
	if (S_ISLNK(e->node->mode))
		return CH_MODE_LINK;
	return e->node->mode & S_IXUSR ? CH_MODE_EXEC : CH_MODE_FILE;
}

static int put_dir(struct putting *p, const struct ch_node *dir, struct ch_oid *ret_oid,
		   struct ch_err *err);

static int name_entry(struct putting *p, const struct ch_node *node, struct named *ret_entry,
		      struct ch_err *err)
{
	char name[CH_NAME_TREE_MAX];
	struct named e = { .node = node, .oid = node->oid };

	e.len = ch_name_to_tree(node->name, name);
	e.name = strdup(name);
	if (!e.name)
		return ch_err_nomem(err);
	*ret_entry = e;
	return S_ISDIR(node->mode) ? put_dir(p, node, &ret_entry->oid, err) : 0;
}

/* LIST has N entries, and room for one more, in the tree's order. */
static int put_meta(struct putting *p, const struct ch_node *dir, const struct named *list,
		    size_t n, struct ch_oid *ret_oid, struct ch_err *err)
{
	ch_auto(buf) struct ch_buf meta = CH_BUF_INIT(CH_ODB_MAX);

	ch_dirmeta_begin(&meta, dir);
	for (size_t i = 0; i < n; i++)
		ch_dirmeta_add(&meta, list[i].node);
	for (size_t i = 0; i < dir->n; i++)
		if (S_ISFIFO(dir->kids[i].mode))
			ch_dirmeta_add(&meta, &dir->kids[i]);
	if (ch_buf_bad(&meta))
		return ch_err_nomem(err);
	return ch_writer_put(p->writer, p->press, CH_KIND_BLOB, meta.data, meta.len, ret_oid, err);
}

static int put_list(struct putting *p, const struct ch_node *dir, struct named *list, size_t *n,
		    struct ch_oid *ret_oid, struct ch_err *err)
{
	ch_auto(buf) struct ch_buf tree = CH_BUF_INIT(CH_ODB_MAX);
	struct named meta = { .len = strlen(CH_NAME_META) };
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < dir->n; i++) {
		if (S_ISFIFO(dir->kids[i].mode))
			continue;
		rc = name_entry(p, &dir->kids[i], &list[*n], err);
		*n += list[*n].name != NULL;
	}
	if (rc < 0)
		return rc;
	qsort(list, *n, sizeof(*list), in_tree_order);
	rc = put_meta(p, dir, list, *n, &meta.oid, err);
	meta.name = rc == 0 ? strdup(CH_NAME_META) : NULL;
	if (!meta.name)
		return rc < 0 ? rc : ch_err_nomem(err);
	list[(*n)++] = meta;
	qsort(list, *n, sizeof(*list), in_tree_order);
	for (size_t i = 0; i < *n; i++)
		ch_gittree_entry_add(&tree,
				     &(struct ch_gittree_entry){ git_mode(&list[i]), list[i].name,
								 list[i].oid });
	if (ch_buf_bad(&tree))
		return ch_err_nomem(err);
	return ch_writer_put(p->writer, p->press, CH_KIND_TREE, tree.data, tree.len, ret_oid, err);
}

static int put_dir(struct putting *p, const struct ch_node *dir, struct ch_oid *ret_oid,
		   struct ch_err *err)
{
	ch_auto(mem) struct named *list = calloc(dir->n + 1, sizeof(*list));
	size_t n = 0;

	if (!list)
		return ch_err_nomem(err);

	int rc = put_list(p, dir, list, &n, ret_oid, err);

	for (size_t i = 0; i < n; i++)
		free(list[i].name);
	return rc;
}

int ch_files_write(struct ch_writer *writer, struct ch_press *press, const struct ch_gittree *tree,
		   struct ch_oid *ret_oid, struct ch_err *err)
{
	struct putting p = { writer, press };

	return put_dir(&p, &tree->root, ret_oid, err);
}

/* ---- read ---- */

struct getting {
	struct ch_odb *odb;
	struct ch_gittree *tree;
	struct ch_way way;
};

static int damaged(const struct getting *g, struct ch_err *err)
{
	return ch_err_set(err, -EBADMSG, "the tree of '/%s' is damaged", g->way.path);
}

static unsigned type_of(unsigned git_mode)
{
	switch (git_mode) {
	case CH_MODE_TREE:
		return S_IFDIR;
	case CH_MODE_LINK:
		return S_IFLNK;
	case CH_MODE_FILE:
	case CH_MODE_EXEC:
		return S_IFREG;
	default:
		return 0;
	}
}

/* The entries of a tree; what is said of the directory goes to RET_META. */
static int get_entries(struct getting *g, const uint8_t *data, size_t len, struct ch_nodes *nodes,
		       struct ch_oid *ret_meta, struct ch_err *err)
{
	char name[CH_NAME_FILE_MAX + 1];
	struct ch_gittree_entry entry;
	bool has_meta = false;
	int rc;

	while ((rc = ch_gittree_entry_next(&data, &len, &entry)) == 1) {
		struct ch_node node = { .mode = type_of(entry.mode), .oid = entry.oid };

		if (!has_meta && strcmp(entry.name, CH_NAME_META) == 0 && S_ISREG(node.mode)) {
			*ret_meta = entry.oid;
			has_meta = true;
			continue;
		}
		if (!node.mode || !ch_name_from_tree(entry.name, name))
			return damaged(g, err);
		node.name = ch_arena_copy(&g->tree->arena, name, strlen(name) + 1);
		if (!node.name)
			return ch_err_nomem(err);
		rc = ch_nodes_add(nodes, &node, err);
		if (rc < 0)
			return rc;
	}
	return rc < 0 || !has_meta ? damaged(g, err) : 0;
}

/* What is said of DIR, its entries, and those that Git has no kind for. */
static int get_meta(struct getting *g, struct ch_pieces *from, struct ch_node *dir,
		    struct ch_nodes *nodes, struct ch_err *err)
{
	int rc = ch_dirmeta_start(from, dir, &g->tree->arena, err);

	for (size_t i = 0; rc == 0 && i < nodes->n; i++) {
		unsigned type = nodes->list[i].mode;

		if (S_ISDIR(type))
			continue;
		rc = ch_dirmeta_next(from, &nodes->list[i], &g->tree->arena, err);
		if (rc == 0 && (nodes->list[i].mode & S_IFMT) != type)
			return damaged(g, err);
	}
	while (rc == 0 && from->p < from->end) {
		struct ch_node node = { 0 };

		rc = ch_dirmeta_next(from, &node, &g->tree->arena, err);
		if (rc == 0 && !S_ISFIFO(node.mode))
			return damaged(g, err);
		if (rc == 0)
			rc = ch_nodes_add(nodes, &node, err);
	}
	return rc;
}

static int get_dir(struct getting *g, struct ch_node *dir, struct ch_err *err);

static int get_kids(struct getting *g, struct ch_node *dir, struct ch_err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < dir->n; i++) {
		size_t len;

		if (!S_ISDIR(dir->kids[i].mode))
			continue;
		rc = ch_way_down(&g->way, dir->kids[i].name, &len, err);
		if (rc < 0)
			return rc;
		rc = get_dir(g, &dir->kids[i], err);
		ch_way_up(&g->way, len);
	}
	return rc;
}

static int get_dir(struct getting *g, struct ch_node *dir, struct ch_err *err)
{
	ch_auto(mem) uint8_t *data = NULL, *meta = NULL;
	ch_auto(nodes) struct ch_nodes nodes = { 0 };
	struct ch_oid meta_oid;
	size_t len, meta_len = 0;
	int rc = ch_odb_read(g->odb, &dir->oid, CH_KIND_TREE, &data, &len, err);

	if (rc == 0)
		rc = get_entries(g, data, len, &nodes, &meta_oid, err);
	if (rc == 0)
		rc = ch_odb_read(g->odb, &meta_oid, CH_KIND_BLOB, &meta, &meta_len, err);
	if (rc < 0)
		return rc;

	struct ch_pieces from = { .p = meta, .end = meta + meta_len };

	rc = get_meta(g, &from, dir, &nodes, err);
	if (rc == 0)
		rc = ch_nodes_move(&nodes, g->tree, dir, err);
	return rc == 0 ? get_kids(g, dir, err) : rc;
}

/* Links lead to what is a first one itself, and of the same kind and content. */
static int check_links(const struct ch_gittree *tree, const struct ch_node *dir, struct ch_err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < dir->n; i++) {
		const struct ch_node *node = &dir->kids[i];
		const struct ch_node *to = node->link ? ch_gittree_find(tree, node->link) : NULL;

		if (node->link && (!to || to->link || to->mode != node->mode ||
				   !ch_oid_is_equal(&to->oid, &node->oid)))
			return ch_err_set(err, -EBADMSG, "a hard link is damaged");
		if (S_ISDIR(node->mode))
			rc = check_links(tree, node, err);
	}
	return rc;
}

int ch_files_read(struct ch_odb *odb, const struct ch_oid *oid, struct ch_gittree *ret_tree,
		  struct ch_err *err)
{
	ch_auto(mem) struct getting *g = calloc(1, sizeof(*g));

	if (!g)
		return ch_err_nomem(err);
	*ret_tree = (struct ch_gittree){ .root = { .name = "", .mode = S_IFDIR, .oid = *oid } };
	g->odb = odb;
	g->tree = ret_tree;

	int rc = get_dir(g, &ret_tree->root, err);

	if (rc == 0)
		rc = check_links(ret_tree, &ret_tree->root, err);
	if (rc < 0)
		ch_gittree_done(ret_tree);
	return rc;
}
