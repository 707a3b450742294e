/* SPDX-License-Identifier: Apache-2.0 */
/* deny.c - run a command to which the kernel refuses some system calls, by seccomp(2)
 *
 * Usage: deny SYSCALL[:VALUE][=ERRNO]... -- CMD [ARG]...
 *
 * ERRNO is a name of the table below; default: EPERM. OK is none: the call does nothing, and
 * says it did. With VALUE, a number, only calls with this fourth argument are refused: of
 * mount(2), the flags; of ioctl(2) and kill(2) it is the second: request, signal. The filter
 * stays, whatever CMD executes. Exit status 125 when it could not be made. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MAX_RULES = 32 };

static const struct {
	const char *name;
	unsigned number;
} calls[] = {
	{ "clone", SYS_clone },
	{ "clone3", SYS_clone3 },
	{ "close_range", SYS_close_range },
	{ "execve", SYS_execve },
	{ "fsconfig", SYS_fsconfig },
	{ "fsmount", SYS_fsmount },
	{ "fsopen", SYS_fsopen },
	{ "ioctl", SYS_ioctl },
	{ "kill", SYS_kill },
	{ "memfd_create", SYS_memfd_create },
	{ "mount", SYS_mount },
	{ "mount_setattr", SYS_mount_setattr },
	{ "move_mount", SYS_move_mount },
	{ "open_tree", SYS_open_tree },
	{ "openat2", SYS_openat2 },
	{ "pidfd_open", SYS_pidfd_open },
	{ "pidfd_send_signal", SYS_pidfd_send_signal },
	{ "pivot_root", SYS_pivot_root },
	{ "prctl", SYS_prctl },
	{ "process_vm_readv", SYS_process_vm_readv },
	{ "seccomp", SYS_seccomp },
	{ "setns", SYS_setns },
	{ "signalfd4", SYS_signalfd4 },
	{ "socketpair", SYS_socketpair },
	{ "umount2", SYS_umount2 },
	{ "unshare", SYS_unshare },
};

static const struct {
	const char *name;
	unsigned number;
} errors[] = {
	{ "EACCES", EACCES }, { "EINVAL", EINVAL }, { "EIO", EIO },	  { "EMFILE", EMFILE },
	{ "ENODEV", ENODEV }, { "ENOMEM", ENOMEM }, { "ENOSPC", ENOSPC }, { "ENOSYS", ENOSYS },
	{ "EPERM", EPERM },   { "OK", 0 },
};

static struct {
	struct sock_filter code[6 * MAX_RULES + 4];
	unsigned short n;
} filter;

static _Noreturn void usage(const char *what)
{
	fprintf(stderr, "deny: %s\n", what);
	exit(125);
}

static void add(struct sock_filter f)
{
	if (filter.n == sizeof(filter.code) / sizeof(filter.code[0]))
		usage("too many rules");
	filter.code[filter.n++] = f;
}

static unsigned find_call(const char *name)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (strcmp(calls[i].name, name) == 0)
			return calls[i].number;
	usage("a system call that is not in the table");
}

static unsigned find_error(const char *name)
{
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (strcmp(errors[i].name, name) == 0)
			return errors[i].number;
	usage("an error that is not in the table");
}

/* RULE is SYSCALL[:VALUE][=ERRNO]; the number of the call is in the accumulator before and
 * after its code. */
static void add_rule(char *rule)
{
	char *error = strchr(rule, '='), *value = strchr(rule, ':');
	unsigned code = EPERM;

	if (error) {
		*error = '\0';
		code = find_error(error + 1);
	}
	if (value)
		*value++ = '\0';

	unsigned call = find_call(rule);
	unsigned char skip = value ? 4 : 1;

	add((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, skip));
	if (value) {
		size_t i = call == SYS_ioctl || call == SYS_kill ? 1 : 3;

		add((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						 offsetof(struct seccomp_data, args[i])));
		add((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
						 (unsigned)strtoul(value, NULL, 0), 0, 1));
	}
	add((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | code));
	if (value)
		add((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						 offsetof(struct seccomp_data, nr)));
}

int main(int argc, char **argv)
{
	int i = 1;

	add((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
					 offsetof(struct seccomp_data, nr)));
	for (; i < argc && strcmp(argv[i], "--") != 0; i++)
		add_rule(argv[i]);
	if (i + 1 >= argc)
		usage("usage: deny SYSCALL[:VALUE][=ERRNO]... -- CMD [ARG]...");
	add((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));

	struct sock_fprog program = { .len = filter.n, .filter = filter.code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		usage("the kernel does not take the filter");
	execvp(argv[i + 1], argv + i + 1);
	usage(strerror(errno));
}
