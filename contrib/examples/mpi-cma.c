/* SPDX-License-Identifier: Apache-2.0 */
/* mpi-cma.c - an MPI program that shows where its ranks run, and whether the
 * ranks of a node can read each other's memory
 *
 * usage: mpi-cma [--require-cma | --forbid-cma]
 *
 * MPI libraries move large messages within a node by process_vm_readv(2) ("cross
 * memory attach", CMA). The kernel allows that only between processes in the
 * same user namespace, so this is what goes wrong first when each rank gets a
 * container of its own. The program tries the system call itself, and then
 * measures the speed of MPI beside it.
 *
 * Exit status: 0; 1 if MPI transferred something wrong; 2 for a usage error; 3 if
 * CMA was not seen to work with --require-cma, or works with --forbid-cma. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#include <mpi.h>

enum {
	PROBE_BYTES = 64 * 1024,
	LARGE_BYTES = 16 * 1024 * 1024,
	ROUNDS = 8,
	EXIT_WRONG = 1,
	EXIT_USAGE = 2,
	EXIT_CMA = 3,
};

enum want { WANT_NOTHING, WANT_CMA, WANT_NO_CMA };

/* What a rank tells rank 0 about itself. */
struct report {
	long pid;
	int cma_errno; /* 0 is success; -1 wrong content */
	int is_probed; /* 0 if the rank is alone on its node */
	char host[64];
	char user_ns[48], mnt_ns[48];
};

/* Where the memory of a rank is, for its neighbours. */
struct address {
	uint64_t start;
	int64_t pid;
};

struct world {
	MPI_Comm node; /* the ranks of this node */
	int rank, size;
	int node_rank, node_size;
	int nodes;
	bool is_heard; /* by all others, and they by us */
};

static void read_ns(const char *path, char *name, size_t size)
{
	ssize_t n = readlink(path, name, size - 1);

	if (n < 0)
		n = snprintf(name, size, "unknown");
	name[n] = '\0';
}

/* What all bytes of RANK's buffer are, never 0. */
static unsigned char pattern(int rank)
{
	return (unsigned char)(1 + rank % 251);
}

static bool is_filled(const unsigned char *buf, size_t n, unsigned char c)
{
	return buf[0] == c && memcmp(buf, buf + 1, n - 1) == 0;
}

static unsigned char *new_buffer(size_t n, unsigned char c)
{
	unsigned char *buf = malloc(n);

	if (!buf) {
		fprintf(stderr, "mpi-cma: out of memory\n");
		MPI_Abort(MPI_COMM_WORLD, EXIT_WRONG);
		abort();
	}
	memset(buf, c, n);
	return buf;
}

/* Read N bytes at REMOTE into BUF. 0, or an errno. */
static int read_remote(struct address remote, unsigned char *buf, size_t n)
{
	size_t done = 0;

	while (done < n) {
		struct iovec to = { .iov_base = buf + done, .iov_len = n - done };
		struct iovec from = {
			.iov_base = (void *)(uintptr_t)(remote.start + done),
			.iov_len = n - done,
		};
		ssize_t got = process_vm_readv((pid_t)remote.pid, &to, 1, &from, 1, 0);

		if (got < 0)
			return errno;
		if (got == 0)
			return EIO;
		done += (size_t)got;
	}
	return 0;
}

/* Each rank exchanges a word with each other one, the lower one first, so that
 * all connections exist from here on: whether all were heard. */
