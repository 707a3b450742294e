/* SPDX-License-Identifier: Apache-2.0 */
#include "build/run.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/path.h"
#include "base/text.h"
#include "build/run_inside.h"
#include "build/run_output.h"
#include "build/run_plan.h"
#include "build/run_points.h"
#include "rt/enter.h"
#include "rt/plan.h"
#include "rt/request.h"
#include "rt/start.h"
#include "sys/mnt.h"
#include "sys/msg.h"
#include "sys/write.h"

/* How long a command may take to end when it is told to. */
enum { GRACE_MS = 2000 };

/* ---- the container ------------------------------------------------------------------- */

static int make_request(const struct ch_run *run, const struct ch_run_plan *plan,
			struct ch_request *req, struct ch_err *err)
{
	req->write = CH_WRITE_IMAGE;
	req->unsafe = true; /* in storage, where builds may write */
	req->no_passwd = true;
	req->life = CH_LIFE_INSIDE;
	if (ch_text_copy(run->image, &req->image, err) < 0 ||
	    ch_binds_copy(&req->binds, &plan->binds, err) < 0)
		return err->code;
	return plan->is_tmp_fresh ? 0 : ch_text_copy(run->tmp, &req->tmp, err);
}

/* Where NAME of the image's directory ETC is to be made: where it is, or, if it is a link to
 * what is not there, as resolvers like them, where that leads. Returns false if it is there, or
 * leads who knows where. */
static bool is_wanted(int root, int etc, const char *name, char path[PATH_MAX])
{
	char target[PATH_MAX / 2];
	ssize_t n = readlinkat(etc, name, target, sizeof(target) - 1);

	if (n < 0 && errno == ENOENT) {
		snprintf(path, PATH_MAX, "/etc/%s", name);
		return true;
	}
	if (n < 0)
		return false;
	target[n] = '\0';
	if (strncmp(target, "../", 3) == 0)
		snprintf(path, PATH_MAX, "/%s", target + 3);
	else
		snprintf(path, PATH_MAX, "%s%s", target[0] == '/' ? "" : "/etc/", target);

	ch_auto(fd) int there = ch_open_in_root(root, path, O_PATH | O_NOFOLLOW);

	return there == -ENOENT && !strstr(path, "/..");
}

/* The host's, for what the keeper binds only if it is there. */
static int add_network(int root, struct ch_request *req, struct ch_err *err)
{
	static const char *const names[] = { "hosts", "resolv.conf" };
	ch_auto(fd) int etc = ch_open_in_root(root, "/etc", O_PATH | O_DIRECTORY);
	int rc = 0;

	for (size_t i = 0; etc >= 0 && rc == 0 && i < sizeof(names) / sizeof(names[0]); i++) {
		char path[PATH_MAX], host[32];

		snprintf(host, sizeof(host), "/etc/%s", names[i]);
		if (is_wanted(root, etc, names[i], path))
			rc = ch_binds_add(&req->binds, host, path, CH_BIND_MAYBE, err);
	}
	return rc;
}

/* Does an operation before I mount something above its mount point? */
static bool is_covered(const struct ch_plan *plan, size_t i)
{
	const char *dst = plan->ops[i].dst;

	for (size_t k = 1; k < i; k++)
		if (ch_path_is_below(dst, plan->ops[k].dst) &&
		    !ch_path_is_below(plan->ops[k].dst, dst) &&
		    !(plan->ops[k].flags & CH_BIND_AS_IS))
			return true;
	return false;
}

static int make_point(const struct ch_plan *plan, size_t i, int root, struct ch_run_points *points,
		      struct ch_err *err)
{
	const struct ch_op *op = &plan->ops[i];
	struct stat st = { .st_mode = S_IFDIR };

	if (op->flags & CH_BIND_AS_IS || is_covered(plan, i))
		return 0;
	/* What is missing, the keeper says, or leaves out. */
	if (op->kind == CH_OP_BIND && stat(op->src, &st) < 0)
		return 0;
	return ch_run_points_make(points, root, op->dst, S_ISDIR(st.st_mode), err);
}

/* All mount points that the image lacks. */
static int make_points(const struct ch_request *req, const struct ch_run_plan *extra, int root,
		       struct ch_run_points *points, struct ch_err *err)
{
	const struct ch_image image = { .kind = CH_IMAGE_DIR, .fd = -1 };
	ch_auto(plan) struct ch_plan plan = { 0 };
	int rc = ch_plan_make(req, &image, &plan, err);

