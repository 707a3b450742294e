/* SPDX-License-Identifier: Apache-2.0 */
/* userns.h - user namespaces made by ordinary users (user_namespaces(7)) */
#ifndef CH_SYS_USERNS_H
#define CH_SYS_USERNS_H

#include <sys/types.h>

struct ch_err;

/* Move the calling process into a new user namespace in which it is UID and GID, mapped
 * one to one to its effective ids (setgroups denied: supplementary groups keep working
 * but are shown as 65534). The process must be single-threaded. For the moment in which it
 * writes its maps it is dumpable, since they would be root's otherwise; then never again. */
int ch_userns_new(uid_t uid, gid_t gid, struct ch_err *err);

/* Move the calling process into a new mount namespace from which nothing propagates back.
 * Mounts made by the host later on still arrive (automounters). */
int ch_mntns_new(struct ch_err *err);

/* What is mounted by now stays as it is, for a process that keeps its capabilities: it could make
 * writable what is mounted read-only, and unmount what is on top. So it goes on in another user
 * namespace, in which its ids are the same, and a mount namespace of that: there, these mounts
 * are locked (mount_namespaces(7), "Restrictions on mount namespaces"). It may be root in there,
 * and mount more. As ch_userns_new(), it has to be single-threaded; and to see /proc. */
int ch_mounts_lock(struct ch_err *err);

#endif
