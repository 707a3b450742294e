/* SPDX-License-Identifier: Apache-2.0 */
#include "convert/squash_tree.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "archive/entry.h"
#include "base/err.h"
#include "convert/namehash.h"

enum { CHUNK = 1 << 20, ALIGN = 8, ROOM_MIN = 1024 };

/* What Linux finds: the format could hold one byte more of a name. */
enum {
	NAME_LEN = 255,
	TARGET_LEN = PATH_MAX - 1,
	XATTR_NAME_LEN = 255,
	XATTR_LEN = 65536,
	XATTRS_LEN = 65536, /* names with their NULs: what listxattr(2) can tell */
};

struct ch_squash_chunk {
	struct ch_squash_chunk *next;
	size_t used, room;
	_Alignas(ALIGN) char data[];
};

/* ---- memory ------------------------------------------------------------------------ */

void *ch_squash_tree_alloc(struct ch_squash_tree *tree, size_t size)
{
	struct ch_squash_chunk *chunk = tree->chunks;

	if (size > SIZE_MAX / 2)
		return NULL;
	size = (size + ALIGN - 1) / ALIGN * ALIGN;
	if (!chunk || chunk->room - chunk->used < size) {
		size_t room = size > CHUNK / 4 ? size : CHUNK;
		/* Zeros, which cost nothing till they are touched: lists of holes are long. */
		struct ch_squash_chunk *more = calloc(1, sizeof(*more) + room);

		if (!more)
			return NULL;
		more->room = room;
		if (chunk && room == size) { /* the one in use has room for others */
			more->next = chunk->next;
			chunk->next = more;
		} else {
			more->next = chunk;
			tree->chunks = more;
		}
		chunk = more;
	}
	chunk->used += size;
	return chunk->data + chunk->used - size;
}

static char *copy(struct ch_squash_tree *tree, const char *text, size_t len)
{
	char *to = ch_squash_tree_alloc(tree, len + 1);

	if (to)
		memcpy(to, text, len);
	return to;
}

/* ---- names ------------------------------------------------------------------------- */

static uint64_t hash(const struct ch_squash_tree *tree, const struct ch_squash_inode *dir,
		     const char *name, size_t len)
{
	return ch_namehash(tree->seed, (uintptr_t)dir, name, len);
}

static int grow(struct ch_squash_tree *tree)
{
	size_t room = tree->room ? 2 * tree->room : ROOM_MIN;
	struct ch_squash_name **table = calloc(room, sizeof(struct ch_squash_name *));

	if (!table)
		return -ENOMEM;
	for (size_t i = 0; i < tree->room; i++) {
		size_t at = tree->table[i] ? tree->table[i]->hash & (room - 1) : 0;

		if (!tree->table[i])
			continue;
		while (table[at])
			at = (at + 1) & (room - 1);
		table[at] = tree->table[i];
	}
	free(tree->table);
	tree->table = table;
	tree->room = room;
	return 0;
}

/* The place of the table where NAME in DIR is, or would be. */
static struct ch_squash_name **place(const struct ch_squash_tree *tree,
				     const struct ch_squash_inode *dir, const char *name,
				     size_t len, uint64_t h)
{
	size_t at = h & (tree->room - 1);

	for (;; at = (at + 1) & (tree->room - 1)) {
		const struct ch_squash_name *have = tree->table[at];

		if (!have || (have->hash == h && have->dir == dir &&
			      strncmp(have->name, name, len) == 0 && !have->name[len]))
			return &tree->table[at];
	}
}

static struct ch_squash_name *find(const struct ch_squash_tree *tree,
				   const struct ch_squash_inode *dir, const char *name, size_t len)
{
	return *place(tree, dir, name, len, hash(tree, dir, name, len));
}

