/* SPDX-License-Identifier: Apache-2.0 */
#include "build/run_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "build/run.h"
#include "build/run_plan.h"
#include "fakeroot/fakeroot.h"
#include "rt/enter.h"
#include "rt/environ.h"
#include "rt/exec.h"
#include "sys/caps.h"
#include "sys/mnt.h"
#include "sys/userns.h"
#include "sys/write.h"

/* Where the pipe is when the three below it are the command's. */
enum { REPORT = STDERR_FILENO + 1 };

static _Noreturn void give_up(int pipe, const struct ch_err *err)
{
	struct ch_run_report r = { .err = *err };

	(void)!write(pipe, &r, sizeof(r));
	_exit(127);
}

/* ---- mounts -------------------------------------------------------------------------- */

/* What is made by ourselves comes after the host's binds: on them, nothing is made. */
static int open_target(int root, const char *target, struct ch_err *err)
{
	int fd = ch_open_in_root(root, target, O_PATH);

	return fd < 0 ? ch_err_rc(err, fd, "mount point '%s' in the image", target) : fd;
}

static int mount_tmpfs(int point, const char *options, const char *target, struct ch_err *err)
{
	char path[CH_FD_PATH_MAX];

	if (mount("tmpfs", ch_fd_path(point, path), "tmpfs", MS_NOSUID | MS_NODEV, options) < 0)
		return ch_err_sys(err, "mount a tmpfs on '%s'", target);
	return 0;
}

static int do_tmpfs(const struct ch_run_op *op, int point, struct ch_err *err)
{
	char options[64];

	snprintf(options, sizeof(options), op->size ? "mode=1777,size=%llu" : "mode=1777",
		 (unsigned long long)op->size);
	return mount_tmpfs(point, options, op->target, err);
}

