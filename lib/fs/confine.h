/* SPDX-License-Identifier: Apache-2.0 */
/* confine.h - what the server's processes may do: read two descriptors, and answer */
#ifndef CH_FS_CONFINE_H
#define CH_FS_CONFINE_H

struct ch_err;

/* At the start, before anything of the image is read: not dumpable (so neither traceable
 * nor readable by its own user), own process group, no signals but SIGKILL, SIGSTOP and
 * faults, low limits, no new privileges, no descriptors from FIRST_FD on. */
int ch_confine_start(int first_fd, struct ch_err *err);

/* Then: namespaces in which there are no files, network interfaces, or IPC objects, where the
 * kernel permits that; no capabilities. */
int ch_confine_view(struct ch_err *err);

/* The filter of the supervisor, which its workers inherit: they need to start threads. */
int ch_confine_supervisor(struct ch_err *err);

/* The filter of a worker, for all of its threads: nothing new any more. */
int ch_confine_worker(struct ch_err *err);

#endif
