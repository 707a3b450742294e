/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/dirmeta.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/err.h"
#include "cache/name.h"
#include "cache/pieces.h"

#define MAGIC "chm1"

enum {
	HAS_NAME = 1,
	HAS_XATTRS = 2,
	HAS_LINK = 4,
	IS_LARGE = 8,
};

/* ---- write ---- */

static void put_text(struct ch_buf *to, const char *text)
{
	size_t len = strlen(text);

	ch_pieces_put(to, len, 2);
	ch_buf_add(to, text, len);
}

static void put(struct ch_buf *to, const struct ch_node *node, unsigned flags)
{
	if (node->xattrs)
		flags |= HAS_XATTRS;
	ch_pieces_put(to, node->mode, 2);
	ch_pieces_put(to, flags, 1);
	ch_pieces_put(to, (uint64_t)node->mtime, 8);
	ch_pieces_put(to, node->mtime_nsec, 4);
	if (flags & HAS_NAME)
		put_text(to, node->name);
	if (flags & HAS_XATTRS) {
		ch_pieces_put(to, node->xattrs_len, 4);
		ch_buf_add(to, node->xattrs, node->xattrs_len);
	}
	if (flags & HAS_LINK)
		put_text(to, node->link);
}

void ch_dirmeta_begin(struct ch_buf *to, const struct ch_node *dir)
{
	ch_buf_adds(to, MAGIC);
	put(to, dir, 0);
}

/* What a directory says of itself comes once, in its own blob. */
void ch_dirmeta_add(struct ch_buf *to, const struct ch_node *node)
{
	if (S_ISDIR(node->mode))
		return;
	put(to, node,
	    (S_ISFIFO(node->mode) ? HAS_NAME : 0U) | (node->link ? HAS_LINK : 0U) |
		    (node->large ? IS_LARGE : 0U));
}

void ch_xattr_add(struct ch_buf *to, const char *name, const void *value, uint32_t len)
{
	size_t name_len = strlen(name);

	ch_pieces_put(to, name_len, 1);
	ch_buf_add(to, name, name_len);
	ch_pieces_put(to, len, 4);
	ch_buf_add(to, value, len);
}

/* ---- read ---- */

static int damaged(struct ch_err *err)
{
	return ch_err_set(err, -EBADMSG, "what is said of a directory is damaged");
}

int ch_xattr_next(struct ch_pieces *from, struct ch_xattr *ret_xattr)
{
	if (from->p == from->end)
		return 0;

	size_t name_len = ch_pieces_u8(from);
	const uint8_t *name = ch_pieces_take(from, name_len);
	uint32_t len = ch_pieces_u32(from);
	const uint8_t *value = ch_pieces_take(from, len);

	if (!name || !value || name_len == 0 || memchr(name, '\0', name_len))
		return -EBADMSG;
	memcpy(ret_xattr->name, name, name_len);
	ret_xattr->name[name_len] = '\0';
	ret_xattr->value = value;
	ret_xattr->len = len;
	return 1;
}

static int take_xattrs(struct ch_pieces *from, struct ch_node *node, struct ch_arena *arena,
		       struct ch_err *err)
{
	uint32_t len = ch_pieces_u32(from);
	const uint8_t *data = ch_pieces_take(from, len);
	struct ch_pieces all = { .p = data, .end = data ? data + len : NULL };
	struct ch_xattr xattr;
	int rc = data && len > 0 && len <= CH_XATTRS_MAX ? 1 : -EBADMSG;

	while (rc == 1)
		rc = ch_xattr_next(&all, &xattr);
	if (rc < 0)
		return damaged(err);
	node->xattrs = ch_arena_copy(arena, data, len);
	node->xattrs_len = len;
	return node->xattrs ? 0 : ch_err_nomem(err);
}

/* ret_text: in the arena, at most MAX bytes, without a NUL in it. */
static int take_text(struct ch_pieces *from, size_t max, struct ch_arena *arena,
		     const char **ret_text, struct ch_err *err)
{
	size_t len = ch_pieces_u16(from);
	const uint8_t *data = ch_pieces_take(from, len);

	if (!data || len == 0 || len > max || memchr(data, '\0', len))
		return damaged(err);

	char *text = ch_arena_get(arena, len + 1);

	if (!text)
		return ch_err_nomem(err);
	memcpy(text, data, len);
	text[len] = '\0';
	*ret_text = text;
	return 0;
}

static bool is_sane(const struct ch_node *node, unsigned flags)
{
	bool is_file = S_ISREG(node->mode);

	return (is_file || S_ISLNK(node->mode) || S_ISFIFO(node->mode) || S_ISDIR(node->mode)) &&
	       node->mtime_nsec < 1000000000 &&
	       !(flags & ~(unsigned)(HAS_NAME | HAS_XATTRS | HAS_LINK | IS_LARGE)) &&
	       !(flags & HAS_NAME) == !S_ISFIFO(node->mode) && (is_file || !(flags & IS_LARGE)) &&
	       !(S_ISDIR(node->mode) && flags & HAS_LINK);
}

static int take(struct ch_pieces *from, struct ch_node *node, struct ch_arena *arena,
		struct ch_err *err)
{
	node->mode = ch_pieces_u16(from);

	unsigned flags = ch_pieces_u8(from);

	node->mtime = (int64_t)ch_pieces_u64(from);
	node->mtime_nsec = ch_pieces_u32(from);
	node->large = flags & IS_LARGE;
	if (from->bad || !is_sane(node, flags))
		return damaged(err);

	int rc = 0;

	if (flags & HAS_NAME)
		rc = take_text(from, CH_NAME_FILE_MAX, arena, &node->name, err);
	if (rc == 0 && flags & HAS_NAME && !ch_name_is_file(node->name))
		rc = damaged(err);
	if (rc == 0 && flags & HAS_XATTRS)
		rc = take_xattrs(from, node, arena, err);
	if (rc == 0 && flags & HAS_LINK)
		rc = take_text(from, CH_NODE_PATH_MAX, arena, &node->link, err);
	return rc;
}

int ch_dirmeta_start(struct ch_pieces *from, struct ch_node *dir, struct ch_arena *arena,
		     struct ch_err *err)
{
	const uint8_t *magic = ch_pieces_take(from, 4);

	if (!magic || memcmp(magic, MAGIC, 4) != 0)
		return damaged(err);

	int rc = take(from, dir, arena, err);

	return rc == 0 && !S_ISDIR(dir->mode) ? damaged(err) : rc;
}

int ch_dirmeta_next(struct ch_pieces *from, struct ch_node *node, struct ch_arena *arena,
		    struct ch_err *err)
{
	int rc = take(from, node, arena, err);

	return rc == 0 && S_ISDIR(node->mode) ? damaged(err) : rc;
}
