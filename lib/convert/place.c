/* SPDX-License-Identifier: Apache-2.0 */
#include "convert/place.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/log.h"
#include "sys/names.h"
#include "sys/rmtree.h"

/* A hidden name: ".", the name (or its begin), this, and digits; or OLD */
#define MARK ".ch-"
#define HEX  "0123456789abcdef"
#define OLD  "old"

#define LOOK_AT (O_PATH | O_DIRECTORY | O_CLOEXEC)

enum {
	DIGITS = 8,
	NAME_PART = NAME_MAX - 1 - (sizeof(MARK) - 1) - DIGITS,
	TEMP_MAX = NAME_MAX + DIGITS + 1,
	TRIES = 100,
};

/* ---- what is there ------------------------------------------------------------------------ */

static bool is_empty(int dir)
{
	return ch_names_has_only(dir, (const char *const[]){ NULL });
}

static bool looks_like_image(int dir)
{
	return faccessat(dir, "bin", F_OK, AT_SYMLINK_NOFOLLOW) == 0 &&
	       faccessat(dir, "dev", F_OK, AT_SYMLINK_NOFOLLOW) == 0 &&
	       faccessat(dir, "usr", F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool looks_like_layout(int dir)
{
	return faccessat(dir, "oci-layout", F_OK, AT_SYMLINK_NOFOLLOW) == 0 &&
	       faccessat(dir, "index.json", F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int check_dir(const char *path, bool is_layout, struct ch_err *err)
{
	ch_auto(fd) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return ch_err_sys(err, "look at '%s'", path);
	if (is_empty(fd) || (is_layout ? looks_like_layout(fd) : looks_like_image(fd)))
		return 0;
	return ch_err_set(err, -EEXIST,
			  "'%s' is there, and does not look like an %s: it is not replaced", path,
			  is_layout ? "OCI layout" : "image (bin, dev, usr)");
}

/* There is nothing at PATH, but maybe a link. */
static int check_nothing(const char *path, struct ch_err *err)
{
	struct stat st;

	if (lstat(path, &st) == 0)
		return ch_err_set(err, -ENOENT,
				  "'%s' is a link to what is not there: it is not replaced", path);
	return errno == ENOENT ? 0 : ch_err_sys(err, "look at '%s'", path);
}

int ch_place_check(const char *path, unsigned flags, struct ch_err *err)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return errno == ENOENT ? check_nothing(path, err)
				       : ch_err_sys(err, "look at '%s'", path);
	if (flags & CH_PLACE_KEEP)
		return ch_err_set(err, -EEXIST, "'%s' is there already: not replaced", path);
	if (!(flags & CH_PLACE_DIR)) {
		if (S_ISREG(st.st_mode))
			return 0;
		return ch_err_set(err, S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL,
				  "'%s' is there, and is not a file: it is not replaced", path);
	}
	if (!S_ISDIR(st.st_mode))
		return ch_err_set(err, -ENOTDIR,
				  "'%s' is there, and is not a directory: it is not replaced",
				  path);
	return check_dir(path, flags & CH_PLACE_LAYOUT, err);
}

/* ---- beginning ---------------------------------------------------------------------------- */

/* Open the directory that PATH is in, or what it leads to as a link, and tell its name there. */
static int find_dir(struct ch_place *p, struct ch_err *err)
{
	ch_auto(str) char *real = realpath(p->path, NULL);
	ch_auto(str) char *path = strdup(real ? real : p->path);
	char *slash;
	size_t n = path ? strlen(path) : 0;

	if (!path)
		return ch_err_nomem(err);
	while (n > 1 && path[n - 1] == '/')
		path[--n] = '\0';
	slash = strrchr(path, '/');
	p->name = strdup(slash ? slash + 1 : path);
	if (!p->name)
		return ch_err_nomem(err);
	if (!p->name[0] || strcmp(p->name, ".") == 0 || strcmp(p->name, "..") == 0)
		return ch_err_set(err, -EINVAL, "'%s' cannot be made", p->path);
	if (slash)
		slash[slash == path] = '\0';
	p->dir = open(slash ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (p->dir < 0)
		return ch_err_sys(err, "directory '%s'", slash ? path : ".");
	return 0;
}

/* What all hidden names of this place begin with */
static int prefix_of(const struct ch_place *p, char out[NAME_MAX + 1])
{
	return snprintf(out, NAME_MAX + 1, ".%.*s%s", (int)NAME_PART, p->name, MARK);
}

/* Remove what nobody holds the lock of. That it cannot be done is no matter of ours. */
static void remove_stale(const struct ch_place *p, const char *name)
{
	enum { FLAGS = O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC };
	ch_auto(fd) int fd = openat(p->dir, name, O_RDWR | FLAGS);
	struct ch_err ignored;
	struct stat st;

	/* NFS wants files to be open for writing; directories cannot be. */
	if (fd < 0 && errno == EISDIR)
		fd = openat(p->dir, name, O_RDONLY | O_DIRECTORY | FLAGS);
	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_uid == geteuid() &&
	    flock(fd, LOCK_EX | LOCK_NB) == 0)
		(void)ch_rmtree(p->dir, name, &ignored);
}

static void old_name(const struct ch_place *p, char out[NAME_MAX + 1])
{
	int n = prefix_of(p, out);

	snprintf(out + n, NAME_MAX + 1 - (size_t)n, "%s", OLD);
}

/* Who was killed while he replaced a directory, where that takes two renames, has left none of that
 * name. */
static void bring_back(const struct ch_place *p)
{
	char old[NAME_MAX + 1];
	struct stat st;

	old_name(p, old);
	if (fstatat(p->dir, p->name, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT &&
	    fstatat(p->dir, old, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode) &&
	    st.st_uid == geteuid())
		(void)renameat(p->dir, old, p->dir, p->name);
}

static bool is_hidden(const char *name, const char *prefix, size_t n)
{
	return strncmp(name, prefix, n) == 0 && strlen(name + n) == DIGITS &&
	       strspn(name + n, HEX) == DIGITS;
}

static void remove_all_stale(const struct ch_place *p)
{
	char prefix[NAME_MAX + 1];
	size_t n = (size_t)prefix_of(p, prefix);
	ch_auto(names) struct ch_names names = { 0 };

	if (ch_names_list(p->dir, &names) < 0)
		return;
	for (size_t i = 0; i < names.n; i++)
		if (is_hidden(names.list[i], prefix, n))
			remove_stale(p, names.list[i]);
}

static int make(const struct ch_place *p, const char *temp)
{
	if (!(p->flags & CH_PLACE_DIR))
		return openat(p->dir, temp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			      0666);
	if (mkdirat(p->dir, temp, 0755) < 0)
		return -1;
	return openat(p->dir, temp, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev;
}

/* Is what is open as FD still there? Between its making and its locking, somebody may have taken
 * it for left over. */
static bool is_there(const struct ch_place *p, const char *temp, int fd)
{
	return ch_names_is(p->dir, temp, fd);
}

/* A hidden name that is hardly taken */
static int random_name(const struct ch_place *p, char out[TEMP_MAX], struct ch_err *err)
{
	char prefix[NAME_MAX + 1];
	uint32_t digits;

	prefix_of(p, prefix);
	if (getrandom(&digits, sizeof(digits), 0) != (ssize_t)sizeof(digits))
		return ch_err_sys(err, "random number");
	snprintf(out, TEMP_MAX, "%s%0*x", prefix, (int)DIGITS, digits);
	return 0;
}

static int begin(struct ch_place *p, struct ch_err *err)
{
	char temp[TEMP_MAX];

	for (int i = 0; i < TRIES; i++) {
		ch_auto(fd) int fd = -1;

		if (random_name(p, temp, err) < 0)
			return err->code;
		fd = make(p, temp);
		if (fd < 0 && errno == EEXIST)
			continue;
		if (fd < 0)
			return ch_err_sys(err, "make '%s'", p->path);
		/* Where there are no locks, nothing is found left over, either. */
		(void)flock(fd, LOCK_EX);
		if (!is_there(p, temp, fd))
			continue;
		p->fd = ch_take_fd(&fd);
		p->temp = strdup(temp);
		if (p->temp)
			return 0;
		(void)unlinkat(p->dir, temp, (p->flags & CH_PLACE_DIR) ? AT_REMOVEDIR : 0);
		return ch_err_nomem(err);
	}
	return ch_err_set(err, -EEXIST, "make '%s': no name is free", p->path);
}

int ch_place_new(const char *path, unsigned flags, struct ch_place *ret_place, struct ch_err *err)
{
	ch_auto(place) struct ch_place p = CH_PLACE_INIT;

	p.path = path;
	p.flags = flags;
	if (find_dir(&p, err) < 0)
		return err->code;
	if (flags & CH_PLACE_DIR)
		bring_back(&p);
	if (ch_place_check(path, flags, err) < 0)
		return err->code;
	remove_all_stale(&p);
	if (begin(&p, err) < 0)
		return err->code;
	*ret_place = p;
	p = CH_PLACE_INIT;
	return 0;
}

/* ---- where it is --------------------------------------------------------------------------- */

/* Go up from DIR, till ROOT, or the end. */
bool ch_place_is_below(const struct ch_place *p, int root)
{
	ch_auto(fd) int dir = p->dir < 0 ? -1 : openat(p->dir, ".", LOOK_AT);
	struct stat want, st, last = { 0 };

	if (fstat(root, &want) < 0)
		return false;
	while (dir >= 0 && fstat(dir, &st) == 0 && !is_same(&st, &last)) {
		int up = openat(dir, "..", LOOK_AT);

		close(dir);
		dir = up;
		if (is_same(&st, &want))
			return true;
		last = st;
	}
	return false;
}

/* ---- end ---------------------------------------------------------------------------------- */

static int move(const struct ch_place *p, unsigned flags)
{
	return renameat2(p->dir, p->temp, p->dir, p->name, flags);
}

/* Where the file system knows no flags (NFS), a look has to do. */
static int move_keeping(const struct ch_place *p)
{
	if (move(p, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL)
		return -1;
	if (faccessat(p->dir, p->name, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
		errno = EEXIST;
		return -1;
	}
	return move(p, 0);
}

/* What was there is not needed any more; what is to be there, is. */
static void remove_old(const struct ch_place *p, const char *old)
{
	struct ch_err err;

	if (ch_rmtree_shown(p->dir, old, &err) < 0)
		ch_log(CH_WARN, "'%s' is made, but what was there is left as '%s': %s", p->path,
		       old, err.msg);
}

/* Remove OLD by a name that remove_all_stale() knows: half removed, it must not be brought back. */
static int discard(const struct ch_place *p, const char *old, struct ch_err *err)
{
	char temp[TEMP_MAX];

	if (random_name(p, temp, err) < 0)
		return err->code;
	if (renameat(p->dir, old, p->dir, temp) < 0)
		return errno == ENOENT ? 0 : ch_err_sys(err, "remove '%s'", old);
	return ch_rmtree_shown(p->dir, temp, err);
}

/* Without an exchange: at any time, one of them has its name, or both are there. Between the two
 * renames, another maker may take us for dead (bring_back). In the end, the old one has the hidden
 * name of the new one, as after an exchange. */
static int move_aside(const struct ch_place *p, struct ch_err *err)
{
	char old[NAME_MAX + 1];
	int failed = ENOTEMPTY;

	old_name(p, old);
	for (int i = 0; i < TRIES && (failed == ENOTEMPTY || failed == EEXIST); i++) {
		/* Left by one that was killed, since it has got its name again, from somebody. */
		if (discard(p, old, err) < 0)
			return err->code;
		if (renameat(p->dir, p->name, p->dir, old) < 0)
			return ch_err_sys(err, "replace '%s'", p->path);
		if (move(p, 0) == 0) {
			(void)renameat(p->dir, old, p->dir, p->temp);
			return 0;
		}
		failed = errno;
		(void)renameat(p->dir, old, p->dir, p->name);
	}
	return ch_err_rc(err, -failed, "make '%s'", p->path);
}

/* A directory that is not empty cannot be renamed over: it is exchanged, and gone then. */
static int move_dir(struct ch_place *p, struct ch_err *err)
{
	if (move(p, RENAME_EXCHANGE) < 0) {
		if (errno != EINVAL || faccessat(p->dir, p->name, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
			return move(p, 0) < 0 ? ch_err_sys(err, "make '%s'", p->path) : 0;
		if (move_aside(p, err) < 0)
			return err->code;
	}

	ch_auto(str) char *old = ch_take(p->temp);

	remove_old(p, old);
	return 0;
}

static int give_name(struct ch_place *p, struct ch_err *err)
{
	if (!(p->flags & CH_PLACE_KEEP) && (p->flags & CH_PLACE_DIR)) {
		/* It may have become something else meanwhile. */
		int rc = ch_place_check(p->path, p->flags, err);

		return rc < 0 ? rc : move_dir(p, err);
	}
	if (((p->flags & CH_PLACE_KEEP) ? move_keeping(p) : move(p, 0)) < 0)
		return ch_err_sys(err, "make '%s'", p->path);
	return 0;
}

int ch_place_commit(struct ch_place *p, struct ch_err *err)
{
	if (((p->flags & CH_PLACE_DIR) ? syncfs(p->fd) : fsync(p->fd)) < 0)
		return ch_err_sys(err, "write '%s'", p->path);
	if (give_name(p, err) < 0)
		return err->code;
	free(ch_take(p->temp));
	(void)flock(p->fd, LOCK_UN);
	return fsync(p->dir) < 0 ? ch_err_sys(err, "write '%s'", p->path) : 0;
}

void ch_place_done(struct ch_place *p)
{
	struct ch_err ignored;

	if (p->temp)
		(void)ch_rmtree(p->dir, p->temp, &ignored);
	ch_close(&p->fd);
	ch_close(&p->dir);
	free(p->temp);
	free(p->name);
	*p = CH_PLACE_INIT;
}
