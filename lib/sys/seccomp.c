/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/seccomp.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"

#if defined(__x86_64__)
#define ARCH	AUDIT_ARCH_X86_64
#define X32_BIT 0x40000000U
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#elif defined(__powerpc64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ARCH AUDIT_ARCH_PPC64LE
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCH AUDIT_ARCH_RISCV64
#else
#error "seccomp.c: add the AUDIT_ARCH_ of this architecture"
#endif

#ifndef SECCOMP_RET_KILL_PROCESS
#define SECCOMP_RET_KILL_PROCESS 0x80000000U
#endif
#ifndef SECCOMP_FILTER_FLAG_SPEC_ALLOW
#define SECCOMP_FILTER_FLAG_SPEC_ALLOW (1UL << 2)
#endif

/* Without CLONE_NEWTIME: in clone(2) its bit belongs to the signal (CSIGNAL). */
#define ALL_NAMESPACES                                                                             \
	((uint32_t)CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC |      \
	 CLONE_NEWUTS | CLONE_NEWCGROUP)

#define MAX_INSNS 512

struct program {
	struct sock_filter insns[MAX_INSNS];
	unsigned short n;
	bool full;
};

static void add(struct program *p, uint16_t code, uint32_t k, uint8_t if_true, uint8_t if_false)
{
	if (p->n == MAX_INSNS) {
		p->full = true;
		return;
	}
	p->insns[p->n++] = (struct sock_filter){ code, if_true, if_false, k };
}

static void load(struct program *p, size_t off)
{
	add(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)off, 0, 0);
}

static void leave(struct program *p, uint32_t action)
{
	add(p, BPF_RET | BPF_K, action, 0, 0);
}

static void check_arch(struct program *p)
{
	load(p, offsetof(struct seccomp_data, arch));
	add(p, BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0);
	leave(p, SECCOMP_RET_KILL_PROCESS);
	load(p, offsetof(struct seccomp_data, nr));
#ifdef X32_BIT
	add(p, BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1);
	leave(p, SECCOMP_RET_KILL_PROCESS);
#endif
}

static void add_call(struct program *p, int call, uint32_t action)
{
	add(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, 1);
	leave(p, action);
}

/* Make the rest a rule for CALL only: load the lower half of its first argument. N: how many
 * instructions follow, which must all end in a return. */
static void first_argument(struct program *p, uint32_t call, uint8_t n)
{
	size_t low = offsetof(struct seccomp_data, args[0]);

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	low += sizeof(uint32_t);
#endif
	add(p, BPF_JMP | BPF_JEQ | BPF_K, call, 0, (uint8_t)(n + 1));
	load(p, low);
}

/* Threads and children, but no namespaces. The flags are the first argument on all
 * architectures above; clone3(2) cannot be checked, so it should not be allowed. */
static void add_clone(struct program *p)
{
	first_argument(p, __NR_clone, 3);
	add(p, BPF_JMP | BPF_JSET | BPF_K, ALL_NAMESPACES, 0, 1);
	leave(p, SECCOMP_RET_KILL_PROCESS);
	leave(p, SECCOMP_RET_ALLOW);
}

/* To the threads of one process only: the kernel takes the lower half, too. */
static void add_tgkill(struct program *p, int pid)
{
	first_argument(p, __NR_tgkill, 3);
	add(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)pid, 0, 1);
	leave(p, SECCOMP_RET_ALLOW);
	leave(p, SECCOMP_RET_ERRNO | EPERM);
}

/* Of the calling thread only: the kernel takes the lower half, too. */
static void add_setaffinity(struct program *p)
{
	first_argument(p, __NR_sched_setaffinity, 3);
	add(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1);
	leave(p, SECCOMP_RET_ALLOW);
	leave(p, SECCOMP_RET_ERRNO | EPERM);
}

static void add_allowed(struct program *p, const struct ch_seccomp_policy *policy)
{
	for (size_t i = 0; i < policy->allow.n; i++) {
		int call = policy->allow.calls[i];

		if (call == __NR_clone)
			add_clone(p);
		else if (call == __NR_sched_setaffinity)
			add_setaffinity(p);
		else if (call == __NR_tgkill && policy->tgkill_pid)
			add_tgkill(p, policy->tgkill_pid);
		else
			add_call(p, call, SECCOMP_RET_ALLOW);
	}
}