static int write_file(int dir, const struct ch_run_op *op, struct ch_err *err)
{
	ch_auto(fd) int fd = openat(dir, op->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return ch_err_sys(err, "make '%s'", op->name);

	int rc = ch_write_all(fd, op->data, op->len);

	if (rc < 0)
		return ch_err_rc(err, rc, "write '%s'", op->name);
	return fchmod(fd, op->mode) < 0 ? ch_err_sys(err, "make '%s'", op->name) : 0;
}

static int do_file(const struct ch_run_op *op, int dir, int point, struct ch_err *err)
{
	if (write_file(dir, op, err) < 0 || point < 0)
		return point < 0 ? 0 : err->code;

	ch_auto(fd) int tree = ch_mnt_clone_entry(dir, op->name);

	if (tree < 0)
		return ch_err_rc(err, tree, "clone '%s'", op->name);
	if (ch_mnt_attach(tree, point, err) < 0)
		return ch_err_in(err, "mount '%s'", op->target);
	return 0;
}

/* NUMBER: of OP, for names. */
static int do_cover(const struct ch_run_op *op, size_t number, int dir, int point,
		    struct ch_err *err)
{
	char upper[32], work[32];
	struct stat st;

	snprintf(upper, sizeof(upper), "upper%zu", number);
	snprintf(work, sizeof(work), "work%zu", number);
	if (mkdirat(dir, upper, 0755) < 0 || mkdirat(dir, work, 0755) < 0)
		return ch_err_sys(err, "make a writable layer");

	ch_auto(fd) int up = openat(dir, upper, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ch_auto(fd) int wo = openat(dir, work, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (up < 0 || wo < 0 || fstat(point, &st) < 0 || fchmod(up, st.st_mode & 07777) < 0)
		return ch_err_sys(err, "make a writable layer");

	struct ch_overlay o = {
		.target = point, .lower1 = -1, .lower2 = point, .upper = up, .work = wo
	};

	return ch_mnt_overlay(&o, err) < 0 ? ch_err_in(err, "'%s'", op->target) : 0;
}

static int do_op(const struct ch_run_plan *plan, size_t i, int root, int dir, struct ch_err *err)
{
	const struct ch_run_op *op = &plan->ops[i];
	ch_auto(fd) int point = op->target ? open_target(root, op->target, err) : -1;

	if (op->target && point < 0)
		return point;
	switch (op->kind) {
	case CH_RUN_OP_TMPFS:
		return do_tmpfs(op, point, err);
	case CH_RUN_OP_FILE:
		return do_file(op, dir, point, err);
	case CH_RUN_OP_COVER:
		return do_cover(op, i, dir, point, err);
	}
	return 0;
}

/* Mount CH_RUN_DIR, and open it. */
static int make_dir(int root, int *ret_dir, struct ch_err *err)
{
	ch_auto(fd) int point = open_target(root, CH_RUN_DIR, err);
	int rc = point < 0 ? point : mount_tmpfs(point, "mode=0755", CH_RUN_DIR, err);

	if (rc < 0)
		return rc;
	*ret_dir = ch_open_in_root(root, CH_RUN_DIR, O_RDONLY | O_DIRECTORY);
	return *ret_dir < 0 ? ch_err_rc(err, *ret_dir, "open '%s'", CH_RUN_DIR) : 0;
}

static int make_mounts(const struct ch_run_plan *plan, struct ch_err *err)
{
	ch_auto(fd) int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	ch_auto(fd) int dir = -1;

	if (root < 0)
		return ch_err_sys(err, "open the root directory");

	int rc = ch_run_plan_wants_dir(plan) ? make_dir(root, &dir, err) : 0;

	for (size_t i = 0; rc == 0 && i < plan->n_ops; i++)
		rc = do_op(plan, i, root, dir, err);
	return rc;
}

/* ---- the command ------------------------------------------------------------------------ */

static int set_env(const struct ch_run_inside *in, struct ch_err *err)
{
	clearenv();
	for (char *const *e = in->run->env; e && *e; e++)
		if (putenv(*e) != 0)
			return ch_err_nomem(err);
	for (size_t i = 0; i < in->plan->env.n; i++)
		if (putenv(in->plan->env.v[i]) != 0)
			return ch_err_nomem(err);
	return ch_env_running(&ch_environ, err);
}

/* What is executed: fakeroot, the script, the words. */
static int find_words(const struct ch_run *run, struct ch_words *ret_words, struct ch_err *err)
{
	if (run->fakeroot)
		ch_words_add(ret_words, "fakeroot");
	if (run->script)
		ch_words_add(ret_words, CH_RUN_DIR "/" CH_RUN_SCRIPT);
	for (char *const *a = run->argv; a && *a; a++)
		ch_words_add(ret_words, *a);
	if (ret_words->bad)
		return ch_err_nomem(err);
	return ret_words->n ? 0 : ch_err_set(err, -EINVAL, "there is no command");
}

/* An interactive command is in the foreground, as its user's shell would do it; SIGTTOU is blocked
 * still. Any other one is of a Dockerfile, whose author is not to type into the user's terminal (by
 * TIOCSTI, ioctl_tty(2)): it has none. */
static int meet_terminal(const struct ch_run *run, struct ch_err *err)
{
	if (!run->interactive)
		return setsid() < 0 ? ch_err_sys(err, "begin a session") : 0;
	if (setpgid(0, 0) < 0 || tcsetpgrp(STDIN_FILENO, getpid()) < 0)
		return ch_err_sys(err, "be in the foreground of the terminal");
	return 0;
}

static _Noreturn void become(const struct ch_run_inside *in)
{
	const char *cwd = in->run->cwd ? in->run->cwd : "/";
	struct ch_err err;
	struct ch_words words = { 0 };
	sigset_t none;

	if (find_words(in->run, &words, &err) < 0 || set_env(in, &err) < 0)
		give_up(REPORT, &err);
	if (chdir(cwd) < 0) {
		ch_err_sys(&err, "working directory '%s' in the image", cwd);
		give_up(REPORT, &err);
	}
	if (meet_terminal(in->run, &err) < 0)
		give_up(REPORT, &err);
	umask(0022);
	if (in->run->emulate && ch_fakeroot_install(&err) < 0)
		give_up(REPORT, &err);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGXFSZ, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	ch_exec(words.v, &err);
	give_up(REPORT, &err);
}

/* ---- first, and init ----------------------------------------------------------------------- */

/* Send to TO what we were told to: -1 is everybody else in init's namespace. */
static void pass_on(pid_t to, int number)
{
	if (to < 0)
		kill(-1, number);
	else if (number == SIGKILL)
		kill(to, SIGKILL);
	else
		ch_run_inside_signal(to, number);
}

/* Reap all children until CHILD is among them; returns its status. All signals are blocked:
 * those of a terminal are for the command. */
static int tend(pid_t child, pid_t to)
{
	sigset_t set;
	siginfo_t info;
	int status;
	pid_t pid;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGUSR1);
	for (;;) {
		while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
			if (pid == child)
				return status;
		if (sigwaitinfo(&set, &info) == SIGUSR1 && info.si_code == SI_QUEUE)
			pass_on(to, info.si_value.sival_int);
	}
}

/* The /proc of the new process namespace. It is refused where a part of the host's is hidden, as
 * in some containers; then that stays, with other numbers. */
static void mount_proc(void)
{
	(void)!mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
}

static _Noreturn void init(const struct ch_run_inside *in)
{
	struct ch_run_report r = { 0 };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	mount_proc();

	pid_t pid = fork();

	if (pid == 0)
		become(in);
	if (pid < 0) {
		ch_err_sys(&r.err, "fork");
		give_up(REPORT, &r.err);
	}
	r.status = tend(pid, -1);
	(void)!write(REPORT, &r, sizeof(r));
	_exit(0);
}

/* Only what the command gets stays open: a cache's lock, for instance, is the build's. */
static int move_descriptors(const struct ch_run_inside *in, struct ch_err *err)
{
	int from[] = { in->stdio[0], in->stdio[1], in->stdio[2], in->report };

	for (int i = 0; i <= REPORT; i++) {
		from[i] = fcntl(from[i], F_DUPFD_CLOEXEC, REPORT + 1);
		if (from[i] < 0)
			return ch_err_sys(err, "duplicate a descriptor");
	}
	for (int i = 0; i <= REPORT; i++)
		if (dup3(from[i], i, i == REPORT ? O_CLOEXEC : 0) < 0)
			return ch_err_sys(err, "duplicate a descriptor");
	if (close_range(REPORT + 1, ~0U, 0) < 0)
		return ch_err_sys(err, "close descriptors");
	return 0;
}

static int enter(const struct ch_run_inside *in, pid_t build, struct ch_err *err)
{
	if (ch_enter(in->entry, true, err) < 0 || make_mounts(in->plan, err) < 0 ||
	    ch_mounts_lock(err) < 0)
		return err->code;
	/* What we have in memory, passwords of registries for instance, is not for the command;
	 * nor is /proc/1. The kernel sees to that when a user namespace is entered, and clears
	 * the signal, too (commit_creds()). */
	ch_caps_dumpable(0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != build)
		_exit(1);
	/* The other one, for what programs that are killed leave of System V's. */
	if (unshare(CLONE_NEWPID | CLONE_NEWIPC) < 0)
		return ch_err_sys(err, "make a process namespace (limits: sysctl "
				       "user.max_pid_namespaces, user.max_ipc_namespaces)");
	return 0;
}

static _Noreturn void first(const struct ch_run_inside *in, pid_t build)
{
	struct ch_err err;
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	/* If it is ignored, children vanish without a word. */
	signal(SIGCHLD, SIG_DFL);

	if (enter(in, build, &err) < 0 || move_descriptors(in, &err) < 0)
		give_up(in->report, &err);

	pid_t pid = fork();

	if (pid == 0)
		init(in);
	if (pid < 0) {
		ch_err_sys(&err, "fork");
		give_up(REPORT, &err);
	}
	tend(pid, pid);
	_exit(0);
}

pid_t ch_run_inside_fork(const struct ch_run_inside *in, struct ch_err *err)
{
	pid_t build = getpid(), pid = fork();

	if (pid == 0)
		first(in, build);
	return pid < 0 ? ch_err_sys(err, "fork") : pid;
}

void ch_run_inside_signal(pid_t first, int signal)
{
	sigqueue(first, SIGUSR1, (union sigval){ .sival_int = signal });
}