/* Let NAME in DIR be INODE, whatever it was. */
static int link_name(struct ch_squash_tree *tree, struct ch_squash_inode *dir, const char *name,
		     size_t len, struct ch_squash_inode *inode)
{
	if (2 * tree->n >= tree->room && grow(tree) < 0)
		return -ENOMEM;

	uint64_t h = hash(tree, dir, name, len);
	struct ch_squash_name **at = place(tree, dir, name, len, h);

	if (*at) {
		tree->last_dir = NULL; /* it may be below what goes */
		(*at)->inode = inode;
		return 0;
	}

	struct ch_squash_name *made = ch_squash_tree_alloc(tree, sizeof(*made) + len + 1);

	if (!made)
		return -ENOMEM;
	memcpy(made->name, name, len);
	*made = (struct ch_squash_name){
		.next = dir->dir->first, .dir = dir, .inode = inode, .hash = h
	};
	dir->dir->first = made;
	*at = made;
	tree->n++;
	return 0;
}

/* ---- inodes ------------------------------------------------------------------------ */

static struct ch_squash_inode *new_dir(struct ch_squash_tree *tree, struct ch_squash_inode *parent)
{
	struct ch_squash_inode *inode = ch_squash_tree_alloc(tree, sizeof(*inode));

	if (!inode)
		return NULL;
	inode->mode = S_IFDIR | 0755;
	inode->dir = ch_squash_tree_alloc(tree, sizeof(*inode->dir));
	if (!inode->dir)
		return NULL;
	inode->dir->parent = parent;
	return inode;
}

static struct ch_squash_inode *new_inode(struct ch_squash_tree *tree, const struct ch_entry *entry,
					 struct ch_squash_inode *parent)
{
	struct ch_squash_inode *inode;

	if (S_ISDIR(entry->mode))
		return new_dir(tree, parent);
	inode = ch_squash_tree_alloc(tree, sizeof(*inode));
	if (!inode)
		return NULL;
	inode->mode = entry->mode;
	if (S_ISREG(entry->mode)) {
		inode->file = ch_squash_tree_alloc(tree, sizeof(*inode->file));
		if (!inode->file)
			return NULL;
		inode->file->size = entry->size;
		inode->file->fragment = CH_SQUASH_NO_FRAGMENT;
	} else if (S_ISLNK(entry->mode)) {
		inode->target = copy(tree, entry->target, strlen(entry->target));
		if (!inode->target)
			return NULL;
	}
	return inode;
}

static bool can_hold(const char *name)
{
	static const char *const spaces[] = { "user.", "security.", "trusted." };

	for (size_t i = 0; i < sizeof(spaces) / sizeof(*spaces); i++)
		if (strncmp(name, spaces[i], strlen(spaces[i])) == 0)
			return name[strlen(spaces[i])] != '\0';
	return false;
}

/* By insertion: check_xattrs() has seen to it that there are not many. */
static int add_xattr(struct ch_squash_tree *tree, struct ch_squash_inode *inode,
		     const struct ch_entry_xattr *xattr)
{
	struct ch_squash_xattr **at = &inode->xattrs, *made;
	size_t len = strlen(xattr->name) + 1;

	while (*at && strcmp((*at)->name, xattr->name) < 0)
		at = &(*at)->next;
	made = ch_squash_tree_alloc(tree, sizeof(*made) + len + xattr->len);
	if (!made)
		return -ENOMEM;
	memcpy(made->name, xattr->name, len);
	made->value = made->name + len;
	if (xattr->len > 0)
		memcpy(made->value, xattr->value, xattr->len);
	made->len = xattr->len;
	made->next = *at && strcmp((*at)->name, xattr->name) == 0 ? (*at)->next : *at;
	*at = made;
	return 0;
}

