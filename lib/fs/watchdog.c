/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/watchdog.h"

#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define TICK	  3 /* seconds of the thread's time */
#define TICKS_MAX 2 /* in one request, which so takes 3 to 6 seconds */

/* All signals but those of faults are blocked (confine.c). */
#define SIGNAL SIGVTALRM

static __thread volatile sig_atomic_t ticks;

static void on_tick(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)context;
	if (info->si_code == SI_TIMER && ++ticks >= TICKS_MAX)
		(void)raise(SIGABRT);
}

void ch_watchdog_start(void)
{
	struct sigaction sa = { .sa_sigaction = on_tick, .sa_flags = SA_SIGINFO | SA_RESTART };
	struct sigevent to = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGNAL };
	struct itimerspec each = { { .tv_sec = TICK }, { .tv_sec = TICK } };
	timer_t timer;
	sigset_t set;

	to._sigev_un._tid = (pid_t)syscall(SYS_gettid);
	sigemptyset(&set);
	sigaddset(&set, SIGNAL);
	if (sigaction(SIGNAL, &sa, NULL) == 0 && pthread_sigmask(SIG_UNBLOCK, &set, NULL) == 0 &&
	    timer_create(CLOCK_THREAD_CPUTIME_ID, &to, &timer) == 0)
		timer_settime(timer, 0, &each, NULL);
}

void ch_watchdog_feed(void)
{
	ticks = 0;
}
