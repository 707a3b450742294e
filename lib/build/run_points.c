/* SPDX-License-Identifier: Apache-2.0 */
#include "build/run_points.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/analyser.h"
#include "base/auto.h"
#include "base/err.h"
#include "sys/mnt.h"

static bool is_same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

CH_MOVES_BEGIN
/* Note that NAME was made in DIR, which is taken, and was as BEFORE says. */
static int note(struct ch_run_points *points, int dir, const char *name, bool is_dir,
		const struct stat *before, struct ch_err *err)
{
	ch_auto(fd) int fd = dir;
	struct ch_run_point *list = realloc(points->list, (points->n + 1) * sizeof(*list));
	struct stat st, after;

	if (!list)
		return ch_err_nomem(err);
	points->list = list;
	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || fstat(fd, &after) < 0)
		return ch_err_sys(err, "look at mount point '%s'", name);

	list[points->n] = (struct ch_run_point){ .dir = fd,
						 .name = strdup(name),
						 .is_dir = is_dir,
						 .ino = st.st_ino,
						 .before = before->st_mtim,
						 .after = after.st_mtim };
	if (!list[points->n].name)
		return ch_err_nomem(err);
	points->n++;
	ch_take_fd(&fd);
	return 0;
}
CH_MOVES_END

/* Make NAME in DIR. Returns 1; 0: it may not be made; or an error. */
static int make_one(struct ch_run_points *points, int dir, const char *name, bool is_dir,
		    struct ch_err *err)
{
	ch_auto(fd) int copy = fcntl(dir, F_DUPFD_CLOEXEC, 0);
	struct stat before;

	if (copy < 0 || fstat(dir, &before) < 0)
		return ch_err_sys(err, "look at a directory of the image");

	int rc = is_dir ? mkdirat(dir, name, 0755) : mknodat(dir, name, S_IFREG | 0644, 0);

	if (rc < 0 && (errno == EACCES || errno == EPERM))
		return 0;
	if (rc < 0)
		return ch_err_sys(err, "make mount point '%s' in the image", name);
	rc = note(points, ch_take_fd(&copy), name, is_dir, &before, err);
	return rc < 0 ? rc : 1;
}

/* Make REST, of which nothing is there, below DIR. */
static int make_rest(struct ch_run_points *points, int dir, char *rest, bool is_dir,
		     struct ch_err *err)
{
	ch_auto(fd) int at = fcntl(dir, F_DUPFD_CLOEXEC, 0);
	char *left = NULL, *name = strtok_r(rest, "/", &left);

	while (name) {
		char *next = strtok_r(NULL, "/", &left);
		int rc = make_one(points, at, name, next || is_dir, err);

		if (rc <= 0 || !next)
			return rc < 0 ? rc : 0;

		int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (fd < 0)
			return ch_err_sys(err, "open mount point '%s' in the image", name);
		close(at);
		at = fd;
		name = next;
	}
	return 0;
}

/* Where PATH ends when its last part, after byte LEN, is cut off; 0: nothing is left. */
static size_t cut(const char *path, size_t len)
{
	while (len > 0 && path[len - 1] != '/')
		len--;
	while (len > 0 && path[len - 1] == '/')
		len--;
	return len;
}

int ch_run_points_make(struct ch_run_points *points, int root, const char *path, bool is_dir,
		       struct ch_err *err)
{
	size_t len = strlen(path);
	char top[PATH_MAX], rest[PATH_MAX];

	if (len >= sizeof(top))
		return ch_err_set(err, -ENAMETOOLONG, "mount point '%.80s…' is too long", path);
	if (strstr(path, "/../") || (len >= 3 && strcmp(path + len - 3, "/..") == 0))
		return ch_err_set(err, -EINVAL, "mount point '%s' contains '..'", path);
	memcpy(top, path, len + 1);
	for (size_t end = len;; end = cut(top, end)) {
		bool is_whole = end == len;

		top[end] = '\0';

		ch_auto(fd) int fd = ch_open_in_root(root, end ? top : "/",
						     is_whole ? O_PATH : O_RDONLY | O_DIRECTORY);

		if (fd >= 0 && is_whole)
			return 0;
		if (fd == -EACCES)
			return 0;
		if (fd < 0 && (fd != -ENOENT || end == 0))
			return ch_err_rc(err, fd, "mount point '%s' in the image", path);
		if (fd < 0)
			continue;
		memcpy(rest, path + end, len - end + 1);
		return make_rest(points, fd, rest, is_dir, err);
	}
}

/* Take P away, if it is still as it was made. */
static void take_away(const struct ch_run_point *p)
{
	struct stat st, dir;

	if (fstatat(p->dir, p->name, &st, AT_SYMLINK_NOFOLLOW) < 0 || fstat(p->dir, &dir) < 0 ||
	    st.st_ino != p->ino || (!p->is_dir && st.st_size > 0))
		return;
	if (unlinkat(p->dir, p->name, p->is_dir ? AT_REMOVEDIR : 0) < 0 ||
	    !is_same_time(&dir.st_mtim, &p->after))
		return;
	futimens(p->dir, (const struct timespec[]){ { .tv_nsec = UTIME_OMIT }, p->before });
}

void ch_run_points_done(struct ch_run_points *points)
{
	/* Backwards: the last ones are in those before. */
	for (size_t i = points->n; i-- > 0;) {
		struct ch_run_point *p = &points->list[i];

		take_away(p);
		close(p->dir);
		free(p->name);
	}
	free(points->list);
	*points = (struct ch_run_points){ 0 };
}
