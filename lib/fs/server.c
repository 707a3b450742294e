/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/server.h"

#include <errno.h>
#include <linux/fuse.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "fs/confine.h"
#include "fs/squash.h"
#include "fs/journal.h"
#include "fs/note.h"
#include "fs/ops.h"
#include "fs/report.h"
#include "fs/supervise.h"
#include "fs/worker.h"
#include "rt/hear.h"
#include "sys/msg.h"

#define INIT_PATIENCE 10000 /* ms; mount(2) has queued it before we get the descriptor */
#define INIT_SIZE     8192  /* FUSE_MIN_READ_BUFFER */

/* Two for each CPU: some wait for the image file. */
#define THREADS_CPU 2
#define THREADS_MIN 4
#define THREADS_DEF 16
#define THREADS_MAX 64

/* Returns 1, 0 when the keeper has gone, or a negative errno. */
static int receive_start(int sock, struct ch_server_start *ret_start, int *ret_fuse,
			 int *ret_lifeline, struct ch_err *err)
{
	int fds[2];
	long n;

	do
		n = ch_msg_recv(sock, ret_start, sizeof(*ret_start), fds, 2,
				ch_msg_deadline(INT32_MAX));
	while (n == -ETIMEDOUT);
	if (n > 0) {
		*ret_fuse = fds[0];
		*ret_lifeline = fds[1];
	}
	return ch_hear_start(ret_start, n, n > 0 && fds[0] >= 0, err);
}

/* The kernel sends INIT first, and once: it is kept for all workers. */
static int read_init(int fuse, void *buf, size_t *ret_len, struct ch_err *err)
{
	struct pollfd p = { .fd = fuse, .events = POLLIN };
	int rc = poll(&p, 1, INIT_PATIENCE);

	if (rc == 0)
		return ch_err_set(err, -ETIMEDOUT, "no request from the kernel: not mounted?");

	ssize_t n = rc < 0 ? -1 : read(fuse, buf, INIT_SIZE);

	if (n < 0)
		return ch_err_sys(err, "read first request");

	const struct fuse_in_header *h = buf;

	if ((size_t)n < sizeof(*h) || h->opcode != FUSE_INIT)
		return ch_err_set(err, -EPROTO, "first request is not INIT");
	*ret_len = (size_t)n;
	return 0;
}

static unsigned count_threads(uint32_t asked)
{
	cpu_set_t set;
	unsigned n;

	if (asked)
		return asked < THREADS_MAX ? asked : THREADS_MAX;
	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return THREADS_DEF;
	n = THREADS_CPU * (unsigned)CPU_COUNT(&set);
	if (n < THREADS_MIN)
		return THREADS_MIN;
	return n < THREADS_DEF ? n : THREADS_DEF;
}

/* With start message in hand: make what workers share, and supervise them. */
static int begin(const struct ch_server_start *start, struct ch_worker *w, struct ch_err *err)
{
	_Alignas(struct fuse_in_header) char init[INIT_SIZE];
	ch_auto(fd) int ready = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (ready < 0)
		return ch_err_sys(err, "make an eventfd");
	w->ready = ready;
	w->uid = start->uid;
	w->gid = start->gid;
	w->init = init;

	int rc = read_init(w->fuse, init, &w->init_len, err);

	if (rc < 0)
		return rc;
	w->journal = ch_journal_new(count_threads(start->threads), CH_OPS_REQUEST_SIZE);
	if (!w->journal)
		return ch_err_nomem(err);
	return ch_supervise(w, err);
}

/* The image is looked at before the start message arrives, while the keeper mounts. */
static int run(uint64_t offset, uint64_t size, unsigned without, struct ch_err *err)
{
	ch_auto(squash) struct ch_squash image = { 0 };
	struct ch_worker w = { .image = &image, .sock = CH_SERVER_SOCK, .without = without };
	struct ch_server_start start = { 0 };
	int rc = ch_confine_start(CH_SERVER_IMAGE + 1, err);

	if (rc < 0)
		return rc;
	prctl(PR_SET_NAME, "ch-server", 0, 0, 0);
	ch_note_open();
	rc = ch_confine_view(err);
	if (rc == 0)
		rc = ch_confine_supervisor(err);
	if (rc == 0)
		rc = ch_squash_open(CH_SERVER_IMAGE, offset, size, &image, err);
	if (rc == 0)
		rc = receive_start(CH_SERVER_SOCK, &start, &w.fuse, &w.lifeline, err);
	return rc <= 0 ? rc : begin(&start, &w, err);
}

/* Take no more messages. Closing a socket with an unread one would give the keeper
 * ECONNRESET instead of the report; now, sending gives it EPIPE. */
static void stop_listening(void)
{
	char ignored[sizeof(struct ch_server_start)];
	long n;

	(void)shutdown(CH_SERVER_SOCK, SHUT_RD);
	do
		n = ch_msg_recv(CH_SERVER_SOCK, ignored, sizeof(ignored), NULL, 0,
				ch_msg_deadline(0));
	while (n > 0 || n == -EMSGSIZE);
}

int ch_server_run(uint64_t offset, uint64_t size, unsigned without)
{
	struct ch_err err;

	if (run(offset, size, without, &err) == 0)
		return EXIT_SUCCESS;
	stop_listening();
	ch_report(CH_SERVER_SOCK, err.code, err.msg);
	return EXIT_FAILURE;
}
