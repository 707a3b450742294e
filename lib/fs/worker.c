/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/worker.h"

#include <errno.h>
#include <linux/fuse.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "fs/confine.h"
#include "fs/journal.h"
#include "fs/near.h"
#include "fs/note.h"
#include "fs/ops.h"
#include "fs/push.h"
#include "fs/report.h"
#include "fs/server.h"
#include "fs/turns.h"
#include "fs/watchdog.h"

#define STACK_SIZE (512UL << 10)

#define NOTIFY_RESEND 7 /* FUSE_NOTIFY_RESEND, Linux 6.9 */

/* What all threads use. */
struct shared {
	pthread_mutex_t gate; /* held until serving may begin */
	struct ch_turns turns;
};

struct thread {
	const struct ch_worker *worker;
	struct ch_ops_thread *ops;
	unsigned slot;
	struct shared *shared;
};

static void *serve(void *arg)
{
	const struct thread *t = arg;
	const struct ch_worker *w = t->worker;
	size_t size;
	void *buf = ch_journal_buffer(w->journal, t->slot, &size);
	const struct fuse_in_header *in = buf; /* a read is never shorter */
	struct ch_near near;

	ch_watchdog_start();
	ch_near_start(&near);
	pthread_mutex_lock(&t->shared->gate);
	pthread_mutex_unlock(&t->shared->gate);
	for (;;) {
		ch_journal_clear(w->journal, t->slot);
		ch_watchdog_feed();
		ch_turns_wait(&t->shared->turns);

		ssize_t n = read(w->fuse, buf, size);
		int code = errno;

		ch_turns_work(&t->shared->turns);
		if (n > 0) {
			ch_near_follow(&near, (pid_t)in->pid);
			ch_ops_process(t->ops, buf, (size_t)n);
		} else if (n == 0 || code == ENODEV) {
			_exit(CH_WORKER_GONE);
		} else if (code != EINTR && code != EAGAIN && code != ENOENT) {
			_exit(EXIT_FAILURE); /* ENOENT: the request was withdrawn */
		}
	}
	return NULL;
}

/* Answer a request with an error, without libfuse. */
static void refuse(int fuse, const void *request)
{
	struct fuse_in_header in;
	struct fuse_out_header out = { .len = sizeof(out), .error = -EIO };

	memcpy(&in, request, sizeof(in));
	out.unique = in.unique;
	(void)!write(fuse, &out, sizeof(out));
	ch_note("request that workers died of gets EIO (operation %u, inode %llx)", in.opcode,
		(unsigned long long)in.nodeid);
}

/* What the last worker was at when it died. One that keeps killing workers is given up. */
static void replay(const struct ch_worker *w, struct ch_ops_thread *ops)
{
	ch_watchdog_start();
	for (unsigned i = 0; i < ch_journal_slots(w->journal); i++) {
		size_t len = ch_journal_left(w->journal, i);
		size_t size;

		if (len == 0)
			continue;

		void *buf = ch_journal_buffer(w->journal, i, &size);

		ch_watchdog_feed();
		if (ch_journal_attempt(w->journal, i, w->fault))
			ch_ops_process(ops, buf, len);
		else
			refuse(w->fuse, buf);
		ch_journal_clear(w->journal, i);
	}
}

/* Ask the kernel for requests that were read and not answered. The journal has them all;
 * this is for what we have not thought of, and older kernels do not know it. */
static void ask_again(int fuse)
{
	struct fuse_out_header out = { .len = sizeof(out), .error = NOTIFY_RESEND };

	(void)!write(fuse, &out, sizeof(out));
}

/* The kernel has the first worker's answer to INIT; it does not mind another one. */
static int start_session(struct ch_ops_thread *ops, const struct ch_worker *w, struct ch_err *err)
{
	ch_auto(mem) void *copy = malloc(w->init_len);

	if (!copy)
		return ch_err_nomem(err);
	memcpy(copy, w->init, w->init_len);
	ch_ops_process(ops, copy, w->init_len);
	return 0;
}

