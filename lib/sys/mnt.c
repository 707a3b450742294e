/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/mnt.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/path.h"
#include "sys/mountinfo.h"

const char *ch_fd_path(int fd, char path[CH_FD_PATH_MAX])
{
	snprintf(path, CH_FD_PATH_MAX, "/proc/self/fd/%d", fd);
	return path;
}

int ch_open_in_root(int root, const char *path, int flags)
{
	struct open_how how = {
		.flags = (__u64)(flags | O_CLOEXEC),
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};

	for (int tries = 0;; tries++) {
		long fd = syscall(SYS_openat2, root, path, &how, sizeof(how));

		if (fd >= 0)
			return (int)fd;
		/* EAGAIN: a rename elsewhere raced with "..", see openat2(2). */
		if (errno != EAGAIN || tries == 100)
			return -errno;
	}
}

int ch_mnt_scaffold(const char *name, struct ch_err *err)
{
	static const char *const places[] = { "/tmp", "/run", "/mnt", "/var/tmp", "/opt", "/sys" };

	err->code = 0;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (mount(name, places[i], "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") == 0) {
			int fd = open(places[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);

			return fd < 0 ? ch_err_sys(err, "open '%s'", places[i]) : fd;
		}
		if (err->code == 0)
			ch_err_sys(err, "mount a tmpfs on '%s'", places[i]);
	}
	return err->code;
}

static int clone_tree(int dir, const char *path, unsigned flags)
{
	long fd = syscall(SYS_open_tree, dir, path,
			  OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | flags);

	return fd < 0 ? -errno : (int)fd;
}

int ch_mnt_clone(int dir, const char *path)
{
	return clone_tree(dir, path, 0);
}

int ch_mnt_clone_entry(int dir, const char *name)
{
	ch_auto(fd) int tree = clone_tree(dir, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT);
	struct stat st;

	if (tree < 0)
		return tree;
	if (fstat(tree, &st) < 0)
		return -errno;
	return S_ISLNK(st.st_mode) ? -ELOOP : ch_take_fd(&tree);
}

int ch_mnt_attach(int tree, int dst, struct ch_err *err)
{
	if (syscall(SYS_move_mount, tree, "", dst, "",
		    MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return ch_err_sys(err, "bind mount");
	return 0;
}

/* Is mount M hidden, by another one at the same place or above? No path leads to it then,
 * and nobody sees it. */
static bool is_hidden(const struct ch_mountinfo *m)
{
	ch_auto(fd) int fd = open(m->path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	char path[64], line[64];
	int id = m->id;

	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR;
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);

	ch_auto(file) FILE *f = fopen(path, "re");

	while (f && fgets(line, sizeof(line), f) && sscanf(line, "mnt_id: %d", &id) != 1)
		;
	return id != m->id;
}

/* One remount for each mount below DIR. Locked flags have to be repeated, or the kernel
 * refuses in a user namespace (mount_namespaces(7)). */
static int readonly_one_by_one(int dir, bool only_top, struct ch_err *err)
{
	char link[CH_FD_PATH_MAX], top[PATH_MAX];
	ssize_t len = readlink(ch_fd_path(dir, link), top, sizeof(top) - 1);
	ch_auto(file) FILE *f = fopen("/proc/self/mountinfo", "re");
	ch_auto(str) char *line = NULL;
	size_t size = 0;

	if (len < 0 || !f)
		return ch_err_sys(err, "read mountinfo");
	top[len] = '\0';
	while (getline(&line, &size, f) > 0) {
		ch_auto(mountinfo) struct ch_mountinfo m = { 0 };

		line[strcspn(line, "\n")] = '\0';
		if (ch_mountinfo_parse(line, &m, err) < 0)
			return err->code;
		if (!ch_path_is_below(m.path, top) || m.flags & MS_RDONLY || is_hidden(&m) ||
		    (only_top && !ch_path_is_below(top, m.path)))
			continue;
		if (mount(NULL, m.path, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | m.flags, NULL) < 0)
			return ch_err_sys(err, "remount '%s' read-only", m.path);
	}
	return 0;
}

static int make_readonly(int dir, bool only_top, struct ch_err *err)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };
	unsigned flags = AT_EMPTY_PATH | (only_top ? 0U : (unsigned)AT_RECURSIVE);

	if (syscall(SYS_mount_setattr, dir, "", flags, &attr, sizeof(attr)) == 0)
		return 0;
	if (errno == ENOSYS)
		return readonly_one_by_one(dir, only_top, err);
	return ch_err_sys(err, "make a mount read-only");
}

int ch_mnt_readonly(int dir, struct ch_err *err)
{
	return make_readonly(dir, false, err);
}

int ch_mnt_readonly_top(int dir, struct ch_err *err)
{
	return make_readonly(dir, true, err);
}

static const char *overlay_refused(int code)
{
	if (code == EPERM || code == ENODEV)
		return "this kernel does not let users mount overlay file systems "
		       "(needs Linux 5.11 and the module overlay)";
	return strerrordesc_np(code);
}

int ch_mnt_overlay(const struct ch_overlay *o, struct ch_err *err)
{
	ch_auto(buf) struct ch_buf opts = CH_BUF_INIT(4096);
	ch_auto(str) char *data = NULL;
	char path[CH_FD_PATH_MAX];

	ch_buf_adds(&opts, "lowerdir=");
	if (o->lower1 >= 0)
		ch_buf_addf(&opts, "%s:", ch_fd_path(o->lower1, path));
	ch_buf_adds(&opts, ch_fd_path(o->lower2, path));
	if (o->upper >= 0) {
		ch_buf_addf(&opts, ",upperdir=%s", ch_fd_path(o->upper, path));
		ch_buf_addf(&opts, ",workdir=%s,userxattr,volatile", ch_fd_path(o->work, path));
	}
	if (ch_buf_take(&opts, &data) < 0)
		return ch_err_nomem(err);
	if (mount("overlay", ch_fd_path(o->target, path), "overlay",
		  MS_NOSUID | MS_NODEV | (o->upper < 0 ? (unsigned long)MS_RDONLY : 0), data) < 0)
		return ch_err_set(err, -errno, "mount an overlay: %s", overlay_refused(errno));
	return 0;
}
