/* SPDX-License-Identifier: Apache-2.0 */
/* names.c - namespaces, and what an ordinary user can mount in them */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "look.h"
#include "probe/probe.h"
#include "sys/mnt.h"
#include "sys/userns.h"

#define LIMIT_USER    "/proc/sys/user/max_user_namespaces"
#define SYSCTL_CLONE  "/proc/sys/kernel/unprivileged_userns_clone"
#define SYSCTL_ARMOR  "/proc/sys/kernel/apparmor_restrict_unprivileged_userns"
#define REMEDY_CLONE  "sysctl kernel.unprivileged_userns_clone=1"
#define REMEDY_MODULE "a security module or a system call filter forbids it; see the admin guide"

enum {
	FEW_NAMESPACES = 64, /* fewer are too few for a busy node */
	NO_LIMIT = INT_MAX,  /* what a new user namespace has: nobody gets so far */
};

static const char armor_remedy[] =
	"sysctl kernel.apparmor_restrict_unprivileged_userns=0, or AppArmor profiles with "
	"userns for ch-keeper and ch-check";

/* Seen from outside: a new user namespace has limits of its own. */
static long long limit_mnt;

static bool is_armored(void)
{
	return ch_look_number(SYSCTL_ARMOR, 0) > 0;
}

/* All is well; LIMIT is -1 where the kernel does not tell. */
static void found_limit(long long limit, struct ch_finding *f)
{
	if (limit >= 0)
		ch_found_ok(f, "at most %lld", limit);
}

/* ---- namespaces ------------------------------------------------------------------------- */

static void user_refused(int code, struct ch_finding *f)
{
	long long limit = ch_look_number(LIMIT_USER, NO_LIMIT);

	if (code == -ENOSPC && limit == NO_LIMIT)
		ch_found_no(f, "start it further outside; sysctl user.max_user_namespaces=15000",
			    "they are nested too deeply, or the limit user.max_user_namespaces is "
			    "reached further outside");
	else if (code == -ENOSPC)
		ch_found_no(f, "sysctl user.max_user_namespaces=15000",
			    "the limit user.max_user_namespaces (%lld) is reached", limit);
	else if (ch_look_number(SYSCTL_CLONE, 1) == 0)
		ch_found_no(f, REMEDY_CLONE, "kernel.unprivileged_userns_clone is 0");
	else if (is_armored())
		ch_found_no(f, armor_remedy, "AppArmor restricts them");
	else if (code == -EPERM || code == -EACCES)
		ch_found_no(f, REMEDY_MODULE, "%s", strerrordesc_np(-code));
	else
		ch_found_no(f, "a kernel with CONFIG_USER_NS", "%s", strerrordesc_np(-code));
}

void ch_look_userns(const struct ch_site *site, struct ch_finding *f)
{
	long long limit = ch_look_number(LIMIT_USER, -1);
	struct ch_err err;

	(void)site;

	bool is_root = geteuid() == 0;
	int rc = ch_userns_new(geteuid(), getegid(), &err);

	if (rc < 0)
		user_refused(rc, f);
	else if (is_root && ch_look_number(SYSCTL_CLONE, 1) == 0)
		ch_found_limited(f, REMEDY_CLONE,
				 "for root only: "
				 "kernel.unprivileged_userns_clone is 0");
	else if (is_root && is_armored())
		ch_found_limited(f, armor_remedy, "AppArmor restricts those of ordinary users");
	else if (limit >= 0 && limit < FEW_NAMESPACES)
		ch_found_limited(f, "sysctl user.max_user_namespaces=15000",
				 "user.max_user_namespaces is only %lld", limit);
	else
		found_limit(limit, f);
}

static void mount_refused(int code, const char *what, struct ch_finding *f)
{
	if (code == -ENOSPC)
		ch_found_no(f, "sysctl user.max_mnt_namespaces=15000",
			    "the limit user.max_mnt_namespaces (%lld) is reached", limit_mnt);
	else if (is_armored())
		ch_found_no(f, armor_remedy, "%s: AppArmor restricts user namespaces", what);
	else if (code == -ENOSYS)
		ch_found_no(f, "a newer kernel (Linux 5.11)", "%s: %s", what,
			    strerrordesc_np(-code));
	else
		ch_found_no(f, REMEDY_MODULE, "%s: %s", what, strerrordesc_np(-code));
}

int ch_room_make(struct ch_finding *f)
{
	struct ch_err err;
	int room = -1;

	limit_mnt = ch_look_number("/proc/sys/user/max_mnt_namespaces", -1);
	if (ch_userns_new(geteuid(), getegid(), &err) < 0)
		ch_found_no(f, "see userns", "needs a user namespace");
	else if (unshare(CLONE_NEWNS) < 0)
		mount_refused(-errno, "make a mount namespace", f);
	else if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		mount_refused(-errno, "stop mounts from propagating to the host", f);
	else if ((room = ch_mnt_scaffold("ch-check", &err)) < 0)
		mount_refused(room, "mount a tmpfs", f);
	return room;
}

void ch_look_mountns(const struct ch_site *site, struct ch_finding *f)
{
	(void)site;
	if (ch_room_make(f) < 0)
		return;
	if (limit_mnt >= 0 && limit_mnt < FEW_NAMESPACES)
		ch_found_limited(f, "sysctl user.max_mnt_namespaces=15000",
				 "user.max_mnt_namespaces is only %lld", limit_mnt);
	else
		found_limit(limit_mnt, f);
}

/* ---- mounts by descriptor --------------------------------------------------------------- */