static void *push(void *arg)
{
	ch_push_run(arg);
}

/* One is enough: where the limit of processes is near, more would be better, but not needed. */
static int start_threads(struct thread *threads, unsigned n, struct ch_push *pusher,
			 struct ch_err *err)
{
	pthread_t id;
	pthread_attr_t attr;
	unsigned have = 0;
	int rc = pthread_attr_init(&attr);

	if (rc == 0)
		rc = pthread_attr_setstacksize(&attr, STACK_SIZE);
	while (have < n && rc == 0) {
		rc = pthread_create(&id, &attr, serve, &threads[have]);
		have += rc == 0;
	}
	if (pusher)
		(void)pthread_create(&id, &attr, push, pusher);
	pthread_attr_destroy(&attr);
	if (have == 0)
		return ch_err_rc(err, -rc, "start a thread");
	if (have < n)
		ch_note_rarely("serving with %u instead of %u threads", have, n);
	return 0;
}

/* Memory for each thread; for fewer, when there is not enough. */
static int prepare_threads(const struct ch_worker *w, struct ch_ops *ops, struct shared *shared,
			   struct thread *threads, unsigned *n, struct ch_err *err)
{
	for (unsigned i = 0; i < *n; i++) {
		threads[i] = (struct thread){ .worker = w, .slot = i, .shared = shared };

		int rc = ch_ops_thread_new(ops, &threads[i].ops, err);

		if (rc < 0 && i == 0)
			return rc;
		if (rc < 0)
			*n = i;
	}
	return 0;
}

static int start(const struct ch_worker *w, struct thread *threads, unsigned n,
		 struct shared *shared, struct ch_err *err)
{
	struct ch_ops *ops = NULL;
	int rc = ch_ops_new(w->image, w->fuse, n, w->uid, w->gid, &ops, err);

	if (rc == 0)
		rc = prepare_threads(w, ops, shared, threads, &n, err);
	if (rc == 0)
		rc = start_session(threads[0].ops, w, err);
	if (rc == 0)
		rc = start_threads(threads, n, ch_ops_push(ops), err);
	if (rc == 0)
		rc = ch_confine_worker(err);
	return rc;
}

/* What only the start needed. */
static void close_rest(const struct ch_worker *w)
{
	if (w->sock >= 0)
		close(w->sock);
	close(w->ready);
}

static void wait_for_end(int lifeline) __attribute__((noreturn));

static void wait_for_end(int lifeline)
{
	struct pollfd p = { .fd = lifeline, .events = POLLIN };

	while (poll(&p, 1, -1) <= 0) /* a negative descriptor is ignored */
		;
	_exit(CH_WORKER_GONE);
}

void ch_worker_run(const struct ch_worker *w)
{
	unsigned n = ch_journal_slots(w->journal);
	struct thread *threads = calloc(n, sizeof(*threads));
	struct shared shared = { PTHREAD_MUTEX_INITIALIZER, CH_TURNS_INIT };
	struct ch_err err = { .msg = "out of memory" };
	uint64_t one = 1;
	int rc = -ENOMEM;

	prctl(PR_SET_NAME, "ch-server-w", 0, 0, 0);
	pthread_mutex_lock(&shared.gate);
	if (threads)
		rc = start(w, threads, n, &shared, &err);
	if (rc < 0) {
		if (w->sock >= 0)
			ch_report(w->sock, rc, err.msg);
		else
			ch_note_rarely("worker: %s", err.msg);
		_exit(CH_WORKER_FAILED);
	}
	if (!(w->without & CH_SERVER_NO_JOURNAL))
		replay(w, threads[0].ops);
	if (!(w->without & CH_SERVER_NO_RESEND))
		ask_again(w->fuse);
	pthread_mutex_unlock(&shared.gate);
	ch_report(w->sock, 0, "");
	(void)!write(w->ready, &one, sizeof(one));
	close_rest(w);
	wait_for_end(w->lifeline);
}
