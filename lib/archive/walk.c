/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/entry.h"
#include "archive/entry_xattrs.h"
#include "archive/walk_inner.h"
#include "base/auto.h"
#include "base/err.h"
#include "sys/names.h"
#include "sys/twins.h"
#include "sys/within.h"

enum {
	PIECE = 1024 * 1024,
};

#define OPEN_FILE (O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)

struct walk {
	const struct ch_walk_how *how;
	struct ch_sink *sink;
	struct ch_walked stats;
	struct ch_twins twins;
	char *piece;			   /* owned; PIECE bytes */
	char path[CH_WALK_PATH_MAX + 1];   /* of the entry we are at */
	char target[CH_WALK_PATH_MAX + 1]; /* of a link */
	size_t len;
	unsigned depth;
};

static void ch_auto_walk(struct walk **walk)
{
	if (!*walk)
		return;
	ch_twins_done(&(*walk)->twins);
	free((*walk)->piece);
	free(*walk);
}

/* ---- paths --------------------------------------------------------------------------------- */

static int go_down(struct walk *w, const char *name, struct ch_err *err)
{
	size_t len = strlen(name), slash = w->len > 0;

	if (w->len + slash + len > CH_WALK_PATH_MAX || w->depth == CH_WALK_DEPTH_MAX)
		return ch_err_rc(err, -ENAMETOOLONG, "read directory '/%s'", w->path);
	if (slash)
		w->path[w->len] = '/';
	memcpy(w->path + w->len + slash, name, len + 1);
	w->len += slash + len;
	w->depth++;
	return 0;
}

/* Go up to where the path had LEN bytes. */
static void go_up(struct walk *w, size_t len)
{
	w->path[len] = '\0';
	w->len = len;
	w->depth--;
}

/* ---- entries ----------------------------------------------------------------------------------
 */

static int add(struct walk *w, struct ch_entry *e, const struct stat *st,
	       const struct ch_entry_xattrs *x, struct ch_err *err)
{
	e->path = w->path;
	e->mode = st->st_mode;
	e->mtime = st->st_mtim;
	if (x) {
		e->xattrs = x->list;
		e->n_xattrs = x->n;
	}
	w->stats.entries++;
	return w->sink->add(w->sink, e, err);
}

static int add_link(struct walk *w, int dir, const char *name, const struct stat *st,
		    struct ch_err *err)
{
	ssize_t len = readlinkat(dir, name, w->target, sizeof(w->target));

	if (len < 0 || (size_t)len == sizeof(w->target))
		return ch_err_rc(err, len < 0 ? -errno : -ENAMETOOLONG, "read link '/%s'", w->path);
	w->target[len] = '\0';
	return add(w, &(struct ch_entry){ .target = w->target }, st, NULL, err);
}

/* ---- files -------------------------------------------------------------------------------------
 */

/* Give on what is from OFF to END. */
static int read_range(struct walk *w, int fd, uint64_t off, uint64_t end, struct ch_err *err)
{
	int rc = 0;

	while (rc == 0 && off < end) {
		size_t want = end - off < PIECE ? (size_t)(end - off) : PIECE;
		ssize_t got = pread(fd, w->piece, want, (off_t)off);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return ch_err_sys(err, "read '/%s'", w->path);
		if (got == 0)
			return ch_err_set(err, -ESTALE, "read '/%s': it became shorter meanwhile",
					  w->path);
		rc = w->sink->data(w->sink, off, w->piece, (size_t)got, err);
		w->stats.bytes += (uint64_t)got;
		off += (uint64_t)got;
		if (rc == 0)
			rc = ch_walk_check(w->how, err);
	}
	return rc;
}

static int read_file(struct walk *w, int fd, const struct stat *st, struct ch_err *err)
{
	off_t size = st->st_size;
	int rc = 0;

	if (st->st_blocks >= size / 512)
		return read_range(w, fd, 0, (uint64_t)size, err);
	for (off_t at = 0; rc == 0 && at < size;) {
		off_t data = lseek(fd, at, SEEK_DATA);

		if (data < 0 && errno == ENXIO)
			break;
		if (data < 0) /* the file system knows of no holes */
			return read_range(w, fd, (uint64_t)at, (uint64_t)size, err);

		off_t hole = lseek(fd, data, SEEK_HOLE);

		at = hole < 0 || hole > size ? size : hole;
		rc = read_range(w, fd, (uint64_t)data, (uint64_t)at, err);
	}
	return rc;
}

/* Open the file NAME, and read its extended attributes. Returns the descriptor (the caller's). */
static int open_file(const struct walk *w, int dir, const char *name,
		     struct ch_entry_xattrs *ret_xattrs, struct ch_err *err)
{
	ch_auto(fd) int at = -1;
	ch_auto(fd) int fd = openat(dir, name, OPEN_FILE);
	ch_auto(unlocked) struct ch_unlocked unlocked = { .dir = -1 };

