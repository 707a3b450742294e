/* SPDX-License-Identifier: Apache-2.0 */
/* fuse.c - may users mount FUSE file systems, and what does this kernel's FUSE offer? */
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/auto.h"
#include "look.h"
#include "probe/probe.h"
#include "sys/mnt.h"

/* Linux' list of devices (admin-guide/devices.txt) has had it there ever since. */
#define FUSE_DEVICE makedev(10, 229)

/* FUSE_HAS_RESEND of linux/fuse.h, Linux 6.9: bit 39 of both words of flags. */
#define RESEND2 (1U << (39 - 32))

enum { INIT_MS = 5000 };

/* FUSE_INIT as the kernel sends it; old ones end before flags2. */
struct init {
	struct fuse_in_header head;
	uint32_t major, minor, max_readahead, flags, flags2;
	char more[8192]; /* the kernel wants so much room: FUSE_MIN_READ_BUFFER */
};

static int open_device(struct ch_finding *f)
{
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	if (errno == EACCES || errno == EPERM)
		ch_found_no(f,
			    "chmod 666 /dev/fuse, by a udev rule; in a job, allow it in the "
			    "devices cgroup",
			    "open '/dev/fuse': %s", strerror(errno));
	else
		ch_found_no(f, "load the kernel module fuse", "open '/dev/fuse': %s",
			    strerror(errno));
	return -1;
}

void ch_look_dev_fuse(const struct ch_site *site, struct ch_finding *f)
{
	struct stat st;
	ch_auto(fd) int fd = open_device(f);

	(void)site;
	if (fd < 0)
		return;
	if (fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != FUSE_DEVICE)
		ch_found_no(f, "load the kernel module fuse", "'/dev/fuse' is something else");
	else if (geteuid() == 0 && (st.st_mode & 0666) != 0666)
		ch_found_limited(f, "chmod 666 /dev/fuse, by a udev rule",
				 "mode of '/dev/fuse' is %03o: not for ordinary users",
				 st.st_mode & 0777);
}

/* Mount, and take the kernel's first request. Returns false if that fails: F says why. */
static bool mount_fuse(struct init *init, struct ch_finding *f)
{
	ch_auto(fd) int room = ch_room_make(f);
	/* Whoever mounts has to have opened it in the same user namespace. */
	ch_auto(fd) int dev = room < 0 ? -1 : open_device(f);
	struct pollfd p = { .fd = dev, .events = POLLIN };
	char opts[128], path[CH_FD_PATH_MAX];

	if (dev < 0)
		return false;
	if (mkdirat(room, "root", 0755) < 0) {
		ch_found_no(f, "", "make a directory: %s", strerror(errno));
		return false;
	}

	ch_auto(fd) int point = openat(room, "root", O_PATH | O_CLOEXEC);

	snprintf(opts, sizeof(opts), "fd=%d,rootmode=40000,user_id=%u,group_id=%u,allow_other", dev,
		 geteuid(), getegid());
	if (mount("ch-check", ch_fd_path(point, path), "fuse", MS_NOSUID | MS_NODEV | MS_RDONLY,
		  opts) < 0) {
		ch_found_no(f,
			    "Linux 4.18 or later; or a security module or a system call filter "
			    "forbids it",
			    "mount: %s", strerror(errno));
		return false;
	}
	if (poll(&p, 1, INIT_MS) != 1 || read(dev, init, sizeof(*init)) < 56 ||
	    init->head.opcode != FUSE_INIT) {
		ch_found_no(f, "", "the kernel says nothing to the server of a mount");
		return false;
	}
	return true;
}

void ch_look_fuse(const struct ch_site *site, struct ch_finding *f)
{
	struct init init = { 0 };

	(void)site;
	if (mount_fuse(&init, f))
		ch_found_ok(f, "protocol %u.%u", init.major, init.minor);
}

/* The image server's journal should do without (lib/fs/journal.h): this is a second net. */
void ch_look_resend(const struct ch_site *site, struct ch_finding *f)
{
	struct init init = { 0 };

	(void)site;
	if (!mount_fuse(&init, f))
		return;
	if (init.flags & FUSE_INIT_EXT && init.flags2 & RESEND2)
		ch_found_ok(f, "protocol %u.%u", init.major, init.minor);
	else
		ch_found_limited(f, "Linux 6.9 or later",
				 "protocol %u.%u lacks it: the image server has its journal only",
				 init.major, init.minor);
}
