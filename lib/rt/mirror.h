/* SPDX-License-Identifier: Apache-2.0 */
/* mirror.h - a directory rebuilt from its entries, where an overlay cannot cover it
 *
 * The kernel refuses an overlay on a directory in or below which something is mounted that
 * users may not unmount, since it could show what is hidden there: all mounts of the host, in
 * a user namespace. So the directory is replaced by a tmpfs with the same entries: links are
 * copied, all others bound, with what is mounted below them. In the tmpfs mount points can be
 * made. Meant for the host as image, whose root directory is such a one. */
#ifndef CH_RT_MIRROR_H
#define CH_RT_MIRROR_H

#include <stdbool.h>

#include "rt/skel.h"

struct ch_err;

/* Is something mounted below (not on) the directory TOP? TOP: a path below the root, without
 * links; "" is the root. */
bool ch_mirror_is_needed(const struct ch_place *place, const char *top);

/* Mirror TOP, with the mount points that SKEL wants in exactly that directory, read-only. */
int ch_mirror_points(const struct ch_skel *skel, struct ch_place *place, const char *top,
		     struct ch_err *err);

/* Mirror the root such that changes go to a tmpfs of SIZE: directories without mounts below
 * get overlays; those with some are mirrored, too, and small files in them copied. Kernel
 * file systems, and of the host (IS_HOST) /dev, /proc, /run, /sys and /tmp, stay as they are,
 * and what the kernel permits no overlay of is read-only. */
int ch_mirror_fake(struct ch_place *place, bool is_host, const char *size, struct ch_err *err);

#endif
