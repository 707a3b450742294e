/* SPDX-License-Identifier: Apache-2.0 */
#include "check_job.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/text.h"
#ifdef HAVE_PMIX
#include "pmix/launch.h"
#endif

const struct ch_probe ch_job_items[] = {
	[CH_JOB_PMIX] = { .name = "pmix", .means = "connection to the launcher" },
	[CH_JOB_FENCE] = { .name = "pmix-fence", .means = "all ranks wait for each other" },
	[CH_JOB_CMA] = { .name = "pmix-cma", .means = "ranks read their local peer's memory" },
};

__attribute__((format(printf, 4, 5))) static void put(struct ch_finding *f, enum ch_verdict verdict,
						      const char *remedy, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f->found, sizeof(f->found), fmt, ap);
	va_end(ap);
	f->verdict = verdict;
	snprintf(f->remedy, sizeof(f->remedy), "%s", remedy);
	ch_text_one_line(f->found);
}

#ifdef HAVE_PMIX

#define KEY_ADDRESS "ch-check.address"
#define KEY_RESULT  "ch-check.result"

enum { JOB_SECONDS = 60, FENCE_SECONDS = 30, ALONE = -1, WRONG = -2, NAMED_MAX = 3 };

/* What the next local peer reads. In writable memory, at an address that we tell: it may
 * be another one in each process. */
static char secret[32];

static void too_late(int sig)
{
	static const char text[] = "ch-check: error: the PMIx launcher gave no answer in time\n";

	(void)sig;
	(void)!write(2, text, sizeof(text) - 1);
	_exit(1);
}

static int tell_address(const struct ch_launch *l, struct ch_err *err)
{
	char text[64];

	snprintf(secret, sizeof(secret), "rank %" PRIu32, l->rank);
	snprintf(text, sizeof(text), "%ld %" PRIxPTR, (long)getpid(), (uintptr_t)secret);
	return ch_launch_put(KEY_ADDRESS, text, err);
}

/* Read what the next peer has for us. RET_CODE: 0, an errno, ALONE or WRONG. */
static int read_peer(const struct ch_launch *l, int *ret_code, struct ch_err *err)
{
	char wanted[sizeof(secret)], got[sizeof(secret)] = "";
	ch_auto(str) char *text = NULL;
	uintptr_t address;
	long pid;

	*ret_code = ALONE;
	if (l->next == l->rank)
		return 0;
	if (ch_launch_get(l, l->next, KEY_ADDRESS, &text, err) < 0)
		return err->code;
	if (sscanf(text, "%ld %" SCNxPTR, &pid, &address) != 2)
		return ch_err_set(err, -EPROTO, "rank %" PRIu32 " says '%s'", l->next, text);

	struct iovec here = { got, sizeof(got) };
	struct iovec there = { (void *)address, sizeof(got) };

	snprintf(wanted, sizeof(wanted), "rank %" PRIu32, l->next);
	if (process_vm_readv((pid_t)pid, &here, 1, &there, 1, 0) < 0)
		*ret_code = errno;
	else
		*ret_code = strncmp(got, wanted, sizeof(got)) == 0 ? 0 : WRONG;
	return 0;
}

static int tell_result(const struct ch_launch *l, int code, struct ch_err *err)
{
	char host[65] = "", text[128];

	gethostname(host, sizeof(host) - 1);
	host[strcspn(host, " ")] = '\0';
	snprintf(text, sizeof(text), "%d %" PRIu32 " %ld %s", code, l->next, (long)getpid(), host);
	return ch_launch_put(KEY_RESULT, text, err);
}

static const char *text_of(int code)
{
	switch (code) {
	case 0:
		return "ok";
	case ALONE:
		return "no local peer";
	case WRONG:
		return "another process was read: the ranks see different process ids";
	default:
		return strerrordesc_np(code);
	}
}

struct count {
	uint32_t good, bad;
	struct ch_buf named; /* the first that failed */
};

/* Take down the result of one rank. */
static int note(const struct ch_launch *l, uint32_t rank, struct count *count, struct ch_buf *ranks,
		struct ch_err *err)
{
	ch_auto(str) char *text = NULL;
	uint32_t next;
	char host[65];
	long pid;
	int code;

	if (ch_launch_get(l, rank, KEY_RESULT, &text, err) < 0)
		return err->code;
	if (sscanf(text, "%d %" SCNu32 " %ld %64s", &code, &next, &pid, host) != 4)
		return ch_err_set(err, -EPROTO, "rank %" PRIu32 " says '%s'", rank, text);
	ch_text_one_line(host);
	if (next == rank)
		ch_buf_addf(ranks, "rank %" PRIu32 " on %s, process %ld: no local peer\n", rank,
			    host, pid);
	else
		ch_buf_addf(ranks,
			    "rank %" PRIu32 " on %s, process %ld, reads rank %" PRIu32 ": %s\n",
			    rank, host, pid, next, text_of(code));
	if (code == 0)
		count->good++;
	if (code == 0 || code == ALONE)
		return 0;
	if (count->bad++ < NAMED_MAX)
		ch_buf_addf(&count->named, "; rank %" PRIu32 " on %s reads rank %" PRIu32 ": %s",
			    rank, host, next, text_of(code));
	return 0;
}

