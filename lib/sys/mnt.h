/* SPDX-License-Identifier: Apache-2.0 */
/* mnt.h - mounts by descriptor, in a mount namespace of our own
 *
 * Sources and targets are descriptors (O_PATH suffices), so that nothing can change
 * between a look and the mount. Needs /proc. */
#ifndef CH_SYS_MOUNT_H
#define CH_SYS_MOUNT_H

#include <stdbool.h>
#include <sys/types.h>

struct ch_err;

/* "/proc/self/fd/N" in a buffer of the caller's. */
#define CH_FD_PATH_MAX 32
const char *ch_fd_path(int fd, char path[CH_FD_PATH_MAX]);

/* Open PATH below directory ROOT as if ROOT were "/": absolute links and ".." stay inside
 * (openat2(2) RESOLVE_IN_ROOT). FLAGS: as open(2); O_CLOEXEC is added.
 * Returns the descriptor (the caller's) or a negative errno. */
int ch_open_in_root(int root, const char *path, int flags);

/* Mount a tmpfs, which mounts(5) shows as NAME, over some directory that every host has, and
 * open it. It hides that directory, in our mount namespace. Returns the descriptor (the
 * caller's). */
int ch_mnt_scaffold(const char *name, struct ch_err *err);

/* Clone what is mounted at PATH below DIR (or an absolute PATH), with everything mounted
 * below it, not attached anywhere yet (open_tree(2)): what is mounted over PATH later on
 * does not show in it. Somebody asked for that path: so if an automounter is to mount
 * something there, it does so now, as with mount(2). Returns the descriptor (the caller's), or
 * a negative errno. */
int ch_mnt_clone(int dir, const char *path);

/* The same for the entry NAME of DIR, which is one of many. If that is a link, it is not
 * followed: -ELOOP. An automounter's mount point is cloned as such, and nothing mounted
 * before somebody goes there: its file server may be gone, and nobody asked for it. */
int ch_mnt_clone_entry(int dir, const char *name);

/* Attach the clone TREE to the mount point DST (move_mount(2)). */
int ch_mnt_attach(int tree, int dst, struct ch_err *err);

/* Make the mount that DIR is the root of read-only, and all mounts below it. Kernels
 * before 5.12 (no mount_setattr(2)) get one remount a mount. */
int ch_mnt_readonly(int dir, struct ch_err *err);

/* The same for the mount alone, not for those below it. */
int ch_mnt_readonly_top(int dir, struct ch_err *err);

/* Overlay on TARGET: UPPER and WORK are -1 for a read-only one made of LOWER1 over LOWER2. */
struct ch_overlay {
	int target;
	int lower1, lower2; /* lower1: -1 for none */
	int upper, work;
};
int ch_mnt_overlay(const struct ch_overlay *o, struct ch_err *err);

#endif
