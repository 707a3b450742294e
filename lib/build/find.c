/* SPDX-License-Identifier: Apache-2.0 */
#include "build/find.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "build/context.h"
#include "dockerfile/glob.h"

/* A pattern is run as an automaton: a state is the set of its components that may come next, as
 * bits; so each directory is read once for all ways in which it can match. */
enum {
	PARTS_MAX = 62,
	/* Only a pattern that leads through many links to directories needs as many. */
	VISITS_MAX = 1000000,
	PATH_LEN_MAX = 65536, /* more than can be opened: who tries says so */
};

struct dir {
	char *path;  /* owned; as found */
	char *plain; /* owned; without links (sys/within.h) */
	uint64_t state;
};

struct finder {
	const struct ch_context *context;
	char *parts[PARTS_MAX];		 /* in text */
	struct ch_glob globs[PARTS_MAX]; /* owned; of the parts */
	size_t n;
	char *text; /* owned */
	bool only_dirs;
	struct dir *todo; /* owned */
	size_t n_todo, cap_todo, visits;
	struct ch_found found;
};

void ch_found_done(struct ch_found *found)
{
	for (size_t i = 0; i < found->n; i++)
		free(found->paths[i]);
	free(found->paths);
	*found = (struct ch_found){ 0 };
}

static void dir_done(struct dir *dir)
{
	free(dir->path);
	free(dir->plain);
	*dir = (struct dir){ 0 };
}

static void ch_auto_dir_found(struct dir *dir)
{
	dir_done(dir);
}

static void ch_auto_finder(struct finder *f)
{
	free(f->text);
	for (size_t i = 0; i < f->n; i++)
		ch_glob_done(&f->globs[i]);
	while (f->n_todo > 0)
		dir_done(&f->todo[--f->n_todo]);
	free(f->todo);
	ch_found_done(&f->found);
}

static int join(const char *dir, const char *name, char **ret_path)
{
	ch_auto(buf) struct ch_buf path = CH_BUF_INIT(PATH_LEN_MAX);

	ch_buf_addf(&path, "%s%s%s", dir, *dir ? "/" : "", name);
	return ch_buf_take(&path, ret_path);
}

/* ---- the automaton --------------------------------------------------------------------- */

static uint64_t bit(size_t i)
{
	return UINT64_C(1) << i;
}

static bool is_any_depth(const struct finder *f, size_t i)
{
	return i + 1 < f->n && strcmp(f->parts[i], "**") == 0;
}

/* "**" may be no directory at all. */
static uint64_t with_skipped(const struct finder *f, uint64_t state)
{
	for (size_t i = 0; i < f->n; i++)
		if ((state & bit(i)) && is_any_depth(f, i))
			state |= bit(i + 1);
	return state;
}

/* After a component NAME, which is a link or (or both not) a real directory */
static uint64_t advance(const struct finder *f, uint64_t state, const char *name, bool is_real_dir)
{
	uint64_t next = 0;

	for (size_t i = 0; i < f->n; i++) {
		if (!(state & bit(i)))
			continue;
		if (is_any_depth(f, i))
			next |= is_real_dir && *name != '.' ? bit(i) : 0;
		else if (ch_glob_matches(&f->globs[i], name))
			next |= bit(i + 1);
	}
	return with_skipped(f, next);
}

/* ---- the search ------------------------------------------------------------------------ */

static int push(struct finder *f, struct dir *dir, struct ch_err *err)
{
	if (++f->visits > VISITS_MAX)
		return ch_err_set(err, -E2BIG, "it matches in more than %d directories",
				  VISITS_MAX);
	if (f->n_todo == f->cap_todo) {
		size_t cap = f->cap_todo ? 2 * f->cap_todo : 16;
		void *todo = reallocarray(f->todo, cap, sizeof(*f->todo));

		if (!todo)
			return ch_err_nomem(err);
		f->todo = todo;
		f->cap_todo = cap;
	}
	f->todo[f->n_todo++] = ch_take(*dir);
	return 0;
}

static int note(struct finder *f, char **path, struct ch_err *err)
{
	struct ch_found *found = &f->found;

	if (found->n == found->cap) {
		size_t cap = found->cap ? 2 * found->cap : 16;
		void *paths = reallocarray(found->paths, cap, sizeof(*found->paths));

		if (!paths)
			return ch_err_nomem(err);
		found->paths = paths;
		found->cap = cap;
	}
	found->paths[found->n++] = ch_take(*path);
	return 0;
}

/* DIR is a link: is what it leads to a directory? Then its plain path is that. Returns 1 or 0, or
 * a negative errno. */
static int is_dir_by_link(const struct finder *f, struct dir *dir, struct ch_err *err)
{
	ch_auto(str) char *plain = NULL;
	struct ch_err why;

	/* What leads out, or nowhere, is no directory for us. */
	if (ch_within_resolve(f->context->root, dir->plain, ch_context_within(f->context), &plain,
			      &why) < 0)
		return why.code == -ENOMEM ? ch_err_nomem(err) : 0;

	ch_auto(fd) int fd = ch_within_open(f->context->root, plain, O_PATH | O_DIRECTORY);

	if (fd < 0)
		return 0;
	free(dir->plain);
	dir->plain = ch_take(plain);
	return 1;
}

