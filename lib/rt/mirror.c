/* SPDX-License-Identifier: Apache-2.0 */
#include "rt/mirror.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/path.h"
#include "sys/mnt.h"
#include "sys/mountinfo.h"

/* Deeper than hosts mount things; a smaller copy; what a kernel bears. */
enum { DEPTH_MAX = 16, COPY_MAX = 1 << 20, OVERLAYS_MAX = 1000 };

struct mirror {
	const struct ch_place *place;
	const char *dir; /* in the scaffold: the tmpfs with all that is ours */
	bool is_fake, is_host;
	unsigned overlays;
};

/* The path of our root in this mount namespace. */
static int root_path(const struct ch_place *place, char out[PATH_MAX])
{
	char link[CH_FD_PATH_MAX];
	ssize_t n = readlink(ch_fd_path(place->root, link), out, PATH_MAX - 1);

	if (n < 0)
		return -errno;
	out[n] = '\0';
	return 0;
}

bool ch_mirror_is_needed(const struct ch_place *place, const char *top)
{
	char root[PATH_MAX], path[2 * PATH_MAX];
	ch_auto(file) FILE *f = fopen("/proc/self/mountinfo", "re");
	ch_auto(str) char *line = NULL;
	size_t size = 0;
	struct ch_err err;

	if (!f || root_path(place, root) < 0)
		return false;
	snprintf(path, sizeof(path), "%s%s", root, top);
	while (getline(&line, &size, f) > 0) {
		ch_auto(mountinfo) struct ch_mountinfo m = { 0 };

		line[strcspn(line, "\n")] = '\0';
		if (ch_mountinfo_parse(line, &m, &err) == 0 && ch_path_is_below(m.path, path) &&
		    !ch_path_is_below(path, m.path))
			return true;
	}
	return false;
}

/* ---- entries ---------------------------------------------------------------------------- */

static int copy_link(int from, int into, const char *name, struct ch_err *err)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(from, name, target, sizeof(target) - 1);

	if (n < 0)
		return ch_err_sys(err, "read link '%s'", name);
	target[n] = '\0';
	return symlinkat(target, into, name) < 0 ? ch_err_sys(err, "make link '%s'", name) : 0;
}

/* An empty NAME like ST. */
static int make_like(int into, const char *name, const struct stat *st, struct ch_err *err)
{
	int rc = S_ISDIR(st->st_mode) ? mkdirat(into, name, 0755)
				      : mknodat(into, name, S_IFREG | 0644, 0);

	return rc < 0 ? ch_err_sys(err, "make '%s'", name) : 0;
}