static int set_attributes(struct ch_squash_tree *tree, struct ch_squash_inode *inode,
			  const struct ch_entry *entry)
{
	time_t mtime = entry->mtime.tv_sec;

	inode->mode = entry->mode;
	inode->mtime = mtime < 0 ? 0 : mtime > UINT32_MAX ? UINT32_MAX : (uint32_t)mtime;
	if (inode->mtime > tree->newest)
		tree->newest = inode->mtime;
	inode->xattrs = NULL;
	for (size_t i = 0; tree->xattrs && i < entry->n_xattrs; i++)
		if (can_hold(entry->xattrs[i].name) &&
		    add_xattr(tree, inode, &entry->xattrs[i]) < 0)
			return -ENOMEM;
	return 0;
}

/* ---- entries ----------------------------------------------------------------------- */

/* Is there a part of PATH at NAME, LEN long, that a file can have as its name? */
static int check_name(const char *path, const char *name, size_t len, struct ch_err *err)
{
	if (len == 0 || (len <= 2 && strncmp(name, "..", len) == 0))
		return ch_err_set(err, -EINVAL, "'%s' is no proper path", path);
	if (len > NAME_LEN)
		return ch_err_set(err, -ENAMETOOLONG, "'%s': a name of more than %d bytes", path,
				  NAME_LEN);
	return 0;
}

static int remember(struct ch_squash_tree *tree, const char *path, size_t len,
		    struct ch_squash_inode *dir)
{
	if (len >= tree->last_room) {
		char *room = realloc(tree->last, 2 * len + 1);

		if (!room)
			return -ENOMEM;
		tree->last = room;
		tree->last_room = 2 * len + 1;
	}
	memcpy(tree->last, path, len);
	tree->last_len = len;
	tree->last_dir = dir;
	return 0;
}

/* The directory that PATH is in, made if need be; to RET_NAME, PATH's last part. */
static int find_parent(struct ch_squash_tree *tree, const char *path, const char **ret_name,
		       struct ch_squash_inode **ret_dir, struct ch_err *err)
{
	const char *slash = strrchr(path, '/'), *part = path;
	const char *last = slash ? slash + 1 : path;
	size_t len = (size_t)(last - path);
	struct ch_squash_inode *dir = tree->root;

	*ret_name = last;
	if (tree->last_dir && tree->last_len == len && memcmp(tree->last, path, len) == 0) {
		*ret_dir = tree->last_dir;
		return 0;
	}
	for (const char *end; part < last; part = end + 1) {
		struct ch_squash_name *name;

		end = strchr(part, '/');
		if (check_name(path, part, (size_t)(end - part), err) < 0)
			return err->code;
		name = find(tree, dir, part, (size_t)(end - part));
		if (name && !S_ISDIR(name->inode->mode))
			return ch_err_set(err, -ENOTDIR, "'%s': '%.*s' is no directory", path,
					  (int)(end - path), path);

		struct ch_squash_inode *below = name ? name->inode : new_dir(tree, dir);

		if (!below ||
		    (!name && link_name(tree, dir, part, (size_t)(end - part), below) < 0))
			return ch_err_nomem(err);
		dir = below;
	}
	*ret_dir = dir;
	return remember(tree, path, len, dir) < 0 ? ch_err_nomem(err) : 0;
}

static int add_link(struct ch_squash_tree *tree, const struct ch_entry *entry,
		    struct ch_squash_inode *dir, const char *name, struct ch_err *err)
{
	const char *last;
	struct ch_squash_inode *from;
	const struct ch_squash_name *to;

	if (find_parent(tree, entry->link, &last, &from, err) < 0)
		return ch_err_in(err, "hard link '%s'", entry->path);
	to = find(tree, from, last, strlen(last));
	if (!to)
		return ch_err_set(err, -ENOENT, "hard link '%s': there is no '%s'", entry->path,
				  entry->link);
	if (S_ISDIR(to->inode->mode))
		return ch_err_set(err, -EISDIR, "hard link '%s': '%s' is a directory", entry->path,
				  entry->link);
	if (link_name(tree, dir, name, strlen(name), to->inode) < 0)
		return ch_err_nomem(err);
	return 0;
}

