/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/confine.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "sys/caps.h"
#include "sys/seccomp.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define FDS_MAX 65536 /* to close, where they cannot be listed */

#define OPEN_MAX 32 /* descriptors; we have ten */

/* Memory, threads that exist, waiting, ending. Nothing that sends to an address: log and
 * report are write(2) on connected sockets. */
#define CALLS_COMMON                                                                               \
	__NR_read, __NR_writev, __NR_pread64, __NR_write, __NR_futex, __NR_madvise, __NR_mprotect, \
		__NR_mmap, __NR_munmap, __NR_mremap, __NR_brk, __NR_clock_gettime,                 \
		__NR_clock_nanosleep, __NR_nanosleep, __NR_ppoll, __NR_close, __NR_getpid,         \
		__NR_gettid, __NR_getrandom, __NR_sched_yield, __NR_rt_sigreturn,                  \
		__NR_rt_sigprocmask, __NR_rt_sigaction, __NR_restart_syscall, __NR_tgkill,         \
		__NR_fadvise64, __NR_sched_getaffinity, __NR_sched_setaffinity, __NR_exit,         \
		__NR_exit_group, CALLS_THREAD CALL_POLL

/* A new thread calls these, perhaps when the filter is there already, and dies if it
 * cannot. */
#ifdef __NR_rseq
#define CALLS_THREAD __NR_set_robust_list, __NR_timer_create, __NR_timer_settime, __NR_rseq
#else
#define CALLS_THREAD __NR_set_robust_list, __NR_timer_create, __NR_timer_settime
#endif

#ifdef __NR_poll
#define CALL_POLL , __NR_poll
#else
#define CALL_POLL
#endif

static const int worker_calls[] = { CALLS_COMMON };

static const int supervisor_calls[] = {
	CALLS_COMMON,
	/* watching workers */
	__NR_clone,
	__NR_waitid,
	__NR_wait4,
	__NR_kill,
	__NR_recvmsg,
	__NR_shutdown,
	__NR_eventfd2,
	__NR_signalfd4,
	__NR_fstat,
	__NR_newfstatat,
	/* a worker until its own filter */
	__NR_getppid,
	__NR_set_tid_address,
	__NR_getuid, /* libfuse, for an option that is off */
	__NR_prctl,
	__NR_seccomp,
	__NR_prlimit64,
	__NR_fcntl,
	__NR_lseek,
#ifdef __NR_membarrier
	__NR_membarrier,
#endif
};

/* malloc(3) opens a file in /proc when it trims an arena; libfuse opens /dev/null. */
static const int refused_calls[] = {
	__NR_openat,
#ifdef __NR_open
	__NR_open,
#endif
#ifdef __NR_readlink
	__NR_readlink,
#endif
	__NR_readlinkat, __NR_ioctl,
};

#if defined(__SANITIZE_ADDRESS__)
#define HAVE_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAVE_ASAN 1
#endif
#endif
#ifndef HAVE_ASAN
#define HAVE_ASAN 0
#endif

/* WORKER: for all of its threads, and signals (abort(3)) only for itself. The supervisor
 * cannot have that, for its workers inherit its filter. */
static int install(const int *calls, size_t n, bool worker, struct ch_err *err)
{
	const struct ch_seccomp_policy policy = {
		.allow = { calls, n },
		.refuse = { refused_calls, COUNT(refused_calls) },
		.kill = ch_seccomp_never,
		.tgkill_pid = worker ? getpid() : 0,
		.all_threads = worker,
	};

	if (HAVE_ASAN) /* its reports need files, and its allocator tricks */
		return 0;
	return ch_seccomp_install(&policy, err);
}

int ch_confine_supervisor(struct ch_err *err)
{
	return install(supervisor_calls, COUNT(supervisor_calls), false, err);
}

int ch_confine_worker(struct ch_err *err)
{
	return install(worker_calls, COUNT(worker_calls), true, err);
}