	for (size_t i = 1; rc == 0 && i < plan.n; i++)
		rc = make_point(&plan, i, root, points, err);
	if (rc == 0 && ch_run_plan_wants_dir(extra))
		rc = ch_run_points_make(points, root, CH_RUN_DIR, true, err);
	for (size_t i = 0; rc == 0 && i < extra->n_ops; i++)
		if (extra->ops[i].target)
			rc = ch_run_points_make(points, root, extra->ops[i].target,
						extra->ops[i].kind != CH_RUN_OP_FILE, err);
	return rc;
}

/* ---- waiting --------------------------------------------------------------------------- */

struct running {
	struct ch_run_output out;
	pid_t first;
	int pidfd;   /* of first */
	int signals; /* signalfd */
	int caught;  /* the signal that ends it; 0: none */
	bool is_killed;
	long long deadline; /* of a command that was told to end */
};

/* Signals that are to end the container, unless they are ignored: nohup(1) wants that. */
static void ending_signals(sigset_t *set)
{
	static const int all[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction sa;

	sigemptyset(set);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (sigaction(all[i], NULL, &sa) == 0 && sa.sa_handler != SIG_IGN)
			sigaddset(set, all[i]);
}

/* From a terminal, the command has it already. */
static void on_signal(struct running *r)
{
	struct signalfd_siginfo si;

	if (read(r->signals, &si, sizeof(si)) != (ssize_t)sizeof(si) || r->caught)
		return;
	r->caught = (int)si.ssi_signo;
	r->deadline = ch_msg_deadline(GRACE_MS);
	if (si.ssi_code != SI_KERNEL)
		ch_run_inside_signal(r->first, r->caught);
}

static void lose_patience(struct running *r)
{
	if (!r->caught || r->is_killed || ch_msg_left(r->deadline) > 0)
		return;
	r->is_killed = true;
	ch_run_inside_signal(r->first, SIGKILL);
}

/* Wait until "first" has ended, with all the others, and their output is written. Who
 * interrupts us has what can be written at once. */
static void attend(struct running *r)
{
	enum { SIGNALS, FIRST, OUTPUT };
	struct pollfd p[OUTPUT + CH_RUN_CHANNELS];
	bool has_ended = false;

	for (;;) {
		bool is_over = has_ended && (r->caught || !ch_run_output_is_behind(&r->out));
		int timeout = r->caught && !r->is_killed ? ch_msg_left(r->deadline) : -1;

		p[SIGNALS] = (struct pollfd){ .fd = r->signals, .events = POLLIN };
		p[FIRST] = (struct pollfd){ .fd = has_ended ? -1 : r->pidfd, .events = POLLIN };
		ch_run_output_poll(&r->out, p + OUTPUT);
		if (poll(p, OUTPUT + CH_RUN_CHANNELS, is_over ? 0 : timeout) < 0)
			continue;
		if (p[SIGNALS].revents)
			on_signal(r);
		lose_patience(r);

		bool is_busy = ch_run_output_attend(&r->out, p + OUTPUT);

		if (is_over && !is_busy)
			return;
		has_ended = has_ended || p[FIRST].revents;
	}
}

/* What the pipe says: its first report counts. */
static int read_report(int pipe, struct ch_run_end *end, struct ch_err *err)
{
	struct ch_run_report r;

	if (read(pipe, &r, sizeof(r)) != (ssize_t)sizeof(r))
		return ch_err_set(err, -ECHILD, "the container ended unexpectedly");
	if (r.err.code < 0) {
		*err = r.err;
		return err->code;
	}
	end->signal = WIFSIGNALED(r.status) ? WTERMSIG(r.status) : 0;
	end->status = WIFEXITED(r.status) ? WEXITSTATUS(r.status) : 0;
	return 0;
}

static int interrupted(int number, struct ch_err *err)
{
	/* It is blocked still. */
	raise(number);
	return ch_err_set(err, -EINTR, "interrupted by SIG%s", sigabbrev_np(number));
}

/* ---- the whole ---------------------------------------------------------------------------- */

/* What the command reads: nothing, or TEXT. */
static int open_input(const char *text, struct ch_err *err)
{
	ch_auto(fd) int fd = text ? memfd_create("input", MFD_CLOEXEC)
				  : open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return ch_err_sys(err, "open the input of the command");

	/* It is read from its beginning. */
	int rc = text ? ch_pwrite_all(fd, text, strlen(text), 0) : 0;

	return rc < 0 ? ch_err_rc(err, rc, "write the input of the command") : ch_take_fd(&fd);
}

/* The command was in its foreground. */
static void take_terminal_back(void)
{
	sigset_t output, mask;

	sigemptyset(&output);
	sigaddset(&output, SIGTTOU); /* from the background this is allowed only so */
	sigprocmask(SIG_BLOCK, &output, &mask);
	tcsetpgrp(STDIN_FILENO, getpgrp());
	sigprocmask(SIG_SETMASK, &mask, NULL);
}

/* Fork, and wait for the end. IN has no descriptors of the command yet. */
static int run_inside(struct running *r, struct ch_run_inside *in, struct ch_run_end *end,
		      struct ch_err *err)
{
	ch_auto(fd) int input = open_input(in->run->input, err);
	bool is_ours = in->run->interactive;
	int ends[2], status;

	if (input < 0)
		return input;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return ch_err_sys(err, "make a pipe");

	ch_auto(fd) int from = ends[0];
	ch_auto(fd) int to = ends[1];

	in->report = to;
	in->stdio[0] = is_ours ? STDIN_FILENO : input;
	in->stdio[1] = is_ours ? STDOUT_FILENO : ch_run_output_theirs(&r->out, STDOUT_FILENO);
	in->stdio[2] = is_ours ? STDERR_FILENO : ch_run_output_theirs(&r->out, STDERR_FILENO);
	r->first = ch_run_inside_fork(in, err);
	if (r->first < 0)
		return r->first;
	close(ch_take_fd(&to));
	ch_run_output_forked(&r->out);

	ch_auto(fd) int pidfd = (int)syscall(SYS_pidfd_open, r->first, 0);

	r->pidfd = pidfd;
	attend(r);
	while (waitpid(r->first, &status, 0) < 0 && errno == EINTR)
		;
	if (is_ours)
		take_terminal_back();
	return r->caught ? interrupted(r->caught, err) : read_report(from, end, err);
}

/* Run it in the container of ENTRY. Signals are blocked. */
static int run_in(const struct ch_run *run, const struct ch_run_plan *plan, struct ch_entry *entry,
		  struct ch_run_end *ret_end, struct ch_err *err)
{
	struct ch_run_inside in = { .run = run, .plan = plan, .entry = entry };
	ch_auto(run_end) struct ch_run_end end = { 0 };
	struct running r = { 0 };
	sigset_t set;
	int rc = run->interactive ? 0 : ch_run_output_open(&r.out, run->silent, err);

	ending_signals(&set);

	ch_auto(fd) int signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);

	r.signals = signals;
	if (rc == 0 && signals < 0)
		rc = ch_err_sys(err, "make a signalfd");
	if (rc == 0)
		rc = run_inside(&r, &in, &end, err);
	if (rc == 0)
		rc = ch_run_output_tail(&r.out, CH_RUN_TAIL_LINES, &end.tail, err);
	ch_run_output_done(&r.out);
	if (rc == 0)
		*ret_end = ch_take(end);
	return rc;
}

