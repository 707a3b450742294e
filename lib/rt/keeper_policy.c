/* SPDX-License-Identifier: Apache-2.0 */
#include "rt/keeper_policy.h"

#include <sys/syscall.h>

#include "base/err.h"
#include "sys/seccomp.h"

/* The event loop, answers, and the end. */
#define LOOP_CALLS                                                                                 \
	__NR_ppoll, __NR_recvmsg, __NR_sendmsg, __NR_read, __NR_pread64, __NR_write, __NR_close,   \
		__NR_waitid, __NR_kill, __NR_clock_gettime, __NR_rt_sigreturn,                     \
		__NR_rt_sigprocmask, __NR_restart_syscall, __NR_exit, __NR_exit_group, __NR_brk,   \
		__NR_mmap, __NR_munmap, __NR_mremap, __NR_madvise, __NR_mprotect, __NR_futex,      \
		__NR_getpid, __NR_gettid, __NR_sched_setaffinity

static const int loop_calls[] = {
#ifdef __NR_poll
	__NR_poll,
#endif
	LOOP_CALLS,
};

/* The same, and what a builder of nested namespaces does. It has no more rights than its
 * user, who can make namespaces anyway; what stays closed is exec, ptrace, and the rest. */
static const int each_calls[] = {
#ifdef __NR_poll
	__NR_poll,
#endif
	LOOP_CALLS,	  __NR_clone,	__NR_clone3,	 __NR_set_robust_list, __NR_rseq,
	__NR_prctl,	  __NR_setns,	__NR_unshare,	 __NR_mount,	       __NR_openat,
	__NR_geteuid,	  __NR_getegid, __NR_socketpair,
#ifdef __NR_fork
	__NR_fork,
#endif
#ifdef __SANITIZE_ADDRESS__
	__NR_sigaltstack, /* before a function that does not return */
#endif
};

/* The same, and taking connections on a socket that is there. */
static const int join_calls[] = {
#ifdef __NR_poll
	__NR_poll,
#endif
	LOOP_CALLS, __NR_accept4, __NR_getsockopt, __NR_geteuid,
};

#define LIST(array)                                                                                \
	{                                                                                          \
		(array), sizeof(array) / sizeof((array)[0])                                        \
	}

int ch_keeper_confine(bool each, bool join, struct ch_err *err)
{
	struct ch_seccomp_policy policy = { .allow = LIST(loop_calls), .kill = ch_seccomp_never };

	if (each)
		policy.allow = (struct ch_seccomp_list)LIST(each_calls);
	else if (join)
		policy.allow = (struct ch_seccomp_list)LIST(join_calls);
	return ch_seccomp_install(&policy, err);
}
