/* SPDX-License-Identifier: Apache-2.0 */
#include "dirsink_dirs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/analyser.h"
#include "base/auto.h"
#include "base/err.h"
#include "sys/mnt.h"

enum {
	LINKS_MAX = 40, /* as of the kernel */
	NOTES_MAX = 512 * 1024 * 1024,
};

/* ---- directories on the way ------------------------------------------------------------- */

/* A way that is gone */
struct way {
	struct ch_dirsink *ds;
	int links;	 /* so many lead here */
	unsigned made;	 /* of the last parts: they were missing */
	bool is_crooked; /* it has parts ".." */
};

static int make_dirs(struct way *way, const char *path);

/* The link PATH leads to nowhere: make the directories that it names. */
static int make_target(const struct way *way, int at, const char *path, const char *leaf)
{
	char target[PATH_MAX], full[2 * PATH_MAX];
	ssize_t n = readlinkat(at, leaf, target, sizeof(target) - 1);
	struct way next = { .ds = way->ds, .links = way->links + 1 };

	if (n < 0)
		return -errno;
	if (next.links > LINKS_MAX)
		return -ELOOP;
	target[n] = '\0';
	snprintf(full, sizeof(full), "%.*s%s", target[0] == '/' ? 0 : (int)(leaf - path), path,
		 target);

	ch_auto(fd) int made = make_dirs(&next, full);

	return made < 0 ? made : 0;
}

