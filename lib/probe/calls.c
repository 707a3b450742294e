/* SPDX-License-Identifier: Apache-2.0 */
/* calls.c - system calls that our programs, and MPI libraries, rely on */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "look.h"
#include "probe/probe.h"
#include "sys/mnt.h"
#include "sys/seccomp.h"

void ch_look_calls(const struct ch_site *site, struct ch_finding *f)
{
	const char *missing = NULL;
	int code = 0;
	ch_auto(fd) int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	ch_auto(fd) int mem = pidfd < 0 ? -1 : memfd_create("ch-check", MFD_CLOEXEC);

	(void)site;
	if (pidfd < 0)
		missing = "pidfd_open (Linux 5.3)";
	else if (mem < 0)
		missing = "memfd_create (Linux 3.17)";
	code = errno;
	/* Far above what is in use. */
	if (!missing && syscall(SYS_close_range, 1U << 30, ~0U, 0) < 0) {
		missing = "close_range (Linux 5.9)";
		code = errno;
	}
	if (missing)
		ch_found_no(f, "a newer kernel; or a system call filter hides it", "%s: %s",
			    missing, strerrordesc_np(code));
}

/* ".." of a root has to be that root. */
void ch_look_openat2(const struct ch_site *site, struct ch_finding *f)
{
	struct stat a, b;
	ch_auto(fd) int dev = open("/dev", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int rc = ch_open_in_root(dev, "../..", O_PATH);
	ch_auto(fd) int up = rc;

	(void)site;
	if (rc < 0)
		ch_found_no(f, "Linux 5.6 or later; or a system call filter hides it", "%s",
			    strerrordesc_np(-rc));
	else if (fstat(dev, &a) < 0 || fstat(up, &b) < 0 || a.st_ino != b.st_ino ||
		 a.st_dev != b.st_dev)
		ch_found_no(f, "", "a path has left its root");
}

/* ---- seccomp ------------------------------------------------------------------------------- */

/* A call that the filter does not name has to fail. Returns an errno, or exits with 0: by
 * the bare call, since around _exit(2) a build with sanitizers makes others. */
static int try_filter(void)
{
	static const int calls[] = {
		__NR_exit_group, __NR_exit, __NR_write,
#ifdef __SANITIZE_ADDRESS__
		__NR_sigaltstack, /* before a function that does not return */
#endif
	};
	struct ch_seccomp_policy policy = { .allow = { calls, sizeof(calls) / sizeof(calls[0]) } };
	struct ch_err err;
	int rc = ch_seccomp_install(&policy, &err);

	if (rc < 0)
		return -rc;
	rc = syscall(SYS_getppid) < 0 && errno == ENOSYS ? 0 : EINVAL;
	syscall(SYS_exit_group, rc);
	return EINVAL;
}

/* Run WHAT in a child. Returns what it returned, or 255. */
static int in_child(int (*what)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(what());
	while (pid < 0 || waitpid(pid, &status, 0) < 0)
		if (pid < 0 || errno != EINTR)
			return 255;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

void ch_look_seccomp(const struct ch_site *site, struct ch_finding *f)
{
	int code = in_child(try_filter);

	(void)site;
	if (code != 0)
		ch_found_no(f, "a kernel with CONFIG_SECCOMP_FILTER", "install a filter: %s",
			    code == 255 ? "the process died" : strerrordesc_np(code));
}

/* ---- cross-memory attach ----------------------------------------------------------------------
 */

static const char secret[] = "charlie";
static pid_t sibling;

/* Both have the same parent, as ranks have, and so the same addresses. */
static int read_sibling(void)
{
	char got[sizeof(secret)] = "";
	struct iovec here = { got, sizeof(got) };
	struct iovec there = { (void *)(uintptr_t)secret, sizeof(secret) };

	if (process_vm_readv(sibling, &here, 1, &there, 1, 0) < 0)
		return errno;
	return memcmp(got, secret, sizeof(got)) == 0 ? 0 : EIO;
}

/* The kernel does not let anybody take back 3. */
static const char *yama_remedy(long long scope)
{
	return scope >= 3 ? "kernel.yama.ptrace_scope=0 in sysctl.conf, and a restart"
			  : "sysctl kernel.yama.ptrace_scope=0";
}

void ch_look_cma(const struct ch_site *site, struct ch_finding *f)
{
	(void)site;
	sibling = fork();
	if (sibling == 0) {
		pause();
		_exit(0);
	}

	int code = sibling < 0 ? EAGAIN : in_child(read_sibling);
	long long yama = ch_look_number("/proc/sys/kernel/yama/ptrace_scope", 0);

	if (sibling > 0)
		kill(sibling, SIGKILL);
	if (code && yama > 0)
		ch_found_no(f, yama_remedy(yama),
			    "process_vm_readv: %s; kernel.yama.ptrace_scope is %lld",
			    strerrordesc_np(code), yama);
	else if (code)
		ch_found_no(f, "a security module or a system call filter forbids it",
			    "process_vm_readv: %s", strerrordesc_np(code));
	else if (yama > 0 && geteuid() == 0)
		ch_found_limited(f, yama_remedy(yama),
				 "for root only: kernel.yama.ptrace_scope is %lld", yama);
	else if (yama > 0)
		ch_found_ok(f, "although kernel.yama.ptrace_scope is %lld", yama);
}
