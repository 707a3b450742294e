/* SPDX-License-Identifier: Apache-2.0 */
#include "trees.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/buf.h"
#include "unit.h"

enum { TEXT_MAX = 64 << 20 };

int trees_temp(char *path, size_t size)
{
	const char *tmp = getenv("TMPDIR");
	int fd;

	snprintf(path, size, "%s/ch-trees.XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(path));
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

/* Make the directories that the path at the begin of PATH leads through. */
static void make_parents(int dir, const char *path)
{
	size_t len = strcspn(path, "=>");

	for (const char *p = strchr(path, '/'); p && p < path + len; p = strchr(p + 1, '/')) {
		ch_auto(str) char *parent = strndup(path, (size_t)(p - path));

		if (mkdirat(dir, NOT_NULL(parent), 0755) == 0)
			assert_int_equal(fchmodat(dir, parent, 0755, 0), 0);
	}
}

static void make_file(int dir, const char *path, const char *text, mode_t mode)
{
	ch_auto(fd) int fd = openat(dir, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	size_t len = strlen(text);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
	assert_int_equal(fchmod(fd, mode), 0);
}

/* Cut TEXT at SEP; what is behind it, or NULL. */
static char *cut(char *text, const char *sep)
{
	char *at = strstr(text, sep);

	if (!at)
		return NULL;
	*at = '\0';
	return at + strlen(sep);
}

static void make_entry(int dir, char *entry)
{
	char *rest, *colon = NULL;
	mode_t mode;
	size_t len;

	if (!strstr(entry, "->"))
		colon = cut(entry, ":");
	mode = colon ? (mode_t)strtoul(colon, NULL, 8) : 0;
	make_parents(dir, entry);
	len = strlen(entry);
	if ((rest = cut(entry, "->"))) {
		assert_int_equal(symlinkat(rest, dir, entry), 0);
	} else if ((rest = cut(entry, "=="))) {
		assert_int_equal(linkat(dir, rest, dir, entry, 0), 0);
	} else if ((rest = cut(entry, "="))) {
		make_file(dir, entry, rest, colon ? mode : 0644);
	} else if (entry[len - 1] == '|') {
		entry[len - 1] = '\0';
		assert_int_equal(mkfifoat(dir, entry, 0600), 0);
		assert_int_equal(fchmodat(dir, entry, colon ? mode : 0644, 0), 0);
	}
}

/* "DIR/:MODE" */
static void change_mode(int dir, char *entry)
{
	const char *mode = cut(entry, "/:");

	if (mode && !strpbrk(entry, "=>"))
		assert_int_equal(fchmodat(dir, entry, (mode_t)strtoul(mode, NULL, 8), 0), 0);
}

static void for_each(int dir, const char *text, void (*fn)(int dir, char *entry))
{
	ch_auto(str) char *copy = strdup(text);
	char *save;

	for (char *p = strtok_r(NOT_NULL(copy), " ", &save); p; p = strtok_r(NULL, " ", &save))
		fn(dir, p);
}

void trees_make(int dir, const char *text)
{
	for_each(dir, text, make_entry);
	for_each(dir, text, change_mode);
}

/* ---- texts of trees -------------------------------------------------------------------- */

struct writer {
	int dir;
	struct ch_buf text;
	struct {
		ino_t ino;
		char *path; /* owned */
	} linked[4096];
	size_t n_linked;
};

static void add_mode(struct writer *w, mode_t mode, mode_t usual)
{
	if ((mode & 07777) != usual)
		ch_buf_addf(&w->text, ":%o", mode & 07777);
}

/* An earlier path of the same file, or NULL; and note this one. */
static const char *earlier(struct writer *w, const char *path, const struct stat *st)
{
	if (st->st_nlink < 2)
		return NULL;
	for (size_t i = 0; i < w->n_linked; i++)
		if (w->linked[i].ino == st->st_ino)
			return w->linked[i].path;
	assert_true(w->n_linked < ARRAY_SIZE(w->linked));
	w->linked[w->n_linked].ino = st->st_ino;
	w->linked[w->n_linked++].path = NOT_NULL(strdup(path));
	return NULL;
}

static void add_file(struct writer *w, const char *path, const struct stat *st)
{
	const char *same = earlier(w, path, st);
	char content[4096];

	if (same) {
		ch_buf_addf(&w->text, " %s==%s", path, same);
		return;
	}

	ch_auto(fd) int fd = openat(w->dir, path, O_RDONLY | O_CLOEXEC);
	ssize_t len = read(fd, content, sizeof(content));

	assert_true(len >= 0);
	ch_buf_addf(&w->text, " %s=%.*s", path, (int)len, content);
	add_mode(w, st->st_mode, 0644);
}

static void add_dir(struct writer *w, const char *path);

static void add_entry(struct writer *w, const char *path)
{
	struct stat st;
	char target[4096] = "";

	assert_int_equal(fstatat(w->dir, path, &st, AT_SYMLINK_NOFOLLOW), 0);
	if (S_ISDIR(st.st_mode)) {
		add_dir(w, path);
	} else if (S_ISREG(st.st_mode)) {
		add_file(w, path, &st);
	} else if (S_ISLNK(st.st_mode)) {
		assert_true(readlinkat(w->dir, path, target, sizeof(target) - 1) > 0);
		ch_buf_addf(&w->text, " %s->%s", path, target);
	} else {
		ch_buf_addf(&w->text, " %s%s", path, S_ISFIFO(st.st_mode) ? "|" : "?");
		add_mode(w, st.st_mode, 0644);
	}
}

static void add_dir(struct writer *w, const char *path)
{
	ch_auto(fd) int fd = openat(w->dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char of_fd[64];
	struct dirent **names;
	struct stat st;

	assert_true(fd >= 0);
	snprintf(of_fd, sizeof(of_fd), "/proc/self/fd/%d", fd);

	int n = scandir(of_fd, &names, NULL, alphasort);

	assert_true(n >= 2);
	assert_int_equal(fstat(fd, &st), 0);
	if (strcmp(path, ".") != 0 && (n == 2 || (st.st_mode & 07777) != 0755)) {
		ch_buf_addf(&w->text, " %s/", path);
		add_mode(w, st.st_mode, 0755);
	}
	for (int i = 0; i < n; i++) {
		char entry[4096];

		snprintf(entry, sizeof(entry), "%s%s%s", strcmp(path, ".") ? path : "",
			 strcmp(path, ".") ? "/" : "", names[i]->d_name);
		if (strcmp(names[i]->d_name, ".") != 0 && strcmp(names[i]->d_name, "..") != 0)
			add_entry(w, entry);
		free(names[i]);
	}
	free(names);
}

char *trees_text(int dir)
{
	struct writer w = { .dir = dir, .text = CH_BUF_INIT(TEXT_MAX) };
	char *text = NULL;

	add_dir(&w, ".");
	while (w.n_linked > 0)
		free(w.linked[--w.n_linked].path);
	assert_int_equal(ch_buf_take(&w.text, &text), 0);
	if (*text == ' ')
		memmove(text, text + 1, strlen(text));
	return text;
}

/* ---- places ------------------------------------------------------------------------------ */

static void remove_in(int dir, const char *name)
{
	if (unlinkat(dir, name, 0) == 0)
		return;
	assert_int_equal(fchmodat(dir, name, 0700, 0), 0);

	ch_auto(fd) int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	ch_auto(dir) DIR *d = fdopendir(fd);
	const struct dirent *e;

	assert_non_null(d);
	fd = -1; /* D's now */
	while ((e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			remove_in(dirfd(d), e->d_name);
	assert_int_equal(unlinkat(dir, name, AT_REMOVEDIR), 0);
}

void trees_remove(int dir, const char *path)
{
	close(dir);
	remove_in(AT_FDCWD, path);
}

void trees_begin(struct trees *t)
{
	umask(022);
	t->dir = trees_temp(t->path, sizeof(t->path));
	assert_int_equal(mkdirat(t->dir, "from", 0755), 0);
	assert_int_equal(mkdirat(t->dir, "to", 0755), 0);
	t->from = openat(t->dir, "from", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	t->to = openat(t->dir, "to", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

void trees_end(struct trees *t)
{
	close(t->from);
	close(t->to);
	trees_remove(t->dir, t->path);
}