/* Make the directory LEAF, the end of PATH, in AT, instead of what is not one. */
static int make_dir(struct way *way, int at, const char *path, const char *leaf)
{
	struct stat st;

	if (mkdirat(at, leaf, 0755) < 0) {
		if (errno != EEXIST || fstatat(at, leaf, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return -errno;
		if (S_ISLNK(st.st_mode))
			return make_target(way, at, path, leaf);
		if (S_ISDIR(st.st_mode))
			return 0;
		if (unlinkat(at, leaf, 0) < 0 || mkdirat(at, leaf, 0755) < 0)
			return -errno;
	}
	way->made++;
	return 0;
}

static int open_dir(int root, const char *path)
{
	return ch_open_in_root(root, path[0] ? path : ".", O_PATH | O_DIRECTORY);
}

/* Open the directory LEAF, the end of PATH, in AT. Mostly it is no link: then the way from the
 * root, which may be long, need not be gone again. */
static int open_next(int root, int at, const char *path, const char *leaf)
{
	int fd;

	if (!leaf[0] || strcmp(leaf, "..") == 0)
		return open_dir(root, path);
	fd = openat(at, leaf, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return -ENOENT;
	return fd < 0 ? open_dir(root, path) : fd;
}

static int note_made(struct way *way, const char *path)
{
	struct ch_err err;

	/* Only what foreign links name has "..": there, attributes are as they happen to be. */
	if (way->made == 0 || way->is_crooked)
		return 0;
	return ch_dirsink_note_dir(way->ds, path, way->made, 0755, (struct timespec){ 0 }, &err);
}

/* Make the directory PATH, and those above it. Returns it, open, or an error. */
static int make_dirs(struct way *way, const char *path)
{
	int root = way->ds->root, rc;
	ch_auto(fd) int at = open_dir(root, "");
	ch_auto(str) char *part = strdup(path);

	if (!part)
		return -ENOMEM;
	for (char *p = part; at >= 0 && *p;) {
		size_t n = strcspn(p, "/");
		char rest = p[n];

		p[n] = '\0';
		way->is_crooked |= strcmp(p, "..") == 0;

		int next = open_next(root, at, part, p);

		if ((next == -ENOENT || next == -ENOTDIR) && n > 0) {
			next = make_dir(way, at, part, p);
			next = next < 0 ? next : open_next(root, at, part, p);
		}
		ch_close(&at);
		at = next;
		p[n] = rest;
		p += n + (rest == '/');
	}
	rc = at < 0 ? at : note_made(way, path);
	return rc < 0 ? rc : ch_take_fd(&at);
}

int ch_dirsink_open_dir(struct ch_dirsink *ds, const char *path)
{
	struct way way = { .ds = ds };
	int fd = open_dir(ds->root, path);

	return fd == -ENOENT || fd == -ENOTDIR ? make_dirs(&way, path) : fd;
}

/* ---- attributes ------------------------------------------------------------------------- */

/* By what they are about, then as they came */
static int compare(const void *a, const void *b)
{
	const struct ch_dirsink_dir *x = *(struct ch_dirsink_dir *const *)a;
	const struct ch_dirsink_dir *y = *(struct ch_dirsink_dir *const *)b;
	int order = strcmp(x->path, y->path);

	if (order == 0)
		order = (x->levels > y->levels) - (x->levels < y->levels);
	return order != 0 ? order : (x > y) - (x < y);
}

static void forget_note(struct ch_dirsink *ds, struct ch_dirsink_dir *d)
{
	ds->bytes -= sizeof(*d) + strlen(d->path);
	free(d->path);
	d->path = NULL;
}

/* Of several notes about the same directories, the last one counts: forget the others. Archives
 * may name one directory over and over. */
static int forget_older(struct ch_dirsink *ds, struct ch_err *err)
{
	ch_auto(mem) struct ch_dirsink_dir **sorted = calloc(ds->n + 1,
							     sizeof(struct ch_dirsink_dir *));
	size_t n = 0;

	if (!sorted)
		return ch_err_nomem(err);
	for (size_t i = 0; i < ds->n; i++)
		sorted[i] = &ds->dirs[i];
	qsort(sorted, ds->n, sizeof(struct ch_dirsink_dir *), compare);
	for (size_t i = 0; i + 1 < ds->n; i++)
		if (strcmp(sorted[i]->path, sorted[i + 1]->path) == 0 &&
		    sorted[i]->levels == sorted[i + 1]->levels)
			forget_note(ds, sorted[i]);
	for (size_t i = 0; i < ds->n; i++)
		if (ds->dirs[i].path)
			ds->dirs[n++] = ds->dirs[i];
	ds->n = n;
	return 0;
}

/* Where that gains little, it would soon be needed again. */
CH_MOVES_BEGIN
static int make_room(struct ch_dirsink *ds, struct ch_err *err)
{
	size_t cap = ds->cap ? ds->cap * 2 : 256;
	struct ch_dirsink_dir *dirs;

	if (ds->n < ds->cap && ds->bytes < NOTES_MAX)
		return 0;
	if (forget_older(ds, err) < 0)
		return err->code;
	if (ds->bytes > NOTES_MAX / 2)
		return ch_err_set(err, -E2BIG, "there are too many directories: %zu", ds->n);
	if (ds->n < ds->cap / 2)
		return 0;
	dirs = reallocarray(ds->dirs, cap, sizeof(*dirs));
	if (!dirs)
		return ch_err_nomem(err);
	ds->dirs = dirs;
	ds->cap = cap;
	return 0;
}

int ch_dirsink_note_dir(struct ch_dirsink *ds, const char *path, unsigned levels, mode_t mode,
			struct timespec mtime, struct ch_err *err)
{
	ch_auto(str) char *copy = strdup(path);

	if (!copy)
		return ch_err_nomem(err);
	if (make_room(ds, err) < 0)
		return err->code;
	ds->bytes += sizeof(*ds->dirs) + strlen(path);
	ds->dirs[ds->n++] = (struct ch_dirsink_dir){ ch_take(copy), levels, mode, mtime };
	return 0;
}
CH_MOVES_END

/* The directory that PATH is in, without its last LEVELS parts, and *ret_rest: these. */
static int open_above(int root, char *path, unsigned levels, char **ret_rest)
{
	char *rest = path + strlen(path);

	for (; levels > 0 && rest > path; levels--)
		do
			rest--;
		while (rest > path && rest[-1] != '/');
	*ret_rest = rest;
	if (rest == path)
		return open_dir(root, "");
	rest[-1] = '\0';

	int fd = open_dir(root, path);

	rest[-1] = '/';
	return fd;
}

static int set_attributes(int dir, const struct ch_dirsink_dir *d, struct ch_err *err)
{
	const struct timespec times[2] = { d->mtime, d->mtime };
	ch_auto(fd) int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0 && (fchmod(fd, (d->mode & 07777) | S_IRWXU) < 0 || futimens(fd, times) < 0))
		return ch_err_sys(err, "member '%s': mode and time", d->path);
	return 0;
}

/* Step by step, since ways may be long. What has become something else meanwhile is left alone. */
static int end_dir(int root, struct ch_dirsink_dir *d, struct ch_err *err)
{
	char *rest, *save;
	ch_auto(fd) int at = open_above(root, d->path, d->levels, &rest);

	if (at >= 0 && !rest[0])
		return set_attributes(at, d, err);
	for (char *name = strtok_r(rest, "/", &save); at >= 0 && name;
	     name = strtok_r(NULL, "/", &save)) {
		int next = openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		ch_close(&at);
		at = next;
		if (at >= 0 && set_attributes(at, d, err) < 0)
			return err->code;
	}
	return 0;
}

/* In their order: of several entries for one directory, the last counts. */
int ch_dirsink_end_dirs(struct ch_dirsink *ds, struct ch_err *err)
{
	for (size_t i = 0; i < ds->n; i++)
		if (end_dir(ds->root, &ds->dirs[i], err) < 0)
			return err->code;
	ch_dirsink_forget_dirs(ds);
	return 0;
}

void ch_dirsink_forget_dirs(struct ch_dirsink *ds)
{
	for (size_t i = 0; i < ds->n; i++)
		free(ds->dirs[i].path);
	free(ds->dirs);
	ds->dirs = NULL;
	ds->n = ds->cap = ds->bytes = 0;
}