/* NAME in the directory IN, open as FD. */
static int look_at(struct finder *f, const struct dir *in, int fd, const char *name,
		   struct ch_err *err)
{
	ch_auto(dir_found) struct dir dir = { 0 };
	struct stat st;

	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return ch_err_sys(err, "look at '%s' in '%s'", name, in->path);
	dir.state = advance(f, in->state, name, S_ISDIR(st.st_mode));
	if (!dir.state)
		return 0;
	if (join(in->path, name, &dir.path) < 0 || join(in->plain, name, &dir.plain) < 0)
		return ch_err_nomem(err);

	enum ch_tree_verdict verdict = ch_context_verdict(f->context, dir.plain, st.st_mode);

	if (verdict == CH_TREE_LEAVE)
		return 0;

	bool is_match = dir.state & bit(f->n), is_start = dir.state & ~bit(f->n);
	int is_dir = S_ISLNK(st.st_mode) ? is_dir_by_link(f, &dir, err) : S_ISDIR(st.st_mode);

	if (is_dir < 0)
		return is_dir;
	if (is_match && (is_dir || (!f->only_dirs && verdict == CH_TREE_TAKE))) {
		ch_auto(str) char *path = strdup(dir.path);

		if (!path)
			return ch_err_nomem(err);
		if (note(f, &path, err) < 0)
			return err->code;
	}
	return is_dir && is_start ? push(f, &dir, err) : 0;
}

static int visit(struct finder *f, const struct dir *in, struct ch_err *err)
{
	ch_auto(fd) int fd = ch_within_open(f->context->root, in->plain, O_RDONLY | O_DIRECTORY);
	ch_auto(dir) DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir)
		return ch_err_rc(err, fd < 0 ? fd : -errno, "read directory '%s'",
				 *in->path ? in->path : ".");
	fd = -1; /* DIR's now */
	for (;;) {
		errno = 0;

		const struct dirent *d = readdir(dir);

		if (!d)
			break;
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0 &&
		    look_at(f, in, dirfd(dir), d->d_name, err) < 0)
			return err->code;
	}
	return errno ? ch_err_sys(err, "read directory '%s'", in->path) : 0;
}

/* Split the pattern. What precedes the first wildcard is the directory to begin with. */
static int split(struct finder *f, const char *pattern, struct ch_buf *begin, struct ch_err *err)
{
	size_t len = strlen(pattern);
	char *save = NULL;

	f->only_dirs = len > 0 && pattern[len - 1] == '/';
	f->text = strdup(pattern);
	if (!f->text)
		return ch_err_nomem(err);
	for (char *p = strtok_r(f->text, "/", &save); p; p = strtok_r(NULL, "/", &save)) {
		if (strcmp(p, ".") == 0)
			continue;
		if (f->n == 0 && !ch_glob_is_magic(p)) {
			ch_buf_addf(begin, "%s%s", begin->len ? "/" : "", p);
			continue;
		}
		if (strcmp(p, "..") == 0)
			return ch_err_set(err, -EINVAL, "'..' cannot follow a wildcard");
		if (f->n == PARTS_MAX)
			return ch_err_set(err, -E2BIG, "a pattern has at most %d components",
					  PARTS_MAX);
		if (ch_glob_compile(p, CH_GLOB_NAME, &f->globs[f->n], err) < 0)
			return err->code;
		f->parts[f->n++] = p;
	}
	return 0;
}

/* Where to begin; there may be no such directory. */
static int begin(struct finder *f, const char *pattern, struct ch_err *err)
{
	ch_auto(buf) struct ch_buf text = CH_BUF_INIT(PATH_LEN_MAX);
	ch_auto(dir_found) struct dir dir = { 0 };

	if (split(f, pattern, &text, err) < 0)
		return err->code;
	if (ch_buf_take(&text, &dir.path) < 0)
		return ch_err_nomem(err);
	if (ch_within_resolve(f->context->root, dir.path, ch_context_within(f->context), &dir.plain,
			      err) < 0)
		return err->code == -ENOTDIR ? 0 : err->code;

	ch_auto(fd) int fd = ch_within_open(f->context->root, dir.plain, O_PATH | O_DIRECTORY);

	if (fd == -ENOENT || fd == -ENOTDIR)
		return 0;
	if (fd < 0)
		return ch_err_rc(err, fd, "open '%s'", dir.path);
	if (ch_context_verdict(f->context, dir.plain, S_IFDIR) == CH_TREE_LEAVE)
		return 0;
	dir.state = with_skipped(f, bit(0));
	return push(f, &dir, err);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int ch_find(const struct ch_context *context, const char *pattern, struct ch_found *ret_found,
	    struct ch_err *err)
{
	ch_auto(finder) struct finder f = { .context = context };

	if (begin(&f, pattern, err) < 0)
		return err->code;
	while (f.n_todo > 0) {
		ch_auto(dir_found) struct dir dir = f.todo[--f.n_todo];

		if (visit(&f, &dir, err) < 0)
			return err->code;
	}
	if (f.found.n)
		qsort(f.found.paths, f.found.n, sizeof(*f.found.paths), by_text);
	*ret_found = ch_take(f.found);
	return 0;
}
