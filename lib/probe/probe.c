/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/text.h"
#include "look.h"
#include "sys/msg.h"

_Static_assert(sizeof(struct ch_finding) <= PIPE_BUF, "a finding must cross a pipe in one write");

const char *ch_verdict_word(enum ch_verdict verdict)
{
	static const char *const words[] = { "ok", "limited", "no" };

	return words[verdict];
}

/* ---- findings ------------------------------------------------------------------------- */

static void find(struct ch_finding *f, enum ch_verdict verdict, const char *remedy, const char *fmt,
		 va_list ap)
{
	f->verdict = verdict;
	vsnprintf(f->found, sizeof(f->found), fmt, ap);
	snprintf(f->remedy, sizeof(f->remedy), "%s", remedy);
	ch_text_one_line(f->found);
	ch_text_one_line(f->remedy);
}

void ch_found_ok(struct ch_finding *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	find(f, CH_VERDICT_OK, "", fmt, ap);
	va_end(ap);
}

void ch_found_limited(struct ch_finding *f, const char *remedy, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	find(f, CH_VERDICT_LIMITED, remedy, fmt, ap);
	va_end(ap);
}

void ch_found_no(struct ch_finding *f, const char *remedy, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	find(f, CH_VERDICT_NO, remedy, fmt, ap);
	va_end(ap);
}

/* ---- running a probe -------------------------------------------------------------------- */

/* An alarm outlives exec, and the parent: so whatever happens, the child ends. */
static _Noreturn void look(const struct ch_probe *probe, const struct ch_site *site, int out)
{
	struct ch_finding f = { .verdict = CH_VERDICT_OK };
	sigset_t none;

	setpgid(0, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGALRM, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	alarm(CH_PROBE_SECONDS + 1);
	probe->look(site, &f);
	_exit(write(out, &f, sizeof(f)) == (ssize_t)sizeof(f) ? 0 : 1);
}

/* Kill the child with all that it has started, and wait for it, but not forever: the kernel
 * may hold it (a file system that hangs). */
static int reap(pid_t pid)
{
	long long deadline = ch_msg_deadline(2000);
	int status = 0;

	kill(-pid, SIGKILL);
	kill(pid, SIGKILL);
	while (waitpid(pid, &status, WNOHANG) == 0 && ch_msg_left(deadline) > 0)
		poll(NULL, 0, 5);
	return status;
}

/* Wait for the finding. Returns false if none came: HOW gets the reason. */
static bool receive(int in, struct ch_finding *f)
{
	long long deadline = ch_msg_deadline(CH_PROBE_SECONDS * 1000);
	struct pollfd p = { .fd = in, .events = POLLIN };
	int rc;

	do
		rc = poll(&p, 1, ch_msg_left(deadline));
	while (rc < 0 && errno == EINTR);
	if (rc == 0)
		ch_found_no(f, "something hangs: see the kernel's log",
			    "no answer within %d seconds", CH_PROBE_SECONDS);
	return rc > 0 && read(in, f, sizeof(*f)) == (ssize_t)sizeof(*f);
}

void ch_probe_run(const struct ch_probe *probe, const struct ch_site *site,
		  struct ch_finding *ret_finding)
{
	int fds[2];

	*ret_finding = (struct ch_finding){ .verdict = CH_VERDICT_NO };
	if (pipe2(fds, O_CLOEXEC) < 0) {
		ch_found_no(ret_finding, "", "make a pipe: %s", strerror(errno));
		return;
	}

	ch_auto(fd) int in = fds[0];
	ch_auto(fd) int out = fds[1];
	pid_t pid = fork();

	if (pid == 0)
		look(probe, site, out);
	if (pid < 0) {
		ch_found_no(ret_finding, "see 'ulimit -u'", "fork: %s", strerror(errno));
		return;
	}
	close(ch_take_fd(&out));

	bool has_come = receive(in, ret_finding);
	int status = reap(pid);

	if (!has_come && !ret_finding->found[0])
		ch_found_no(ret_finding, "a security module or a system call filter may forbid it",
			    "the attempt was ended by %s %d",
			    WIFSIGNALED(status) ? "signal" : "status",
			    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

/* ---- for looks -------------------------------------------------------------------------- */

long long ch_look_number(const char *path, long long fallback)
{
	ch_auto(file) FILE *f = fopen(path, "re");
	char line[32], *end;

	if (!f || !fgets(line, sizeof(line), f))
		return fallback;

	long long n = strtoll(line, &end, 10);

	return end == line ? fallback : n;
}

static _Noreturn void execute(char *const argv[], int out)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
		_exit(1);
	alarm(CH_PROBE_SECONDS);
	execvp(argv[0], argv);
	dprintf(1, "%s", strerror(errno));
	_exit(127);
}

int ch_look_run(char *const argv[], char *out, size_t size)
{
	char rest[512];
	int fds[2], status;
	size_t len = 0;
	ssize_t n = 1;

	out[0] = '\0';
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;

	ch_auto(fd) int in = fds[0];
	pid_t pid = fork();

	if (pid == 0)
		execute(argv, fds[1]);
	close(fds[1]);
	if (pid < 0)
		return -errno;
	while (n > 0) {
		if (len < size - 1)
			len += (size_t)((n = read(in, out + len, size - 1 - len)) > 0 ? n : 0);
		else
			n = read(in, rest, sizeof(rest));
	}
	out[len] = '\0';
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