static int check_xattrs(const struct ch_entry *entry, struct ch_err *err)
{
	size_t sum = 0;

	for (size_t i = 0; i < entry->n_xattrs; i++) {
		size_t len = strlen(entry->xattrs[i].name);

		if (len > XATTR_NAME_LEN || entry->xattrs[i].len > XATTR_LEN)
			return ch_err_set(err, -EINVAL, "'%s': an extended attribute is too long",
					  entry->path);
		sum += len + 1;
	}
	if (sum > XATTRS_LEN)
		return ch_err_set(err, -E2BIG,
				  "'%s': more extended attributes than a file can have",
				  entry->path);
	return 0;
}

/* What can be wrong with an entry by itself. */
static int check_entry(const struct ch_entry *entry, struct ch_err *err)
{
	if (S_ISLNK(entry->mode)) {
		size_t len = entry->target ? strlen(entry->target) : 0;

		if (len == 0)
			return ch_err_set(err, -EINVAL, "symbolic link '%s' to nothing",
					  entry->path);
		if (len > TARGET_LEN)
			return ch_err_set(err, -ENAMETOOLONG,
					  "symbolic link '%s' to more than %d bytes", entry->path,
					  TARGET_LEN);
	} else if (!S_ISREG(entry->mode) && !S_ISDIR(entry->mode) && !S_ISFIFO(entry->mode) &&
		   !S_ISSOCK(entry->mode)) {
		return ch_err_set(err, -EINVAL, "'%s' is a device, or of unknown type",
				  entry->path);
	}
	return check_xattrs(entry, err);
}

static int add_root(struct ch_squash_tree *tree, const struct ch_entry *entry, struct ch_err *err)
{
	if (entry->link || !S_ISDIR(entry->mode))
		return ch_err_set(err, -ENOTDIR, "the root of the image is no directory");
	return set_attributes(tree, tree->root, entry) < 0 ? ch_err_nomem(err) : 0;
}

int ch_squash_tree_add(struct ch_squash_tree *tree, const struct ch_entry *entry,
		       struct ch_squash_inode **ret_inode, struct ch_err *err)
{
	struct ch_squash_inode *dir, *inode = NULL;
	const struct ch_squash_name *have;
	const char *name;

	if (!entry->link && check_entry(entry, err) < 0)
		return err->code;
	*ret_inode = tree->root;
	if (!entry->path[0])
		return add_root(tree, entry, err);
	if (find_parent(tree, entry->path, &name, &dir, err) < 0 ||
	    check_name(entry->path, name, strlen(name), err) < 0)
		return err->code;
	*ret_inode = NULL;
	if (entry->link)
		return add_link(tree, entry, dir, name, err);
	have = find(tree, dir, name, strlen(name));
	if (have && S_ISDIR(have->inode->mode) && S_ISDIR(entry->mode))
		inode = have->inode;
	else
		inode = new_inode(tree, entry, dir);
	if (!inode || set_attributes(tree, inode, entry) < 0 ||
	    (!(have && have->inode == inode) &&
	     link_name(tree, dir, name, strlen(name), inode) < 0))
		return ch_err_nomem(err);
	*ret_inode = inode;
	return 0;
}

/* ---- begin and end ----------------------------------------------------------------- */

int ch_squash_tree_init(struct ch_squash_tree *tree, bool xattrs, struct ch_err *err)
{
	*tree = (struct ch_squash_tree){ .xattrs = xattrs, .seed = ch_namehash_seed(tree) };
	tree->root = new_dir(tree, NULL);
	if (!tree->root || grow(tree) < 0) {
		ch_squash_tree_done(tree);
		return ch_err_nomem(err);
	}
	return 0;
}

void ch_squash_tree_done(struct ch_squash_tree *tree)
{
	while (tree->chunks) {
		struct ch_squash_chunk *chunk = tree->chunks;

		tree->chunks = chunk->next;
		free(chunk);
	}
	free(tree->table);
	free(tree->last);
	*tree = (struct ch_squash_tree){ 0 };
}
