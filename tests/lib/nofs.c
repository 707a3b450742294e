/* SPDX-License-Identifier: Apache-2.0 */
/* nofs.c - run a command for which the kernel seems to lack a kind of file system
 *
 * Usage: nofs TYPE[=ERRNO] -- CMD [ARG]..., as root
 *
 * mount(2) of TYPE fails: with EPERM (default) or ENODEV. A filter of seccomp(2) cannot
 * look at strings, so this process answers for the kernel: it stays until CMD has ended, and
 * exits as that does. Exit status 125 when it does not work. */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "nofs: %s: %s\n", what, strerror(errno));
	exit(125);
}

static int install(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mount, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = 4, .filter = code };

	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
			    &program);
}

static void send_fd(int sock, int fd)
{
	char byte = 0, ctl[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { &byte, 1 };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = ctl, .msg_controllen = sizeof(ctl)
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	if (sendmsg(sock, &m, 0) < 0)
		fail("send");
}

static int receive_fd(int sock)
{
	char byte, ctl[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { &byte, 1 };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = ctl, .msg_controllen = sizeof(ctl)
	};
	int fd;

	if (recvmsg(sock, &m, 0) <= 0 || !CMSG_FIRSTHDR(&m))
		exit(125); /* the other one has said why */
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(fd));
	return fd;
}

/* Does the string at ADDRESS in process PID begin with TYPE? */
static int is_type(pid_t pid, unsigned long long address, const char *type)
{
	char path[64], text[32] = "";

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);

	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || address == 0)
		return 0;
	(void)!pread(fd, text, strlen(type) + 1, (off_t)address);
	close(fd);
	return strcmp(text, type) == 0;
}

static void answer(int listener, const char *type, int code)
{
	struct seccomp_notif n = { 0 };
	struct seccomp_notif_resp r = { 0 };

	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &n) < 0)
		return;
	r.id = n.id;
	if (is_type((pid_t)n.pid, n.data.args[2], type))
		r.error = -code;
	else
		r.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &r);
}

int main(int argc, char **argv)
{
	int sv[2], status = 0;
	char *equals = argc > 1 ? strchr(argv[1], '=') : NULL;
	int code = equals && strcmp(equals, "=ENODEV") == 0 ? ENODEV : EPERM;

	if (argc < 4 || strcmp(argv[2], "--") != 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0)
		fail("usage: nofs TYPE[=ERRNO] -- CMD [ARG]...");
	if (equals)
		*equals = '\0';

	pid_t pid = fork();

	if (pid == 0) {
		int fd = install();

		if (fd < 0)
			fail("seccomp");
		send_fd(sv[1], fd);
		close(fd);
		execvp(argv[3], argv + 3);
		fail(argv[3]);
	}
	close(sv[1]);

	/* When all who have the filter are gone there is POLLHUP: helpers may outlive CMD. */
	struct pollfd p = { .fd = receive_fd(sv[0]), .events = POLLIN };

	while (poll(&p, 1, -1) > 0 && !(p.revents & POLLHUP))
		answer(p.fd, argv[1], code);
	if (waitpid(pid, &status, 0) < 0)
		fail("wait");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
