/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/supervise.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "fs/journal.h"
#include "fs/note.h"
#include "fs/worker.h"
#include "sys/msg.h"

/* Deaths before giving up: in a row without a single request answered, and in a time. */
#define FRUITLESS_MAX 5
#define RATE_MAX      100
#define RATE_TIME     10000 /* ms */

#define PAUSE	  20   /* ms before another attempt, doubled each time, when fruitless */
#define STOP_TIME 1000 /* ms a stopped worker has to continue */

struct watch {
	struct ch_worker *worker;
	int signals; /* signalfd for SIGCHLD */
	pid_t pid;
	bool was_stopped;
	long long stop_end; /* deadline to continue */
	uint64_t served;    /* requests, when this worker started */
	unsigned fruitless;
	unsigned deaths;
	long long times[RATE_MAX]; /* of the last deaths; a ring */
};

static int start_worker(struct watch *w, struct ch_err *err)
{
	w->served = ch_journal_served(w->worker->journal);
	w->was_stopped = false;
	w->pid = fork();
	if (w->pid < 0)
		return ch_err_sys(err, "fork");
	if (w->pid == 0) {
		close(w->signals);
		ch_worker_run(w->worker);
	}
	return 0;
}

/* May another worker be tried? */
static bool note_death(struct watch *w)
{
	long long now = ch_msg_deadline(0);
	long long *oldest = &w->times[w->deaths % RATE_MAX];
	bool too_often = w->deaths >= RATE_MAX && now - *oldest < RATE_TIME;

	*oldest = now;
	w->deaths++;
	if (ch_journal_served(w->worker->journal) == w->served)
		w->fruitless++;
	else
		w->fruitless = 0;
	return !too_often && w->fruitless < FRUITLESS_MAX;
}

static int restart(struct watch *w, const siginfo_t *si, struct ch_err *err)
{
	bool by_signal = si->si_code != CLD_EXITED;

	if (!note_death(w)) {
		ch_note("giving up after %u deaths; last: %s %d", w->deaths,
			by_signal ? "signal" : "status", si->si_status);
		return ch_err_set(err, -EIO, "image server keeps dying (%s %d)",
				  by_signal ? "signal" : "status", si->si_status);
	}
	ch_note_rarely("worker died (%s %d), starting another one", by_signal ? "signal" : "status",
		       si->si_status);
	if (w->fruitless > 1)
		poll(NULL, 0, PAUSE << w->fruitless);

	int rc = start_worker(w, err);

	return rc < 0 ? rc : 1;
}

/* Look what became of the worker. Returns 1 to go on, 0 at the end, or a negative errno. */
static int look(struct watch *w, struct ch_err *err)
{
	siginfo_t si = { .si_pid = 0 };
	int flags = WEXITED | WSTOPPED | WCONTINUED | WNOHANG;

	if (waitid(P_PID, (id_t)w->pid, &si, flags) < 0)
		return ch_err_sys(err, "wait for worker");
	if (si.si_pid == 0)
		return 1;
	if (si.si_code == CLD_STOPPED || si.si_code == CLD_TRAPPED) {
		w->was_stopped = true;
		w->stop_end = ch_msg_deadline(STOP_TIME);
		kill(w->pid, SIGCONT);
		return 1;
	}
	if (si.si_code == CLD_CONTINUED) {
		w->was_stopped = false;
		return 1;
	}
	w->pid = 0;
	if (si.si_code == CLD_EXITED && si.si_status == CH_WORKER_GONE)
		return 0;
	if (si.si_code == CLD_EXITED && si.si_status == CH_WORKER_FAILED)
		return ch_err_set(err, -ECANCELED, "worker could not start");
	return restart(w, &si, err);
}

/* The keeper has its report: the socket is not needed any more. */
static void on_ready(struct watch *w)
{
	uint64_t n;

	(void)!read(w->worker->ready, &n, sizeof(n));
	if (w->worker->sock >= 0)
		close(w->worker->sock);
	w->worker->sock = -1;
}

static int watch(struct watch *w, struct ch_err *err)
{
	struct pollfd p[] = {
		{ .fd = w->signals, .events = POLLIN },
		{ .fd = w->worker->ready, .events = POLLIN },
		{ .fd = w->worker->lifeline, .events = POLLIN },
	};
	int rc = 1;

	while (rc > 0) {
		int n = poll(p, 3, w->was_stopped ? ch_msg_left(w->stop_end) : -1);

		if (n < 0 && errno != EINTR)
			return ch_err_sys(err, "poll");
		if (n == 0) /* stopped, and does not continue */
			kill(w->pid, SIGKILL);
		if (n > 0 && p[2].revents)
			return 0;
		if (n > 0 && p[1].revents)
			on_ready(w);
		if (n > 0 && p[0].revents) {
			struct signalfd_siginfo info;

			(void)!read(w->signals, &info, sizeof(info));
		}
		rc = look(w, err);
	}
	return rc;
}

int ch_supervise(struct ch_worker *worker, struct ch_err *err)
{
	struct watch w = { .worker = worker };
	sigset_t chld;

	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);

	ch_auto(fd) int signals = signalfd(-1, &chld, SFD_CLOEXEC | SFD_NONBLOCK);

	if (signals < 0)
		return ch_err_sys(err, "make a signalfd");
	w.signals = signals;

	int rc = start_worker(&w, err);

	if (rc == 0)
		rc = watch(&w, err);
	if (w.pid > 0) /* at the lifeline's end */
		kill(w.pid, SIGKILL);
	return rc;
}
