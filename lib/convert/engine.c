/* SPDX-License-Identifier: Apache-2.0 */
#include "convert/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"

extern char **environ;

/* Programs expect the usual: a reader that has gone ends them. */
static int set_signals(posix_spawnattr_t *attr)
{
	sigset_t usual;

	sigemptyset(&usual);
	sigaddset(&usual, SIGPIPE);
	return posix_spawnattr_setsigdefault(attr, &usual) ||
	       posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGDEF);
}

/* Start ARGV with these as standard input, output and error. Returns 0 or an errno. */
static int start(char *const *argv, const int fds[3], pid_t *ret_pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	int rc;

	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attr);
	rc = set_signals(&attr);
	for (int i = 0; i < 3 && rc == 0; i++)
		rc = posix_spawn_file_actions_adddup2(&actions, fds[i], i);
	if (rc == 0)
		rc = posix_spawnp(ret_pid, argv[0], &actions, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	return rc;
}

/* Wait for the end of PID, or bring it about. */
static int wait_for(pid_t pid, const atomic_bool *cancel)
{
	bool is_ended = false;
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -1;
		if (cancel && *cancel && !is_ended) {
			kill(pid, SIGTERM);
			is_ended = true;
		}
	}
	return status;
}

/* Run ARGV. Returns the exit status, or a negative errno. */
static int run(char *const *argv, const int fds[3], const atomic_bool *cancel, struct ch_err *err)
{
	pid_t pid;
	int rc = start(argv, fds, &pid), status;

	if (rc == ENOENT)
		return ch_err_set(err, -ENOENT, "there is no program '%s'", argv[0]);
	if (rc != 0)
		return ch_err_rc(err, -rc, "start '%s'", argv[0]);
	status = wait_for(pid, cancel);
	if (cancel && *cancel)
		return ch_err_set(err, -ECANCELED, "interrupted");
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	return ch_err_set(err, -EIO, "'%s %s' was ended by signal %d", argv[0], argv[1],
			  WTERMSIG(status));
}

static int must_work(char *const *argv, const int fds[3], const atomic_bool *cancel,
		     struct ch_err *err)
{
	int status = run(argv, fds, cancel, err);

	if (status <= 0)
		return status;
	return ch_err_set(err, -EIO, "'%s %s' has failed, with exit status %d", argv[0], argv[1],
			  status);
}

static int open_null(struct ch_err *err)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	return fd < 0 ? ch_err_sys(err, "open '/dev/null'") : fd;
}

static int check_name(const char *name, struct ch_err *err)
{
	if (name[0] == '-')
		return ch_err_set(err, -EINVAL, "'%s' is no name of an image", name);
	return 0;
}

/* execve(2) does not change them. */
static char *word(const char *text)
{
	char *out;

	memcpy(&out, &text, sizeof(out));
	return out;
}

int ch_engine_save(const char *program, const char *name, int fd, const atomic_bool *cancel,
		   struct ch_err *err)
{
	char *argv[] = { word(program), word("save"), word(name), NULL };
	ch_auto(fd) int null = open_null(err);

	if (null < 0 || check_name(name, err) < 0)
		return err->code;
	return must_work(argv, (const int[]){ null, fd, STDERR_FILENO }, cancel, err);
}

int ch_engine_load(const char *program, int fd, const atomic_bool *cancel, struct ch_err *err)
{
	char *argv[] = { word(program), word("load"), NULL };

	return must_work(argv, (const int[]){ fd, STDERR_FILENO, STDERR_FILENO }, cancel, err);
}

int ch_engine_has(const char *program, const char *name, bool *ret_has, struct ch_err *err)
{
	char *argv[] = { word(program), word("image"), word("inspect"), word(name), NULL };
	ch_auto(fd) int null = open_null(err);
	int status;

	if (null < 0 || check_name(name, err) < 0)
		return err->code;
	status = run(argv, (const int[]){ null, null, null }, NULL, err);
	if (status < 0)
		return status;
	*ret_has = status == 0;
	return 0;
}
