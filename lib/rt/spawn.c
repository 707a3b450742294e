/* SPDX-License-Identifier: Apache-2.0 */
#include "rt/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "rt/proto.h"
#include "rt/request.h"

/* Become the keeper: only system calls from here on. FAULT: where an errno goes when exec
 * fails; it is closed by a successful one. */
static _Noreturn void become_keeper(const char *program, int sock, int request, int fault)
{
	char *argv[] = { (char[]){ "ch-keeper" }, NULL };
	char *env[] = { (char[]){ "PATH=/usr/bin:/bin" }, NULL };
	/* Out of the way of the numbers to be taken. */
	int s = fcntl(sock, F_DUPFD_CLOEXEC, 10);
	int r = fcntl(request, F_DUPFD_CLOEXEC, 10);
	int f = fcntl(fault, F_DUPFD_CLOEXEC, 10);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	setsid();
	if (chdir("/") < 0 || null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 ||
	    dup2(null, 2) < 0 || dup2(s, CH_KEEPER_SOCK) < 0 || dup2(r, CH_KEEPER_REQUEST) < 0)
		_exit(1);
	f = dup3(f, CH_KEEPER_REQUEST + 1, O_CLOEXEC);
	/* Whatever else the caller had open: a pipe's reader would wait for us. */
	if (close_range(CH_KEEPER_REQUEST + 2, ~0U, 0) < 0)
		_exit(1);
	execve(program, argv, env);

	int code = errno;

	(void)!write(f, &code, sizeof(code));
	_exit(127);
}

/* Fork twice: the keeper is to be nobody's child. */
static pid_t fork_twice(const char *program, int sock, int request, int fault)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	pid = fork();
	if (pid == 0)
		become_keeper(program, sock, request, fault);
	_exit(pid < 0 ? 1 : 0);
}

int ch_spawn_keeper(const char *program, const struct ch_request *req, int door, struct ch_err *err)
{
	int fault[2], status, code = 0;
	ch_auto(fd) int request = ch_request_file(req, err);

	if (request < 0)
		return request;
	if (pipe2(fault, O_CLOEXEC) < 0)
		return ch_err_sys(err, "make a pipe");

	ch_auto(fd) int fault_in = fault[0];
	ch_auto(fd) int fault_out = fault[1];
	pid_t pid = fork_twice(program, door, request, fault_out);

	if (pid < 0)
		return ch_err_sys(err, "fork the keeper");
	close(ch_take_fd(&fault_out));
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (read(fault_in, &code, sizeof(code)) == (ssize_t)sizeof(code))
		return ch_err_rc(err, -code, "execute the keeper '%s'", program);
	return 0;
}
