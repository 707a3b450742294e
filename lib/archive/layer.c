/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/layer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "archive/read.h"
#include "archive/whiteout.h"
#include "base/auto.h"
#include "base/err.h"
#include "own.h"
#include "sys/within.h"

/* What is gone, of the directory that is the first LEN bytes of PATH: NAME, or all of it, if
 * that is NULL. Directories that are not there, or that links stand for, have had nothing. */
static int white_out(struct ch_layers *l, const char *path, size_t len, const char *name,
		     struct ch_err *err)
{
	ch_auto(str) char *dir = strndup(path, len);

	if (!dir)
		return ch_err_nomem(err);
	if (ch_dirsink_pause(&l->to, err) < 0)
		return err->code;

	ch_auto(fd) int fd = ch_within_open(l->root, dir, O_RDONLY | O_DIRECTORY);

	if (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP)
		return 0;
	if (fd < 0)
		return ch_err_rc(err, fd, "open directory '%s'", dir);
	return name ? ch_own_remove_others(l->own, &l->to, fd, dir, name, err)
		    : ch_own_empty_of_others(l->own, &l->to, fd, dir, err);
}

static int add_plain(struct ch_layers *l, const struct ch_entry *entry, struct ch_err *err)
{
	const char *slash = strrchr(entry->path, '/');

	if (l->to.sink.add(&l->to.sink, entry, err) < 0)
		return err->code;
	if (!l->is_upper || !entry->path[0])
		return 0;
	return ch_own_add(l->own, l->to.parent, slash ? slash + 1 : entry->path, err);
}

static int add(struct ch_sink *sink, const struct ch_entry *entry, struct ch_err *err)
{
	struct ch_layers *l = (struct ch_layers *)sink;
	const char *name = NULL;
	size_t dir;
	enum ch_whiteout kind = ch_whiteout_parse(entry->path, &dir, &name);

	l->is_dropped = kind != CH_WHITEOUT_NONE;
	if (kind == CH_WHITEOUT_NONE)
		return add_plain(l, entry, err);
	if (kind == CH_WHITEOUT_BAD)
		return ch_err_set(err, -EINVAL, "member '%s': it is a whiteout of no file",
				  entry->path);
	if (kind == CH_WHITEOUT_NOTE || !l->is_upper)
		return 0;
	if (white_out(l, entry->path, dir, name, err) < 0)
		return ch_err_in(err, "member '%s'", entry->path);
	return 0;
}

static int data(struct ch_sink *sink, uint64_t off, const void *data, size_t len,
		struct ch_err *err)
{
	struct ch_layers *l = (struct ch_layers *)sink;

	return l->is_dropped ? 0 : l->to.sink.data(&l->to.sink, off, data, len, err);
}

static int end(struct ch_sink *sink, struct ch_err *err)
{
	struct ch_layers *l = (struct ch_layers *)sink;

	ch_own_done(l->own);
	l->is_upper = true;
	return ch_dirsink_pause(&l->to, err);
}

int ch_layers_init(struct ch_layers *ret_layers, int root, struct ch_err *err)
{
	struct ch_layers *l = ret_layers;
	struct stat st;

	*l = (struct ch_layers){
		.sink = { .add = add, .data = data, .end = end },
		.root = root,
		.own = calloc(1, sizeof(*l->own)),
	};
	ch_dirsink_init(&l->to, root);
	if (!l->own)
		return ch_err_nomem(err);
	if (fstat(root, &st) < 0)
		return ch_err_sys(err, "look at the root directory");
	l->own->root = st.st_ino;
	return 0;
}

int ch_layers_apply(struct ch_layers *layers, const struct ch_archive *layer,
		    struct ch_archive_got *ret_got, struct ch_err *err)
{
	struct ch_archive archive = *layer;

	archive.skip_dev = archive.no_setid = true;
	return ch_archive_read(&archive, &layers->sink, ret_got, err);
}

int ch_layers_end(struct ch_layers *layers, struct ch_err *err)
{
	return layers->to.sink.end(&layers->to.sink, err);
}

void ch_layers_done(struct ch_layers *layers)
{
	ch_dirsink_done(&layers->to);
	if (layers->own)
		ch_own_done(layers->own);
	free(layers->own);
	layers->own = NULL;
}
