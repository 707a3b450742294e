/* SPDX-License-Identifier: Apache-2.0 */
/* seccomp.h - system call filters from lists of numbers
 *
 * The mechanism only: which calls a program needs is its own affair. What no list names
 * gives ENOSYS, so that a new libc that tries a new call first falls back to an old one.
 * Calls of a foreign architecture (also x32) end the process. */
#ifndef CH_SYS_SECCOMP_H
#define CH_SYS_SECCOMP_H

#include <stdbool.h>
#include <stddef.h>

struct ch_err;

struct ch_seccomp_list {
	const int *calls; /* __NR_*; borrowed */
	size_t n;
};

/* A call that is in several lists is treated by the first of them. */
struct ch_seccomp_policy {
	struct ch_seccomp_list allow;  /* frequent ones first; clone(2) only without CLONE_NEW*,
					* sched_setaffinity(2) only of the calling thread */
	struct ch_seccomp_list refuse; /* EPERM */
	struct ch_seccomp_list kill;   /* end the process by SIGSYS */
	int tgkill_pid;		       /* if not 0, tgkill(2) only to threads of this process */
	bool all_threads;	       /* apply to every thread, not only to the caller's */
};

/* Set no_new_privs, and install the filter.
 * Errors: -EINVAL the kernel has no filters (or refuses this one), -E2BIG. */
int ch_seccomp_install(const struct ch_seccomp_policy *policy, struct ch_err *err);

/* What nobody of ours ever calls: exec, ptrace, mounts, namespaces, sockets to the outside,
 * other processes' memory, modules, BPF. For use as a kill list, or a part of it. */
extern const struct ch_seccomp_list ch_seccomp_never;

#endif