static bool greet_all(int rank, int size)
{
	bool is_right = true;
	int heard;

	for (int other = 0; other < size; other++) {
		heard = other;
		if (rank < other)
			MPI_Send(&rank, 1, MPI_INT, other, 8, MPI_COMM_WORLD);
		if (rank != other)
			MPI_Recv(&heard, 1, MPI_INT, other, 8, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
		if (rank > other)
			MPI_Send(&rank, 1, MPI_INT, other, 8, MPI_COMM_WORLD);
		is_right = is_right && heard == other;
	}
	return is_right;
}

static struct world new_world(void)
{
	struct world w = { .nodes = 0 };
	int is_first;

	MPI_Comm_rank(MPI_COMM_WORLD, &w.rank);
	MPI_Comm_size(MPI_COMM_WORLD, &w.size);
	w.is_heard = greet_all(w.rank, w.size);
	MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, w.rank, MPI_INFO_NULL, &w.node);
	MPI_Comm_rank(w.node, &w.node_rank);
	MPI_Comm_size(w.node, &w.node_size);
	is_first = w.node_rank == 0;
	MPI_Allreduce(&is_first, &w.nodes, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
	return w;
}

/* Each rank reads the memory of the next one on its node. Result as in struct
 * report. The barrier keeps the memory there until all have read. */
static int probe_cma(const struct world *w)
{
	unsigned char *mine = new_buffer(PROBE_BYTES, pattern(w->node_rank));
	unsigned char *copy = new_buffer(PROBE_BYTES, 0);
	int next = (w->node_rank + 1) % w->node_size;
	int previous = (w->node_rank + w->node_size - 1) % w->node_size;
	struct address here = { .start = (uintptr_t)mine, .pid = getpid() };
	struct address there = { .start = 0 };

	MPI_Sendrecv(&here, sizeof(here), MPI_BYTE, previous, 0, &there, sizeof(there), MPI_BYTE,
		     next, 0, w->node, MPI_STATUS_IGNORE);
	int rc = read_remote(there, copy, PROBE_BYTES);
	if (rc == 0 && !is_filled(copy, PROBE_BYTES, pattern(next)))
		rc = -1;
	MPI_Barrier(w->node);
	free(copy);
	free(mine);
	return rc;
}

static struct report new_report(const struct world *w)
{
	struct report r = { .pid = (long)getpid(), .is_probed = w->node_size > 1 };

	if (gethostname(r.host, sizeof(r.host) - 1) < 0)
		snprintf(r.host, sizeof(r.host), "unknown");
	read_ns("/proc/self/ns/user", r.user_ns, sizeof(r.user_ns));
	read_ns("/proc/self/ns/mnt", r.mnt_ns, sizeof(r.mnt_ns));
	if (r.is_probed)
		r.cma_errno = probe_cma(w);
	return r;
}

/* Bring the reports to rank 0, in an array there and NULL elsewhere. One small
 * message a rank: MPI_Gather() would collect larger ones on the way, and these
 * may already need CMA. */
static struct report *gather_reports(const struct world *w, const struct report *mine)
{
	if (w->rank != 0) {
		MPI_Send(mine, sizeof(*mine), MPI_BYTE, 0, 7, MPI_COMM_WORLD);
		return NULL;
	}
	struct report *all = (void *)new_buffer((size_t)w->size * sizeof(*all), 0);

	all[0] = *mine;
	for (int i = 1; i < w->size; i++)
		MPI_Recv(&all[i], sizeof(all[i]), MPI_BYTE, i, 7, MPI_COMM_WORLD,
			 MPI_STATUS_IGNORE);
	return all;
}

/* "user:[4026531837]" stays as the kernel writes it. */
static void print_reports(const struct report *all, int size)
{
	for (int i = 0; i < size; i++)
		printf("rank %d of %d on %s pid %ld %s %s\n", i, size, all[i].host, all[i].pid,
		       all[i].user_ns, all[i].mnt_ns);
}

/* Print the summary; whether CMA was tried, and works everywhere. */
static bool print_cma(const struct report *all, int size)
{
	int probed = 0;

	for (int i = 0; i < size; i++) {
		probed += all[i].is_probed;
		if (all[i].cma_errno == 0)
			continue;
		const char *why = all[i].cma_errno < 0 ? "wrong content"
						       : strerror(all[i].cma_errno);
		printf("cma: failed: %s (rank %d)\n", why, i);
		return false;
	}
	printf(probed ? "cma: ok\n" : "cma: not tried, no two ranks share a node\n");
	return probed > 0;
}

/* The time since SINCE as GB/s of the large transfers. */
static double speed(double since)
{
	double t = MPI_Wtime() - since;

	return t > 0 ? (double)LARGE_BYTES * ROUNDS / t / 1e9 : 0;
}

/* GB/s of MPI messages from node rank 0 to node rank 1, seen by 1. */
static double time_mpi(const struct world *w, unsigned char *buf)
{
	double start = 0;
	char ack = 0;

	/* Round 0 only warms up. */
	for (int i = 0; i <= ROUNDS; i++) {
		if (i == 1)
			start = MPI_Wtime();
		if (w->node_rank == 0) {
			MPI_Send(buf, LARGE_BYTES, MPI_BYTE, 1, 1, w->node);
			MPI_Recv(&ack, 1, MPI_BYTE, 1, 2, w->node, MPI_STATUS_IGNORE);
		} else {
			MPI_Recv(buf, LARGE_BYTES, MPI_BYTE, 0, 1, w->node, MPI_STATUS_IGNORE);
			MPI_Send(&ack, 1, MPI_BYTE, 0, 2, w->node);
		}
	}
	return speed(start);
}

/* GB/s of the system call, node rank 1 reading from 0. */
static double time_syscall(const struct world *w, unsigned char *buf)
{
	struct address there = { .start = (uintptr_t)buf, .pid = getpid() };
	double start = 0, result = 0;
	char ack = 0;

	if (w->node_rank == 0) {
		MPI_Send(&there, sizeof(there), MPI_BYTE, 1, 3, w->node);
		MPI_Recv(&ack, 1, MPI_BYTE, 1, 4, w->node, MPI_STATUS_IGNORE);
		return 0;
	}
	MPI_Recv(&there, sizeof(there), MPI_BYTE, 0, 3, w->node, MPI_STATUS_IGNORE);
	for (int i = 0; i <= ROUNDS; i++) {
		if (i == 1)
			start = MPI_Wtime();
		if (read_remote(there, buf, LARGE_BYTES) != 0)
			break;
		if (i == ROUNDS)
			result = speed(start);
	}
	MPI_Send(&ack, 1, MPI_BYTE, 0, 4, w->node);
	return result;
}

/* Large transfers between the first two ranks of each node; rank 0's node is
 * the one reported. Whether the content arrived. */
static bool measure(const struct world *w, const char *host)
{
	unsigned char *buf = new_buffer(LARGE_BYTES, w->node_rank == 0 ? 0x5a : 0);
	double figures[2] = { 0, 0 };
	int ranks[2] = { w->rank, 0 };

	figures[0] = time_mpi(w, buf);
	bool is_right = is_filled(buf, LARGE_BYTES, 0x5a);
	figures[1] = time_syscall(w, buf);
	if (w->node_rank == 1) {
		MPI_Send(figures, 2, MPI_DOUBLE, 0, 5, w->node);
		MPI_Send(&w->rank, 1, MPI_INT, 0, 6, w->node);
	} else {
		MPI_Recv(figures, 2, MPI_DOUBLE, 1, 5, w->node, MPI_STATUS_IGNORE);
		MPI_Recv(&ranks[1], 1, MPI_INT, 1, 6, w->node, MPI_STATUS_IGNORE);
	}
	if (w->rank == 0) {
		printf("bandwidth: %.2f GB/s between ranks %d and %d on %s (MPI)\n", figures[0],
		       ranks[0], ranks[1], host);
		printf("bandwidth: %.2f GB/s between ranks %d and %d on %s (process_vm_readv)\n",
		       figures[1], ranks[0], ranks[1], host);
	}
	free(buf);
	return is_right;
}

/* Does arithmetic over all ranks come out right? */
static bool check_sum(const struct world *w)
{
	long mine = w->rank + 1, sum = 0, n = w->size;

	MPI_Allreduce(&mine, &sum, 1, MPI_LONG, MPI_SUM, MPI_COMM_WORLD);
	return sum == n * (n + 1) / 2;
}

static int run(const struct world *w, enum want want)
{
	struct report mine = new_report(w);
	struct report *all = gather_reports(w, &mine);
	int is_cma = 0;

	if (all) {
		print_reports(all, w->size);
		printf("size %d nodes %d\n", w->size, w->nodes);
		is_cma = print_cma(all, w->size);
		fflush(stdout);
	}
	free(all);
	MPI_Bcast(&is_cma, 1, MPI_INT, 0, MPI_COMM_WORLD);

	/* Open MPI 4.1 can spin for ever in a large transfer when CMA is refused,
	 * so there is no measurement then. */
	int wrong = !w->is_heard || !check_sum(w);
	if (is_cma && w->node_size > 1 && w->node_rank < 2)
		wrong |= !measure(w, mine.host);
	MPI_Allreduce(MPI_IN_PLACE, &wrong, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
	if (wrong && w->rank == 0)
		fprintf(stderr, "mpi-cma: MPI transferred wrong data\n");
	if (wrong)
		return EXIT_WRONG;
	if ((want == WANT_CMA && !is_cma) || (want == WANT_NO_CMA && is_cma))
		return EXIT_CMA;
	return 0;
}

/* End MPI. MPICH before 4.2 over UCX may hang in MPI_Finalize() when there are
 * several nodes: ranks that have closed their connections wait in a barrier of
 * the process manager and no longer answer those that have not (MPICH pull
 * request 6596; one run in ten with Debian 12's). Slurm accepts a rank that ends
 * without MPI_Finalize(), after a barrier there is nothing left to lose. */
static void finish(int status, int nodes)
{
#if defined(MPICH_NUMVERSION) && MPICH_NUMVERSION < 40200000
	if (nodes > 1 && getenv("SLURM_STEP_ID")) {
		MPI_Barrier(MPI_COMM_WORLD);
		MPI_Barrier(MPI_COMM_WORLD);
		fflush(NULL);
		_exit(status);
	}
#else
	(void)status;
	(void)nodes;
#endif
	MPI_Finalize();
}

int main(int argc, char **argv)
{
	enum want want = WANT_NOTHING;

	if (argc == 2 && strcmp(argv[1], "--require-cma") == 0) {
		want = WANT_CMA;
	} else if (argc == 2 && strcmp(argv[1], "--forbid-cma") == 0) {
		want = WANT_NO_CMA;
	} else if (argc != 1) {
		fprintf(stderr, "usage: mpi-cma [--require-cma | --forbid-cma]\n");
		return EXIT_USAGE;
	}
	MPI_Init(&argc, &argv);
	struct world w = new_world();
	int status = run(&w, want);
	MPI_Comm_free(&w.node);
	finish(status, w.nodes);
	return status;
}
