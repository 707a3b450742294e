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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "notify.h"

struct refusal {
	const char *type;
	int code;
};

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "nofs: %s: %s\n", what, strerror(errno));
	exit(125);
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

static int decide(const struct seccomp_notif *call, void *data)
{
	const struct refusal *r = data;

	return is_type((pid_t)call->pid, call->data.args[2], r->type) ? r->code : 0;
}

int main(int argc, char **argv)
{
	int sv[2], status = 0;
	char *equals = argc > 1 ? strchr(argv[1], '=') : NULL;
	struct refusal r = { argv[1], equals && strcmp(equals, "=ENODEV") == 0 ? ENODEV : EPERM };

	if (argc < 4 || strcmp(argv[2], "--") != 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0)
		fail("usage: nofs TYPE[=ERRNO] -- CMD [ARG]...");
	if (equals)
		*equals = '\0';

	pid_t pid = fork();

	if (pid == 0) {
		int fd = notify_install(SYS_mount);

		if (fd < 0 || notify_send(sv[1], fd) < 0)
			fail("seccomp");
		close(fd);
		execvp(argv[3], argv + 3);
		fail(argv[3]);
	}
	close(sv[1]);

	int listener = notify_receive(sv[0]);

	if (listener < 0)
		return 125; /* the other one has said why */
	/* Helpers may outlive CMD. */
	notify_serve(listener, decide, &r);
	if (waitpid(pid, &status, 0) < 0)
		fail("wait");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
