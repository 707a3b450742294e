/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/owner.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "sys/userns.h"

/* The child: its error goes to PIPE, if there is one. */
static _Noreturn void be_owner(int (*work)(void *data, struct ch_err *err), void *data, int pipe)
{
	struct ch_err err;
	int rc;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	rc = ch_userns_new(0, 0, &err);
	if (rc == 0)
		rc = work(data, &err);
	if (rc < 0)
		(void)!write(pipe, &err, sizeof(err));
	_exit(rc < 0);
}

int ch_as_owner(int (*work)(void *data, struct ch_err *err), void *data, struct ch_err *err)
{
	int ends[2], status;

	if (geteuid() == 0)
		return work(data, err);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return ch_err_sys(err, "make a pipe");

	ch_auto(fd) int from = ends[0];
	ch_auto(fd) int to = ends[1];
	pid_t pid = fork();
	struct ch_err said;

	if (pid == 0)
		be_owner(work, data, to);
	if (pid < 0)
		return ch_err_sys(err, "fork");
	ch_close(&to);

	bool has_said = read(from, &said, sizeof(said)) == (ssize_t)sizeof(said);

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (has_said) {
		*err = said;
		return said.code;
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return ch_err_set(err, -ECHILD, "a process that was to read files ended unexpectedly");
}