static void add_list(struct program *p, const struct ch_seccomp_list *list, uint32_t action)
{
	for (size_t i = 0; i < list->n; i++)
		add_call(p, list->calls[i], action);
}

/* Both are prctl(2) in effect; seccomp(2) is needed for its flags.
 * SPEC_ALLOW: kernels before 5.16 slow filtered processes down, against attacks from code
 * that was made inside the process; we make none. */
static long install(struct sock_fprog *prog, bool all_threads)
{
	unsigned long flags = SECCOMP_FILTER_FLAG_SPEC_ALLOW;

	if (all_threads)
		flags |= SECCOMP_FILTER_FLAG_TSYNC;

	long rc = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, prog);

	if (rc < 0 && errno == EINVAL) /* before Linux 4.17 */
		rc = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
			     flags & ~SECCOMP_FILTER_FLAG_SPEC_ALLOW, prog);
	return rc;
}

int ch_seccomp_install(const struct ch_seccomp_policy *policy, struct ch_err *err)
{
	struct program p = { .n = 0 };

	check_arch(&p);
	add_allowed(&p, policy);
	add_list(&p, &policy->refuse, SECCOMP_RET_ERRNO | EPERM);
	add_list(&p, &policy->kill, SECCOMP_RET_KILL_PROCESS);
	leave(&p, SECCOMP_RET_ERRNO | ENOSYS);
	if (p.full)
		return ch_err_set(err, -E2BIG, "system call filter too long");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return ch_err_sys(err, "set no_new_privs");

	struct sock_fprog prog = { .len = p.n, .filter = p.insns };
	long rc = install(&prog, policy->all_threads);

	if (rc < 0)
		return ch_err_sys(err, "install system call filter");
	if (rc > 0)
		return ch_err_set(err, -ESRCH, "system call filter: thread %ld has another one",
				  rc);
	return 0;
}

static const int never[] = {
	__NR_execve,
	__NR_execveat,
	__NR_ptrace,
	__NR_process_vm_readv,
	__NR_process_vm_writev,
	__NR_mount,
	__NR_umount2,
	__NR_pivot_root,
	__NR_chroot,
	__NR_setns,
	__NR_unshare,
	__NR_socket,
	__NR_socketpair,
	__NR_connect,
	__NR_bind,
	__NR_listen,
	__NR_accept,
	__NR_accept4,
	__NR_init_module,
	__NR_finit_module,
	__NR_delete_module,
	__NR_kexec_load,
	__NR_bpf,
	__NR_perf_event_open,
	__NR_add_key,
	__NR_request_key,
	__NR_keyctl,
	__NR_userfaultfd,
	__NR_setuid,
	__NR_setgid,
	__NR_setreuid,
	__NR_setregid,
	__NR_setresuid,
	__NR_setresgid,
	__NR_setgroups,
	__NR_personality,
	__NR_reboot,
	__NR_swapon,
	__NR_swapoff,
	__NR_kcmp,
	__NR_open_by_handle_at,
#ifdef __NR_kexec_file_load
	__NR_kexec_file_load,
#endif
#ifdef __NR_move_mount
	__NR_move_mount,
	__NR_open_tree,
	__NR_fsopen,
	__NR_fsconfig,
	__NR_fsmount,
	__NR_fspick,
#endif
#ifdef __NR_mount_setattr
	__NR_mount_setattr,
#endif
#ifdef __NR_io_uring_setup
	__NR_io_uring_setup,
	__NR_io_uring_enter,
	__NR_io_uring_register,
#endif
#ifdef __NR_pidfd_getfd
	__NR_pidfd_getfd,
#endif
#ifdef __NR_process_madvise
	__NR_process_madvise,
#endif
};

const struct ch_seccomp_list ch_seccomp_never = { never, sizeof(never) / sizeof(never[0]) };
