/* SPDX-License-Identifier: Apache-2.0 */
#include "look.h"
#include "probe/probe.h"

#include <stddef.h>

/* In the order in which one thing needs another. */
const struct ch_probe ch_probes[] = {
	{ "userns", "user namespaces for ordinary users", true, ch_look_userns },
	{ "mountns", "mount namespaces, and mounts in them", true, ch_look_mountns },
	{ "mount-api", "mounts by descriptor (open_tree, move_mount, mount_setattr)", true,
	  ch_look_mount_api },
	{ "syscalls", "close_range, pidfd_open, memfd_create", true, ch_look_calls },
	{ "openat2", "paths that cannot leave the image (openat2)", true, ch_look_openat2 },
	{ "seccomp", "system call filters", true, ch_look_seccomp },
	{ "dev-fuse", "the device /dev/fuse, for image files", false, ch_look_dev_fuse },
	{ "fuse", "FUSE mounts by users, for image files", false, ch_look_fuse },
	{ "resend", "requests survive the image server (FUSE resend)", false, ch_look_resend },
	{ "overlay", "mount points that an image lacks (overlay)", false, ch_look_overlay },
	{ "overlay-write", "changes in memory (--write-fake)", false, ch_look_overlay_write },
	{ "tmpfs-xattr", "user attributes on tmpfs, for changes in memory", false,
	  ch_look_tmpfs_xattr },
	{ "cma", "processes read each other's memory, for MPI", false, ch_look_cma },
	{ "storage", "file system for images that are directories", false, ch_look_storage },
	{ "plugin", "plugin for Slurm", false, ch_look_plugin },
	{ "helpers", "ch-run, ch-keeper, ch-server, of one version", true, ch_look_helpers },
	{ "container", "a container, started by ch-run", true, ch_look_container },
	{ 0 },
};