/* Blocked, not ignored: SIGCHLD is wanted, by signalfd(2). Faults must stay deadly. */
static int block_signals(struct ch_err *err)
{
	static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS, SIGTRAP };
	sigset_t set;

	sigfillset(&set);
	for (size_t i = 0; i < COUNT(faults); i++)
		sigdelset(&set, faults[i]);
	if (signal(SIGCHLD, SIG_DFL) == SIG_ERR || sigprocmask(SIG_SETMASK, &set, NULL) < 0)
		return ch_err_sys(err, "block signals");
	return 0;
}

/* Before Linux 5.9. The limit of descriptors may be a thousand million. */
static void close_listed(int first)
{
	ch_auto(dir) DIR *dir = opendir("/proc/self/fd");
	const struct dirent *e;

	if (!dir) {
		for (int fd = first; fd < FDS_MAX; fd++)
			close(fd);
		return;
	}
	while ((e = readdir(dir))) {
		int fd = (int)strtol(e->d_name, NULL, 10); /* "." and "..": 0 */

		if (fd >= first && fd != dirfd(dir))
			close(fd);
	}
}

static void close_from(int first)
{
#ifdef SYS_close_range
	if (syscall(SYS_close_range, first, ~0U, 0) == 0)
		return;
#endif
	close_listed(first);
}

static int lower(__rlimit_resource_t what, rlim_t to)
{
	struct rlimit r;

	if (getrlimit(what, &r) < 0)
		return -1;
	if (r.rlim_max > to)
		r.rlim_max = to;
	if (r.rlim_cur > r.rlim_max)
		r.rlim_cur = r.rlim_max;
	return setrlimit(what, &r);
}

/* Not the number of processes, which before Linux 5.14 is one of all that the user has; nor
 * memory, for which there is the job's own limit. */
static int limit_resources(struct ch_err *err)
{
	if (lower(RLIMIT_CORE, 0) < 0 || lower(RLIMIT_NOFILE, OPEN_MAX) < 0 ||
	    (!HAVE_ASAN && lower(RLIMIT_FSIZE, 0) < 0))
		return ch_err_sys(err, "lower resource limits");
	return 0;
}

int ch_confine_start(int first_fd, struct ch_err *err)
{
	close_from(first_fd);
	if (setpgid(0, 0) < 0 && errno != EPERM) /* EPERM: leads a session, so it has one */
		return ch_err_sys(err, "make a process group");
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return ch_err_sys(err, "clear dumpable");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return ch_err_sys(err, "set no_new_privs");

	int rc = limit_resources(err);

	return rc < 0 ? rc : block_signals(err);
}

/* An empty file system instead of the host's. */
static bool empty_root(void)
{
	static const char place[] = "/proc"; /* any directory: hidden for a moment, and for us */
	unsigned long flags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;

	return unshare(CLONE_NEWNS) == 0 &&
	       mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("charlie", place, "tmpfs", flags, "mode=0555,size=4k,nr_inodes=2") == 0 &&
	       chdir(place) == 0 && syscall(SYS_pivot_root, ".", ".") == 0 &&
	       umount2(".", MNT_DETACH) == 0;
}

/* Whoever gets control of us shall find nothing, should the filter fail to stop it. It is a
 * second line: where the kernel permits no user namespaces, or no more of one kind, we do
 * without. No ids are mapped in ours, since nobody asks. Sanitizers need /proc. */
static void leave_host(void)
{
	if (HAVE_ASAN || unshare(CLONE_NEWUSER) < 0)
		return;
	(void)unshare(CLONE_NEWIPC | CLONE_NEWUTS);
	(void)unshare(CLONE_NEWNET);
	(void)empty_root();
}

int ch_confine_view(struct ch_err *err)
{
	leave_host();
	if (chdir("/") < 0)
		return ch_err_sys(err, "change to the root directory");

	int rc = ch_caps_drop();

	return rc < 0 ? ch_err_rc(err, rc, "drop capabilities") : 0;
}
