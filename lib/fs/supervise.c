/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/supervise.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "fs/journal.h"
#include "fs/note.h"
#include "fs/worker.h"
#include "sys/msg.h"

/* Deaths before giving up: in a row without any use, before and after the first worker was
 * ready (then something is at stake, and what is missing may come back); and in a time.
 * The second one is more than one request may cost (journal.c). */
#define FRUITLESS_FIRST 5
#define FRUITLESS_MAX	12
#define RATE_MAX	100
#define RATE_TIME	10000 /* ms */

#define SOON	  10000 /* ms after its start: a worker that dies later was of use */
#define PAUSE	  20	/* ms before another attempt, doubled each time, when fruitless */
#define PAUSE_MAX 1000
#define STOP_TIME 1000 /* ms a stopped worker has to continue */
#define LOOK_TIME 5000 /* ms between looks for requests that take long */

struct watch {
	struct ch_worker *worker;
	int signals; /* signalfd for SIGCHLD */
	pid_t pid;
	bool is_ready;	/* this worker */
	bool was_ready; /* a worker, once */
	bool was_stopped;
	long long stop_end; /* deadline to continue */
	long long look;	    /* deadline */
	long long born;
	uint64_t served; /* requests, when this worker started */
	unsigned fruitless;
	unsigned deaths;
	long long times[RATE_MAX]; /* of the last deaths; a ring */
};

/* A worker goes on when we die: its readers depend on it. But if we die after another one,
 * somebody is killing all of us, and one that was forked in between must not be left. */
static void die_with(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (getppid() != parent)
		_exit(CH_WORKER_GONE);
}

static int start_worker(struct watch *w, struct ch_err *err)
{
	pid_t self = getpid();

	w->served = ch_journal_served(w->worker->journal);
	w->born = ch_msg_deadline(0);
	w->is_ready = false;
	w->was_stopped = false;
	w->pid = fork();
	if (w->pid < 0)
		return ch_err_sys(err, "fork");
	if (w->pid == 0) {
		close(w->signals);
		if (w->deaths > 0)
			die_with(self);
		ch_worker_run(w->worker);
	}
	return 0;
}

static bool has_left_something(struct ch_journal *j)
{
	for (unsigned i = 0; i < ch_journal_slots(j); i++) {
		if (ch_journal_left(j, i))
			return true;
	}
	return false;
}

/* A worker that was idle, or has answered something, is no reason to give up. */
static bool was_fruitless(const struct watch *w)
{
	struct ch_journal *j = w->worker->journal;

	if (ch_msg_deadline(0) - w->born >= SOON || ch_journal_served(j) != w->served)
		return false;
	return !w->is_ready || has_left_something(j);
}

/* May another worker be tried? */
static bool note_death(struct watch *w)
{
	long long now = ch_msg_deadline(0);
	long long *oldest = &w->times[w->deaths % RATE_MAX];
	bool too_often = w->deaths >= RATE_MAX && now - *oldest < RATE_TIME;

	*oldest = now;
	w->deaths++;
	w->fruitless = was_fruitless(w) ? w->fruitless + 1 : 0;
	return !too_often && w->fruitless < (w->was_ready ? FRUITLESS_MAX : FRUITLESS_FIRST);
}

/* Ends early with the lifeline. */
static void wait_a_little(const struct watch *w)
{
	struct pollfd p = { .fd = w->worker->lifeline, .events = POLLIN };
	int ms = w->fruitless < 6 ? PAUSE << w->fruitless : PAUSE_MAX;

	if (w->fruitless > 1)
		poll(&p, 1, ms);
}

/* Start another worker instead of the one that died by HOW (a word) and STATUS. That there
 * can be no process now is like a death: it may pass. Returns 1, or a negative errno. */
static int restart(struct watch *w, const char *how, int status, struct ch_err *err)
{
	do {
		if (!note_death(w)) {
			ch_note("giving up after %u deaths; last: %s %d", w->deaths, how, status);
			return ch_err_set(err, -EIO, "image server keeps dying (%s %d)", how,
					  status);
		}
		ch_note_rarely("worker died (%s %d), starting another one", how, status);
		wait_a_little(w);
		how = "fork: error";
		status = -start_worker(w, err);
	} while (status);
	return 1;
}

static bool is_fault(int signal)
{
	return signal == SIGSEGV || signal == SIGBUS || signal == SIGFPE || signal == SIGILL ||
	       signal == SIGABRT || signal == SIGSYS;
}

/* The keeper has its report: the socket is not needed any more. */
static void note_ready(struct watch *w)
{
	uint64_t n;

	if (read(w->worker->ready, &n, sizeof(n)) != sizeof(n))
		return;
	w->is_ready = w->was_ready = true;
	if (w->worker->sock >= 0)
		close(w->worker->sock);
	w->worker->sock = -1;
}

static int on_death(struct watch *w, const siginfo_t *si, struct ch_err *err)
{
	bool by_signal = si->si_code != CLD_EXITED;
	bool has_failed = !by_signal && si->si_status == CH_WORKER_FAILED;

	w->pid = 0;
	note_ready(w); /* it may have been, just before */
	if (!by_signal && si->si_status == CH_WORKER_GONE)
		return 0;
	if (has_failed && !w->was_ready)
		return ch_err_set(err, -ECANCELED, "worker could not start");
	if (!has_failed) /* such a one has not touched a request */
		w->worker->fault = by_signal && is_fault(si->si_status);
	return restart(w, by_signal ? "signal" : "status", si->si_status, err);
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
	return on_death(w, &si, err);
}

static int patience(const struct watch *w)
{
	int look = ch_msg_left(w->look);
	int stop = ch_msg_left(w->stop_end);

	return w->was_stopped && stop < look ? stop : look;
}

/* A worker that waits for storage is left alone, since another one would wait, too. How readers
 * that were killed meanwhile get away: rt/doomed.h. One that computes: watchdog.h. */
static void on_time(struct watch *w)
{
	if (w->was_stopped && ch_msg_left(w->stop_end) == 0) {
		kill(w->pid, SIGKILL); /* it does not continue */
		w->was_stopped = false;
	}
	if (ch_msg_left(w->look) > 0)
		return;
	w->look = ch_msg_deadline(LOOK_TIME);
	if (ch_journal_is_stuck(w->worker->journal))
		ch_note("a request has waited for %d s: does the image's file system hang?",
			LOOK_TIME / 1000);
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
		int n = poll(p, 3, patience(w));

		if (n < 0 && errno != EINTR)
			return ch_err_sys(err, "poll");
		on_time(w);
		if (n > 0 && p[2].revents)
			return 0;
		if (n > 0 && p[1].revents)
			note_ready(w);
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
	struct watch w = { .worker = worker, .look = ch_msg_deadline(LOOK_TIME) };
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
