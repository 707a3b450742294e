/* SPDX-License-Identifier: Apache-2.0 */
/* notify.h - be asked before others make a system call: seccomp_unotify(2)
 *
 * For programs that consist of two processes: one gets the filter, and executes something;
 * the other one answers. What is asked comes from the first one and from all that it makes;
 * whoever asks waits for the answer. */
#ifndef CH_TESTS_NOTIFY_H
#define CH_TESTS_NOTIFY_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* From now on this process asks before each system call NUMBER. It needs CAP_SYS_ADMIN, or
 * no_new_privs. Returns the descriptor for notify_serve, close-on-exec; or -1. */
static inline int notify_install(unsigned number)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = 4, .filter = code };

	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
			    &program);
}

/* Hand a descriptor to the other process. Returns -1 on errors. */
static inline int notify_send(int sock, int fd)
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
	return sendmsg(sock, &m, 0) < 0 ? -1 : 0;
}

/* Returns -1 when the other one has gone without sending. */
static inline int notify_receive(int sock)
{
	char byte, ctl[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { &byte, 1 };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = ctl, .msg_controllen = sizeof(ctl)
	};
	int fd;

	if (recvmsg(sock, &m, 0) <= 0 || !CMSG_FIRSTHDR(&m))
		return -1;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(fd));
	return fd;
}

#define NOTIFY_SILENT (-1)

/* Let DECIDE answer, until all who have the filter are gone: by an errno for the caller; or
 * 0, and the kernel does what was asked for; or NOTIFY_SILENT, and the caller waits until it
 * gets a signal. */
static inline void notify_serve(int listener,
				int (*decide)(const struct seccomp_notif *call, void *data),
				void *data)
{
	struct pollfd p = { .fd = listener, .events = POLLIN };

	while (poll(&p, 1, -1) > 0 && !(p.revents & POLLHUP)) {
		struct seccomp_notif call = { 0 };
		struct seccomp_notif_resp r = { 0 };

		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call) < 0)
			continue; /* a signal came in between: it will ask again, or has died */

		int code = decide(&call, data);

		if (code == NOTIFY_SILENT)
			continue;
		r.id = call.id;
		r.error = -code;
		r.flags = code ? 0 : SECCOMP_USER_NOTIF_FLAG_CONTINUE;
		ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &r);
	}
}

#endif
