/* SPDX-License-Identifier: Apache-2.0 */
#include "own.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <search.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/analyser.h"
#include "base/auto.h"
#include "base/err.h"
#include "dirsink_dirs.h"
#include "sys/names.h"
#include "sys/rmtree.h"

/* The name in a directory. "": something below the directory was brought. "/": nothing else is
 * there any more. */
struct name {
	ino_t dir;
	char text[NAME_MAX + 1]; /* less of it, where it is allocated */
};

static int compare(const void *a, const void *b)
{
	const struct name *x = a, *y = b;

	if (x->dir != y->dir)
		return x->dir < y->dir ? -1 : 1;
	return strcmp(x->text, y->text);
}

static int make_key(ino_t dir, const char *text, struct name *ret)
{
	size_t n = strlen(text);

	if (n > NAME_MAX)
		return -ENAMETOOLONG;
	ret->dir = dir;
	memcpy(ret->text, text, n + 1);
	return 0;
}

static bool has(const struct ch_own *own, ino_t dir, const char *text)
{
	struct name key;

	return make_key(dir, text, &key) == 0 && tfind(&key, &own->names, compare);
}

CH_MOVES_BEGIN
static int put(struct ch_own *own, ino_t dir, const char *text)
{
	size_t size = offsetof(struct name, text) + strlen(text) + 1;
	ch_auto(mem) struct name *name = malloc(size);
	struct name key, **found;

	if (!name || make_key(dir, text, &key) < 0)
		return -ENOMEM;
	memcpy(name, &key, size);
	found = tsearch(name, &own->names, compare);
	if (!found)
		return -ENOMEM;
	if (*found == name)
		name = NULL;
	return 0;
}
CH_MOVES_END

/* Note, upwards from the directory DIR, which is INO, that something is below. */
static int put_way(struct ch_own *own, int dir, ino_t ino)
{
	ch_auto(fd) int above = -1;

	while (!has(own, ino, "")) {
		struct stat st;

		if (put(own, ino, "") < 0)
			return -ENOMEM;
		if (ino == own->root)
			break;

		int next = openat(dir, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);

		ch_close(&above);
		above = dir = next;
		if (next < 0 || fstat(next, &st) < 0)
			return -errno;
		ino = st.st_ino;
	}
	return 0;
}

int ch_own_add(struct ch_own *own, int parent, const char *name, struct ch_err *err)
{
	struct stat st;
	int rc = fstat(parent, &st) < 0 ? -errno : put_way(own, parent, st.st_ino);

	if (rc == 0)
		rc = put(own, st.st_ino, name);
	return rc < 0 ? ch_err_rc(err, rc, "member '%s'", name) : 0;
}

/* ---- removing --------------------------------------------------------------------------- */

/* A directory that others are removed from */
struct place {
	struct ch_own *own;
	struct ch_dirsink *sink;
	int dir; /* borrowed */
	ino_t ino;
	const char *path; /* borrowed */
	unsigned depth;
	bool has_own; /* something stayed */
};

static int empty(struct place *p, struct ch_err *err);

/* It is neither the layer's nor has it the old attributes. */
static int renew(const struct place *p, const char *path, struct ch_err *err)
{
	return ch_dirsink_note_dir(p->sink, path, 1, 0755, (struct timespec){ 0 }, err);
}

/* NAME is a directory with something in it that was brought, or was brought itself. */
static int remove_dir(struct place *p, const char *name, bool is_own, struct ch_err *err)
{
	ch_auto(fd) int fd = openat(p->dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	ch_auto(str) char *path = NULL;
	struct place inside = {
		.own = p->own,
		.sink = p->sink,
		.dir = fd,
		.depth = p->depth + 1,
	};

	if (inside.depth > CH_OWN_DEPTH)
		return ch_err_set(err, -ELOOP, "it is in more than %d directories", CH_OWN_DEPTH);
	if (asprintf(&path, "%s%s%s", p->path, *p->path ? "/" : "", name) < 0) {
		path = NULL;
		return ch_err_nomem(err);
	}
	inside.path = path;
	if (fd < 0)
		return ch_err_sys(err, "open directory '%s'", path);
	if (empty(&inside, err) < 0)
		return err->code;
	if (is_own || inside.has_own) {
		p->has_own = true;
		return is_own ? 0 : renew(p, path, err);
	}
	return unlinkat(p->dir, name, AT_REMOVEDIR) < 0 ? ch_err_sys(err, "remove '%s'", path) : 0;
}

static int remove_others(struct place *p, const char *name, struct ch_err *err)
{
	bool is_own = has(p->own, p->ino, name);
	struct stat st;

	if (fstatat(p->dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : ch_err_sys(err, "look at '%s'", name);
	if (S_ISDIR(st.st_mode) && (is_own || has(p->own, st.st_ino, "")))
		return remove_dir(p, name, is_own, err);
	p->has_own |= is_own;
	return is_own ? 0 : ch_rmtree(p->dir, name, err);
}

/* Names first: who removes while he reads, may miss some. */
static int empty(struct place *p, struct ch_err *err)
{
	ch_auto(names) struct ch_names names = { 0 };
	struct stat st;
	int rc;

	if (fstat(p->dir, &st) < 0)
		return ch_err_sys(err, "look at directory '%s'", p->path);
	p->ino = st.st_ino;
	if (has(p->own, p->ino, "/")) {
		p->has_own = true;
		return 0;
	}
	rc = ch_names_list(p->dir, &names);
	if (rc < 0)
		return ch_err_rc(err, rc, "read directory '%s'", p->path);
	for (size_t i = 0; i < names.n; i++)
		if (remove_others(p, names.list[i], err) < 0)
			return err->code;
	return put(p->own, p->ino, "/") < 0 ? ch_err_nomem(err) : 0;
}

int ch_own_remove_others(struct ch_own *own, struct ch_dirsink *sink, int dir, const char *path,
			 const char *name, struct ch_err *err)
{
	struct place p = { .own = own, .sink = sink, .dir = dir, .path = path };
	struct stat st;

	if (fstat(dir, &st) < 0)
		return ch_err_sys(err, "look at directory '%s'", path);
	p.ino = st.st_ino;
	return remove_others(&p, name, err);
}

int ch_own_empty_of_others(struct ch_own *own, struct ch_dirsink *sink, int dir, const char *path,
			   struct ch_err *err)
{
	struct place p = { .own = own, .sink = sink, .dir = dir, .path = path };

	return empty(&p, err);
}

void ch_own_done(struct ch_own *own)
{
	tdestroy(own->names, free);
	own->names = NULL;
}
