/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/userns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "sys/caps.h"

static int write_file(const char *path, const char *text, struct ch_err *err)
{
	ch_auto(fd) int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return ch_err_sys(err, "open '%s'", path);
	if (write(fd, text, strlen(text)) < 0)
		return ch_err_sys(err, "write '%s' to '%s'", text, path);
	return 0;
}

static int write_map(const char *path, unsigned inside, unsigned outside, struct ch_err *err)
{
	char line[64];

	snprintf(line, sizeof(line), "%u %u 1", inside, outside);
	return write_file(path, line, err);
}

/* The kernel's reasons for a refusal, and where the remedy is. */
static const char *why_refused(int code)
{
	switch (code) {
	case ENOSPC:
		return "the limit user.max_user_namespaces is reached or 0; "
		       "the administrator can raise it with sysctl; or too many are nested";
	case EPERM:
		return "not permitted to make user namespaces; see the sysctls "
		       "kernel.unprivileged_userns_clone and "
		       "kernel.apparmor_restrict_unprivileged_userns";
	default:
		return strerrordesc_np(code);
	}
}

int ch_userns_new(uid_t uid, gid_t gid, struct ch_err *err)
{
	uid_t outer_uid = geteuid();
	gid_t outer_gid = getegid();

	if (unshare(CLONE_NEWUSER) < 0)
		return ch_err_set(err, -errno, "make a user namespace: %s", why_refused(errno));

	ch_caps_dumpable(1);

	int rc = write_file("/proc/self/setgroups", "deny", err);

	if (rc == 0)
		rc = write_map("/proc/self/uid_map", uid, outer_uid, err);
	if (rc == 0)
		rc = write_map("/proc/self/gid_map", gid, outer_gid, err);
	ch_caps_dumpable(0);
	return rc;
}

int ch_mntns_new(struct ch_err *err)
{
	if (unshare(CLONE_NEWNS) < 0)
		return ch_err_sys(err, "make a mount namespace (limit user.max_mnt_namespaces)");
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return ch_err_sys(err, "stop mounts from propagating to the host");
	return 0;
}

int ch_mounts_lock(struct ch_err *err)
{
	int rc = ch_userns_new(geteuid(), getegid(), err);

	return rc < 0 ? rc : ch_mntns_new(err);
}