static int make_file(int dir, const char *path)
{
	int fd = openat(dir, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	return fd < 0 ? -errno : close(fd);
}

/* The whole host as it would be an image; then a directory of ours, to see it work. */
static int clone_and_attach(int room, const char **what, struct ch_err *err)
{
	ch_auto(fd) int root = ch_mnt_clone(AT_FDCWD, "/");

	*what = "open_tree";
	if (root < 0)
		return root;
	if (mkdirat(room, "a", 0755) < 0 || mkdirat(room, "b", 0755) < 0)
		return -errno;

	ch_auto(fd) int tree = ch_mnt_clone(room, "a");

	if (tree < 0)
		return tree;
	*what = "move_mount";

	ch_auto(fd) int point = openat(room, "b", O_PATH | O_CLOEXEC);
	int rc = ch_mnt_attach(tree, point, err);

	return rc < 0 ? rc : make_file(room, "b/file");
}

void ch_look_mount_api(const struct ch_site *site, struct ch_finding *f)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };
	ch_auto(fd) int room = ch_room_make(f);
	const char *what;
	struct ch_err err;

	(void)site;
	if (room < 0)
		return;

	int rc = clone_and_attach(room, &what, &err);

	if (rc < 0) {
		mount_refused(rc, what, f);
		return;
	}

	ch_auto(fd) int top = openat(room, "b", O_PATH | O_CLOEXEC);

	if (syscall(SYS_mount_setattr, top, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr,
		    sizeof(attr)) == 0)
		rc = make_file(room, "b/other");
	else
		rc = -errno;
	if (rc == -ENOSYS)
		ch_found_limited(f, "Linux 5.12",
				 "no mount_setattr: mounts become read-only one by one");
	else if (rc != -EROFS)
		mount_refused(rc < 0 ? rc : -EINVAL, "mount_setattr", f);
}

/* ---- overlays ------------------------------------------------------------------------------ */

static bool make_dirs(int room)
{
	static const char *const dirs[] = { "low1", "low2", "up", "work", "on", "low2/d" };

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		if (mkdirat(room, dirs[i], 0755) < 0)
			return false;
	return make_file(room, "low1/one") == 0 && make_file(room, "low2/two") == 0 &&
	       make_file(room, "low2/d/file") == 0;
}

/* Mount an overlay on ROOM/on. Returns 0, or a negative errno: then F says why. */
static int overlay(int room, bool is_writable, struct ch_finding *f)
{
	struct ch_err err;

	if (!make_dirs(room)) {
		ch_found_no(f, "", "make directories on tmpfs: %s", strerror(errno));
		return -EIO;
	}

	ch_auto(fd) int target = openat(room, "on", O_PATH | O_CLOEXEC);
	ch_auto(fd) int low1 = openat(room, "low1", O_PATH | O_CLOEXEC);
	ch_auto(fd) int low2 = openat(room, "low2", O_PATH | O_CLOEXEC);
	ch_auto(fd) int up = openat(room, "up", O_PATH | O_CLOEXEC);
	ch_auto(fd) int work = openat(room, "work", O_PATH | O_CLOEXEC);
	struct ch_overlay o = { .target = target,
				.lower1 = low1,
				.lower2 = low2,
				.upper = is_writable ? up : -1,
				.work = is_writable ? work : -1 };
	int rc = ch_mnt_overlay(&o, &err);

	if (rc == -ENODEV)
		ch_found_no(f, "load the kernel module overlay", "the kernel has no overlay");
	else if (rc == -EPERM || rc == -EINVAL)
		ch_found_no(f, "Linux 5.11 or later; or no security module that forbids it",
			    "users cannot mount them: %s", strerrordesc_np(-rc));
	else if (rc < 0)
		mount_refused(rc, "mount an overlay", f);
	return rc;
}

void ch_look_overlay(const struct ch_site *site, struct ch_finding *f)
{
	ch_auto(fd) int room = ch_room_make(f);

	(void)site;
	if (room < 0 || overlay(room, false, f) < 0)
		return;
	if (faccessat(room, "on/one", F_OK, 0) < 0 || faccessat(room, "on/two", F_OK, 0) < 0)
		ch_found_no(f, "", "an overlay does not show both layers: %s", strerror(errno));
}

/* Write, remove, and make again a directory of the lower layer: this has to be marked. */
static int change(int room)
{
	int rc = make_file(room, "on/new");

	if (rc == 0)
		rc = make_file(room, "on/two");
	if (rc < 0)
		return rc;
	if (unlinkat(room, "on/d/file", 0) < 0 || unlinkat(room, "on/d", AT_REMOVEDIR) < 0)
		return -errno;
	return 0;
}

void ch_look_overlay_write(const struct ch_site *site, struct ch_finding *f)
{
	ch_auto(fd) int room = ch_room_make(f);

	(void)site;
	if (room < 0 || overlay(room, true, f) < 0)
		return;

	int rc = change(room);

	if (rc < 0)
		ch_found_no(f, "Linux 5.11 or later", "write to an overlay: %s",
			    strerrordesc_np(-rc));
	else if (mkdirat(room, "on/d", 0755) < 0)
		ch_found_limited(f, "Linux 6.6 or later",
				 "a removed directory cannot be made again: %s", strerror(errno));
}

void ch_look_tmpfs_xattr(const struct ch_site *site, struct ch_finding *f)
{
	ch_auto(fd) int room = ch_room_make(f);

	(void)site;
	if (room < 0)
		return;

	ch_auto(fd) int fd = openat(room, "file", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	char got[2];

	if (fd < 0 || fsetxattr(fd, "user.charlie", "x", 1, 0) < 0 ||
	    fgetxattr(fd, "user.charlie", got, sizeof(got)) != 1)
		ch_found_no(f, "Linux 6.6 or later, with CONFIG_TMPFS_XATTR",
			    "%s: with --write-fake, some directories cannot be replaced",
			    strerror(errno));
}