static int start_and_run(const struct ch_run *run, const struct ch_run_plan *plan,
			 const struct ch_request *req, struct ch_run_end *ret_end,
			 struct ch_err *err)
{
	static struct ch_entry entry; /* large */
	const struct ch_start start = { run->keeper, req, run->start_s };
	int rc = ch_start_alone(&start, &entry, err);
	sigset_t set;

	if (rc < 0)
		return rc;
	ending_signals(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	rc = run_in(run, plan, &entry, ret_end, err);
	ch_close(&entry.userns);
	ch_close(&entry.mntns);
	return rc;
}

int ch_run_command(const struct ch_run *run, struct ch_run_end *ret_end, struct ch_err *err)
{
	ch_auto(request) struct ch_request req = { 0 };
	ch_auto(run_plan) struct ch_run_plan plan = { 0 };
	ch_auto(fd) int root = open(run->image, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	sigset_t mask;

	if (root < 0)
		return ch_err_sys(err, "image '%s'", run->image);

	int rc = ch_run_plan_make(run, &plan, err);

	if (rc == 0)
		rc = make_request(run, &plan, &req, err);
	if (rc == 0)
		rc = add_network(root, &req, err);
	if (rc < 0)
		return rc;

	/* What we have written is to be in front of what the command writes. */
	fflush(NULL);
	sigprocmask(SIG_BLOCK, NULL, &mask);
	{
		ch_auto(run_points) struct ch_run_points points = { 0 };

		rc = make_points(&req, &plan, root, &points, err);
		if (rc == 0)
			rc = start_and_run(run, &plan, &req, ret_end, err);
	}
	sigprocmask(SIG_SETMASK, &mask, NULL); /* a signal that ended it arrives */
	return rc;
}

void ch_run_end_done(struct ch_run_end *end)
{
	free(end->tail);
	*end = (struct ch_run_end){ 0 };
}