/* NAME of FROM, with all that is mounted there, on NAME of INTO. */
static int bind(int from, int into, const char *name, bool is_readonly, struct ch_err *err)
{
	/* What was looked at may be a link to the host by now. */
	ch_auto(fd) int tree = ch_mnt_clone_entry(from, name);
	ch_auto(fd) int point = openat(into, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	if (tree < 0)
		return ch_err_rc(err, tree, "clone '%s'", name);
	if (point < 0)
		return ch_err_sys(err, "open '%s'", name);
	if (is_readonly && ch_mnt_readonly_top(tree, err) < 0)
		return err->code;
	return ch_mnt_attach(tree, point, err);
}

/* A copy of a small file, with its mode. False: it is to be bound. */
static bool copy_file(int from, int into, const char *name, const struct stat *st)
{
	/* Nothing else is opened: the writer of a FIFO would notice. */
	if (!S_ISREG(st->st_mode) || st->st_size > COPY_MAX)
		return false;

	ch_auto(fd) int in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	ch_auto(fd) int out = openat(into, name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	off_t done = 0;

	if (in < 0 || out < 0)
		return false;
	while (done < st->st_size)
		if (sendfile(out, in, &done, (size_t)(st->st_size - done)) <= 0)
			return false;
	fchmod(out, st->st_mode & 0777);
	return true;
}

/* An overlay of NAME of FROM on NAME of INTO, with a writable layer of its own. */
static int cover(struct mirror *m, int from, int into, const char *name, const struct stat *st,
		 struct ch_err *err)
{
	char upper[64], work[64];

	if (m->overlays >= OVERLAYS_MAX)
		return ch_err_set(err, -EMFILE, "too many directories");
	snprintf(upper, sizeof(upper), "%s/upper%u", m->dir, m->overlays);
	snprintf(work, sizeof(work), "%s/work%u", m->dir, m->overlays);
	m->overlays++;
	if (mkdirat(m->place->scaffold, upper, 0755) < 0 ||
	    mkdirat(m->place->scaffold, work, 0755) < 0)
		return ch_err_sys(err, "make a writable layer");

	ch_auto(fd) int up = openat(m->place->scaffold, upper, O_RDONLY | O_CLOEXEC);
	ch_auto(fd) int wk = openat(m->place->scaffold, work, O_RDONLY | O_CLOEXEC);
	ch_auto(fd) int lower = openat(from, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	ch_auto(fd) int target = openat(into, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (up < 0 || wk < 0 || lower < 0 || target < 0 || fchmod(up, st->st_mode & 07777) < 0)
		return ch_err_sys(err, "make a writable layer");

	struct ch_overlay o = {
		.target = target, .lower1 = -1, .lower2 = lower, .upper = up, .work = wk
	};

	return ch_mnt_overlay(&o, err);
}

/* Does PATH stay the host's, whatever is written there? */
static bool is_kept(const struct mirror *m, int dir, const char *name, const char *path)
{
	static const char *const kept[] = { "/dev", "/proc", "/run", "/sys", "/tmp" };
	static const unsigned long ours[] = {
		CGROUP2_SUPER_MAGIC, DEBUGFS_MAGIC,	 DEVPTS_SUPER_MAGIC, HUGETLBFS_MAGIC,
		PROC_SUPER_MAGIC,    SECURITYFS_MAGIC,	 SYSFS_MAGIC,	     TRACEFS_MAGIC,
		CGROUP_SUPER_MAGIC,  AUTOFS_SUPER_MAGIC,
	};
	ch_auto(fd) int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct statfs fs;

	for (size_t i = 0; m->is_host && i < sizeof(kept) / sizeof(kept[0]); i++)
		if (strcmp(path, kept[i]) == 0)
			return true;
	if (fd < 0 || fstatfs(fd, &fs) < 0)
		return false;
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if ((unsigned long)fs.f_type == ours[i])
			return true;
	return false;
}

static int fill(struct mirror *m, int from, int into, const char *top, unsigned depth,
		struct ch_err *err);

static int fake_dir(struct mirror *m, int from, int into, const char *name, const struct stat *st,
		    const char *path, unsigned depth, struct ch_err *err)
{
	if (depth < DEPTH_MAX && ch_mirror_is_needed(m->place, path)) {
		ch_auto(fd) int sub = openat(from, name,
					     O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		ch_auto(fd) int dir = openat(into, name,
					     O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (sub >= 0 && dir >= 0) {
			fchmod(dir, st->st_mode & 07777);
			return fill(m, sub, dir, path, depth + 1, err);
		}
	} else if (cover(m, from, into, name, st, err) == 0) {
		return 0;
	}
	return bind(from, into, name, true, err);
}

static int mirror_entry(struct mirror *m, int from, int into, const char *name, const char *path,
			unsigned depth, struct ch_err *err)
{
	struct stat st;

	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : ch_err_sys(err, "look at '%s'", path);
	if (S_ISLNK(st.st_mode))
		return copy_link(from, into, name, err);
	if (make_like(into, name, &st, err) < 0)
		return err->code;
	if (!m->is_fake || is_kept(m, from, name, path))
		return bind(from, into, name, false, err);
	if (S_ISDIR(st.st_mode))
		return fake_dir(m, from, into, name, &st, path, depth, err);
	if (copy_file(from, into, name, &st))
		return 0;
	return bind(from, into, name, true, err);
}

/* Has the entry NAME of FROM been removed meanwhile? Then what was made for it goes, too. */
static bool is_gone(int from, int into, const char *name)
{
	struct stat st;

	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT)
		return false;
	if (unlinkat(into, name, 0) < 0)
		(void)unlinkat(into, name, AT_REMOVEDIR);
	return true;
}

/* All entries of the directory FROM, whose path is TOP, into the empty directory INTO. */
static int fill(struct mirror *m, int from, int into, const char *top, unsigned depth,
		struct ch_err *err)
{
	ch_auto(fd) int fd = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ch_auto(dir) DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;

	if (!dir)
		return ch_err_sys(err, "read directory '%s'", *top ? top : "/");
	fd = -1; /* DIR's */
	while ((e = readdir(dir))) {
		char path[PATH_MAX];

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (snprintf(path, sizeof(path), "%s/%s", top, e->d_name) >= (int)sizeof(path))
			return ch_err_set(err, -ENAMETOOLONG, "a path is too long");
		if (mirror_entry(m, from, into, e->d_name, path, depth, err) < 0 &&
		    !is_gone(from, into, e->d_name))
			return ch_err_in(err, "'%s'", path);
	}
	return 0;
}

/* ---- the whole ---------------------------------------------------------------------------- */

/* A tmpfs with OPTS in the scaffold's directory NAME, and a directory "root" in it. */
static int make_tmpfs(const struct ch_place *place, const char *name, const char *opts, int like,
		      struct ch_err *err)
{
	char link[CH_FD_PATH_MAX], root[64];
	struct stat st;

	snprintf(root, sizeof(root), "%s/root", name);
	if (mkdirat(place->scaffold, name, 0755) < 0 || fstat(like, &st) < 0)
		return ch_err_sys(err, "make directory '%s'", name);

	ch_auto(fd) int point = openat(place->scaffold, name, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (point < 0 ||
	    mount("charlie", ch_fd_path(point, link), "tmpfs", MS_NOSUID | MS_NODEV, opts) < 0)
		return ch_err_sys(err, "mount a tmpfs (%s)", opts);
	if (mkdirat(place->scaffold, root, 0755) < 0)
		return ch_err_sys(err, "make directory '%s'", root);

	int fd = openat(place->scaffold, root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fchmod(fd, st.st_mode & 07777) < 0)
		return ch_err_sys(err, "make directory '%s'", root);
	return fd;
}

/* Put the directory DIR of a tmpfs, with what is mounted in it, over TOP. */
static int put_over(int dir, struct ch_place *place, int target, const char *top, bool is_readonly,
		    struct ch_err *err)
{
	ch_auto(fd) int tree = ch_mnt_clone(dir, ".");

	if (tree < 0)
		return ch_err_rc(err, tree, "clone a directory");
	if (is_readonly && ch_mnt_readonly_top(tree, err) < 0)
		return err->code;
	if (ch_mnt_attach(tree, target, err) < 0)
		return err->code;
	return *top ? 0 : ch_skel_reopen(place, err);
}

int ch_mirror_points(const struct ch_skel *skel, struct ch_place *place, const char *top,
		     struct ch_err *err)
{
	static unsigned number; /* of our directories */
	char name[32];
	struct mirror m = { .place = place, .dir = name };
	ch_auto(fd) int like = ch_open_in_root(place->root, *top ? top : "/",
					       O_RDONLY | O_DIRECTORY);

	if (like < 0)
		return ch_err_rc(err, like, "open '%s'", *top ? top : "/");
	snprintf(name, sizeof(name), "mirror%u", number++);

	ch_auto(fd) int into = make_tmpfs(place, name, "mode=0755,size=16m", like, err);

	if (into < 0 || fill(&m, like, into, top, 0, err) < 0 ||
	    ch_skel_fill(skel, top, into, err) < 0)
		return err->code;
	return put_over(into, place, like, top, true, err);
}

int ch_mirror_fake(struct ch_place *place, bool is_host, const char *size, struct ch_err *err)
{
	struct mirror m = { .place = place, .dir = "mirror", .is_fake = true, .is_host = is_host };
	ch_auto(fd) int like = ch_open_in_root(place->root, "/", O_RDONLY | O_DIRECTORY);
	char opts[64];

	if (like < 0)
		return ch_err_rc(err, like, "open '/'");
	snprintf(opts, sizeof(opts), "mode=0755,size=%s", size);

	ch_auto(fd) int into = make_tmpfs(place, m.dir, opts, like, err);

	if (into < 0 || fill(&m, like, into, "", 0, err) < 0)
		return err->code;
	return put_over(into, place, like, "", false, err);
}
