/* SPDX-License-Identifier: Apache-2.0 */
#include "rt/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "rt/proto.h"
#include "rt/request.h"
#include "sys/msg.h"

/* What the forks tell over a pipe, which a successful exec closes. */
struct word {
	enum { KEEPER_PID, NO_FORK, NO_SETUP, NO_EXEC } what;
	int value; /* the process id, or an errno */
};

static void tell(int pipe, int what, int value)
{
	struct word w = { what, value };

	(void)!write(pipe, &w, sizeof(w));
}

static _Noreturn void give_up(int pipe, int what, int code)
{
	tell(pipe, what, code);
	_exit(127);
}

/* The caller's soft limit may be too small for us, who may have one descriptor for each
 * process inside; a hard one is meant. */
static void raise_descriptors(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
		r.rlim_cur = r.rlim_max;
		setrlimit(RLIMIT_NOFILE, &r);
	}
}

/* A copy of FD out of the way of the numbers to be taken. */
static int move_up(int fd)
{
	int up = fcntl(fd, F_DUPFD_CLOEXEC, 10);

	if (up < 0 && errno == EINVAL)
		errno = EMFILE; /* the limit is below 10 */
	return up;
}

/* Become the keeper: only system calls from here on. */
static _Noreturn void become_keeper(const char *program, int sock, int request, int pipe)
{
	char *argv[] = { (char[]){ "ch-keeper" }, NULL };
	char *env[] = { (char[]){ "PATH=/usr/bin:/bin" }, NULL };
	sigset_t none;

	raise_descriptors();

	int p = move_up(pipe);

	if (p < 0)
		give_up(pipe, NO_SETUP, errno);

	int s = move_up(sock), r = move_up(request);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	setsid();
	if (s < 0 || r < 0 || null < 0 || chdir("/") < 0 || dup2(null, 0) < 0 ||
	    dup2(null, 1) < 0 || dup2(null, 2) < 0 || dup2(s, CH_KEEPER_SOCK) < 0 ||
	    dup2(r, CH_KEEPER_REQUEST) < 0)
		give_up(p, NO_SETUP, errno);
	p = dup3(p, CH_KEEPER_REQUEST + 1, O_CLOEXEC);
	/* Whatever else the caller had open: a pipe's reader would wait for us. */
	if (close_range(CH_KEEPER_REQUEST + 2, ~0U, 0) < 0)
		give_up(p, NO_SETUP, errno);
	/* Signals that the caller has blocked are for him to wait with, not for the keeper. */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execve(program, argv, env);
	give_up(p, NO_EXEC, errno);
}

/* Fork twice: the keeper is to be nobody's child. */
static pid_t fork_twice(const char *program, int sock, int request, int pipe)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	pid = fork();
	if (pid == 0)
		become_keeper(program, sock, request, pipe);
	if (pid < 0)
		give_up(pipe, NO_FORK, errno);
	tell(pipe, KEEPER_PID, pid);
	_exit(0);
}

/* Both forks are through with PIPE when it ends. */
static int listen_to_forks(int pipe, const char *program, long long deadline, pid_t *ret_pid,
			   struct ch_err *err)
{
	struct pollfd p = { .fd = pipe, .events = POLLIN };
	struct word w;
	ssize_t n;

	*ret_pid = 0;
	for (;;) {
		int rc = poll(&p, 1, ch_msg_left(deadline));

		if (rc < 0 && errno == EINTR)
			continue;
		if (rc <= 0)
			return ch_err_set(err, -ETIMEDOUT, "the keeper '%s' does not start",
					  program);
		n = read(pipe, &w, sizeof(w));
		if (n != (ssize_t)sizeof(w))
			break;
		if (w.what == KEEPER_PID)
			*ret_pid = w.value;
		else if (w.what == NO_EXEC)
			return ch_err_rc(err, -w.value, "execute the keeper '%s'", program);
		else
			return ch_err_rc(err, -w.value, "%s the keeper",
					 w.what == NO_FORK ? "fork" : "prepare");
	}
	if (*ret_pid == 0)
		return ch_err_set(err, -ECHILD, "the keeper ended before it started");
	return 0;
}

/* A limit on the size of files is to give an error, not SIGXFSZ. */
static int make_request_file(const struct ch_request *req, struct ch_err *err)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN }, before;

	sigaction(SIGXFSZ, &ignore, &before);

	int fd = ch_request_file(req, err);

	sigaction(SIGXFSZ, &before, NULL);
	if (fd == -EFBIG)
		return ch_err_set(err, fd,
				  "the limit on the size of files (ulimit -f) is too "
				  "small to start a container");
	return fd;
}

int ch_spawn_keeper(const char *program, const struct ch_request *req, int door, long long deadline,
		    pid_t *ret_pid, struct ch_err *err)
{
	int ends[2], status;
	ch_auto(fd) int request = make_request_file(req, err);

	if (request < 0)
		return request;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return ch_err_sys(err, "make a pipe");

	ch_auto(fd) int in = ends[0];
	ch_auto(fd) int out = ends[1];
	pid_t pid = fork_twice(program, door, request, out);

	if (pid < 0)
		return ch_err_sys(err, "fork the keeper");
	close(ch_take_fd(&out));

	int rc = listen_to_forks(in, program, deadline, ret_pid, err);

	if (rc == -ETIMEDOUT)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return rc;
}