/* Rank 0 asks for everybody's result. */
static void gather(const struct ch_launch *l, struct ch_job *job)
{
	struct ch_finding *f = &job->finding[CH_JOB_CMA];
	struct count count = { .named = CH_BUF_INIT(1000) };
	struct ch_err err;
	int rc = 0;

	for (uint32_t r = 0; r < l->size && rc == 0; r++)
		rc = note(l, r, &count, &job->ranks, &err);
	if (rc < 0)
		put(f, CH_VERDICT_NO, "", "%s", err.msg);
	else if (count.bad)
		put(f, CH_VERDICT_NO,
		    "one container for all ranks of a node (srun --ch-join=step), and sysctl "
		    "kernel.yama.ptrace_scope=0",
		    "%u of %u ranks cannot%s", count.bad, count.good + count.bad,
		    count.named.data ? count.named.data : "");
	else if (count.good)
		put(f, CH_VERDICT_OK, "", "%u of %u ranks", count.good, l->size);
	else
		put(f, CH_VERDICT_OK, "", "not tried: no rank has a local peer");
	ch_buf_done(&count.named);
}

static void describe(const struct ch_launch *l, struct ch_job *job)
{
	memcpy(job->nspace, l->nspace, sizeof(job->nspace));
	memcpy(job->library, l->library, sizeof(job->library));
	memcpy(job->server, l->server, sizeof(job->server));
	job->rank = l->rank;
	job->size = l->size;
	job->nodes = l->nodes;
	job->local_size = l->local_size;
	put(&job->finding[CH_JOB_PMIX], CH_VERDICT_OK, "",
	    "namespace '%s', rank %u of %u on %u nodes, %u local; PMIx here: %s, of the launcher: "
	    "%s",
	    l->nspace, l->rank, l->size, l->nodes, l->local_size, l->library,
	    l->server[0] ? l->server : "it does not say");
}

/* Two fences: addresses have to be known before they are used, and memory has to stay until
 * all have read. */
static int exchange(const struct ch_launch *l, struct ch_err *err)
{
	int code;

	if (tell_address(l, err) < 0 || ch_launch_fence(l, FENCE_SECONDS, err) < 0 ||
	    read_peer(l, &code, err) < 0 || tell_result(l, code, err) < 0)
		return err->code;
	return ch_launch_fence(l, FENCE_SECONDS, err);
}

/* What a rank other than 0 has to say can be heard nowhere else. */
static void say(const struct ch_job *job, const struct ch_err *err)
{
	if (job->rank != 0)
		fprintf(stderr, "ch-check: error: rank %" PRIu32 ": %s\n", job->rank, err->msg);
}

static void try_it(struct ch_job *job)
{
	static struct ch_launch l;
	struct ch_err err;

	if (ch_launch_start(&l, &err) < 0) {
		put(&job->finding[CH_JOB_PMIX], CH_VERDICT_NO,
		    "is SlurmdSpoolDir passable for users (chmod o+x), and visible here?", "%s",
		    err.msg);
		put(&job->finding[CH_JOB_FENCE], CH_VERDICT_NO, "see pmix", "not tried");
		put(&job->finding[CH_JOB_CMA], CH_VERDICT_NO, "see pmix", "not tried");
		say(job, &err);
		return;
	}
	describe(&l, job);
	if (exchange(&l, &err) < 0) {
		put(&job->finding[CH_JOB_FENCE], CH_VERDICT_NO, "see the launcher's log", "%s",
		    err.msg);
		put(&job->finding[CH_JOB_CMA], CH_VERDICT_NO, "see pmix-fence", "not tried");
		say(job, &err);
	} else if (l.rank == 0) {
		gather(&l, job);
	}
	ch_launch_end();
}

void ch_job_try(struct ch_job *ret_job)
{
	const char *rank = getenv("PMIX_RANK");

	*ret_job = (struct ch_job){ .ranks = CH_BUF_INIT(1024 * 1024) };
	ret_job->is_there = getenv("PMIX_NAMESPACE") != NULL;
	ret_job->rank = rank ? (uint32_t)strtoul(rank, NULL, 10) : 0;
	if (!ret_job->is_there)
		return;
	signal(SIGALRM, too_late);
	alarm(JOB_SECONDS);
	try_it(ret_job);
	alarm(0);
}

#else /* HAVE_PMIX */

void ch_job_try(struct ch_job *ret_job)
{
	const char *rank = getenv("PMIX_RANK");

	*ret_job = (struct ch_job){ .ranks = CH_BUF_INIT(1) };
	ret_job->is_there = getenv("PMIX_NAMESPACE") != NULL;
	ret_job->rank = rank ? (uint32_t)strtoul(rank, NULL, 10) : 0;
	for (size_t i = 0; i < CH_JOB_ITEMS; i++)
		put(&ret_job->finding[i], CH_VERDICT_LIMITED, "build with libpmix-dev",
		    "not tried: built without libpmix");
}

#endif