	if (fd < 0 && errno == EACCES && (at = openat(dir, name, CH_WALK_LOOK_AT)) >= 0) {
		unlocked = ch_unlock(at);
		fd = openat(dir, name, OPEN_FILE);
	}
	if (fd < 0)
		return ch_err_sys(err, "open '/%s'", w->path);
	if (ch_walk_xattrs(w->how, fd, w->path, ret_xattrs, err) < 0)
		return err->code;
	return ch_take_fd(&fd);
}

static int add_file(struct walk *w, int dir, const char *name, const struct stat *st,
		    struct ch_err *err)
{
	ch_auto(entry_xattrs) struct ch_entry_xattrs x = { 0 };
	ch_auto(fd) int fd = open_file(w, dir, name, &x, err);
	struct stat now;

	if (fd < 0)
		return fd;
	if (fstat(fd, &now) < 0)
		return ch_err_sys(err, "look at '/%s'", w->path);
	if (now.st_ino != st->st_ino || now.st_dev != st->st_dev)
		return ch_err_set(err, -ESTALE, "read '/%s': it was replaced meanwhile", w->path);

	struct ch_entry e = { .size = (uint64_t)now.st_size };

	if (add(w, &e, st, &x, err) < 0)
		return err->code;
	return read_file(w, fd, &now, err);
}

/* ---- directories ------------------------------------------------------------------------------
 */

static int take(struct walk *w, int dir, const char *name, struct ch_err *err);

static int take_all(struct walk *w, int fd, struct ch_err *err)
{
	ch_auto(names) struct ch_names names = { 0 };
	int rc = ch_names_read(fd, &names);

	if (rc < 0)
		return ch_err_rc(err, rc, "read directory '/%s'", w->path);
	for (size_t i = 0; rc == 0 && i < names.n; i++) {
		size_t len = w->len;

		rc = go_down(w, names.list[i], err);
		if (rc == 0) {
			rc = take(w, fd, names.list[i], err);
			go_up(w, len);
		}
	}
	return rc;
}

static int add_dir(struct walk *w, int dir, const char *name, const struct stat *st,
		   struct ch_err *err)
{
	ch_auto(walk_dir) struct ch_walk_dir d = CH_WALK_DIR_INIT;
	ch_auto(entry_xattrs) struct ch_entry_xattrs x = { 0 };
	struct ch_entry e = { 0 };
	int rc = ch_walk_dir_open(dir, name, st->st_mode, &d);

	if (rc < 0)
		return ch_err_rc(err, rc, "open directory '/%s'", w->path);
	if (ch_walk_xattrs(w->how, d.fd, w->path, &x, err) < 0 || add(w, &e, st, &x, err) < 0)
		return err->code;
	return take_all(w, d.fd, err);
}

/* Is the entry we are at another name of a file that was before? Then it is added. Returns 1 if
 * so. */
static int add_twin(struct walk *w, const struct stat *st, struct ch_err *err)
{
	const char *first = NULL;
	int rc = ch_twins_find(&w->twins, st, w->path, &first, err);

	if (rc == 0 && first)
		rc = add(w, &(struct ch_entry){ .link = first }, st, NULL, err);
	return rc < 0 ? rc : first != NULL;
}

/* What is no directory */
static int add_other(struct walk *w, int dir, const char *name, const struct stat *st,
		     struct ch_err *err)
{
	int rc = st->st_nlink > 1 ? add_twin(w, st, err) : 0;

	if (rc != 0)
		return rc < 0 ? rc : 0;
	if (S_ISREG(st->st_mode))
		return add_file(w, dir, name, st, err);
	if (S_ISLNK(st->st_mode))
		return add_link(w, dir, name, st, err);
	return add(w, &(struct ch_entry){ 0 }, st, NULL, err);
}

/* Take the entry NAME of DIR, which the path is that of. */
static int take(struct walk *w, int dir, const char *name, struct ch_err *err)
{
	struct stat st;

	if (ch_walk_check(w->how, err) < 0)
		return err->code;
	if (w->depth > 0 && w->how->is_left && w->how->is_left(w->how->data, w->path))
		return 0;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return ch_err_sys(err, "look at '/%s'", w->path);

	if (ch_walk_leaves(st.st_mode, &w->stats))
		return 0;
	if (S_ISDIR(st.st_mode))
		return add_dir(w, dir, name, &st, err);
	return add_other(w, dir, name, &st, err);
}

int ch_walk_entries(int root, const struct ch_walk_how *how, struct ch_sink *sink,
		    struct ch_walked *ret_walked, struct ch_err *err)
{
	ch_auto(walk) struct walk *w = calloc(1, sizeof(*w));

	if (w)
		w->piece = malloc(PIECE);
	if (!w || !w->piece)
		return ch_err_nomem(err);
	w->how = how;
	w->sink = sink;
	if (take(w, root, ".", err) < 0)
		return err->code;
	*ret_walked = w->stats;
	return 0;
}
