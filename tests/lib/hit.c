/* SPDX-License-Identifier: Apache-2.0 */
/* hit.c - become a keeper, and have one of its family get a signal at a given moment
 *
 * Usage: hit WHO SIGNAL WHEN REPORT KEEPER [ARG]
 *
 * Stands for the keeper: as helper= in plugstack.conf, or as CH_KEEPER of ch-run. WHO and BY
 * are keeper, builder, server (the supervisor) or worker; SIGNAL is a number. WHEN is
 *
 *     BY:CALL   when BY is about to make this system call of the table below, for the first
 *               time; it waits until WHO has got its signal
 *     /FILE     as soon as there is this file
 *     DELAY     so many microseconds after WHO has appeared
 *
 * When a living process has got the signal, its number is written to the new file REPORT.
 * The process that sees to all of that is no child of the keeper, has none of its
 * descriptors, and ends with it. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "notify.h"

enum { LOOK_US = 100 };

static const struct {
	const char *name;
	unsigned number;
} calls[] = {
	{ "execve", SYS_execve }, { "exit_group", SYS_exit_group },
	{ "kill", SYS_kill },	  { "pivot_root", SYS_pivot_root },
	{ "prctl", SYS_prctl },	  { "unshare", SYS_unshare },
};

struct hit {
	const char *who, *when, *report;
	int signal;
	pid_t keeper;
	char by[16]; /* with a system call */
	int is_done;
};

/* Is there such a process, alive, by this name (NULL: any)? */
static int is_alive(pid_t pid, const char *name)
{
	char path[64], comm[32], state = 'X';
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	if (!f)
		return 0;

	int n = fscanf(f, "%*d (%31[^)]) %c", comm, &state);

	fclose(f);
	return n == 2 && state != 'Z' && state != 'X' && (!name || strcmp(comm, name) == 0);
}

/* A child of PARENT by NAME; 0 if there is none. */
static pid_t child_of(pid_t parent, const char *name)
{
	char path[64];
	pid_t found = 0;
	FILE *f;
	int pid;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)parent, (int)parent);
	f = fopen(path, "re");
	while (f && fscanf(f, "%d", &pid) == 1)
		if (is_alive(pid, name))
			found = pid;
	if (f)
		fclose(f);
	return found;
}

static pid_t find(const char *who, pid_t keeper)
{
	pid_t server = child_of(keeper, "ch-server");

	if (strcmp(who, "keeper") == 0)
		return is_alive(keeper, NULL) ? keeper : 0;
	if (strcmp(who, "builder") == 0)
		return child_of(keeper, "ch-keeper");
	if (strcmp(who, "server") == 0)
		return server;
	return server ? child_of(server, NULL) : 0;
}

/* Returns whom it was, or 0. */
static pid_t strike(struct hit *h)
{
	pid_t pid = find(h->who, h->keeper);

	h->is_done = 1;
	if (!pid || kill(pid, h->signal) < 0)
		return 0;

	int fd = open(h->report, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	dprintf(fd, "%d\n", (int)pid);
	close(fd);
	return pid;
}

/* ---- by a system call ------------------------------------------------------------------- */

static int is_thread(pid_t thread, pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task/%d", (int)pid, (int)thread);
	return pid && access(path, F_OK) == 0;
}

/* Who is stopped while it asks will ask again when it goes on: an answer would let it make
 * the call before it stops. */
static int on_call(const struct seccomp_notif *call, void *data)
{
	struct hit *h = data;
	pid_t by = h->is_done ? 0 : find(h->by, h->keeper);

	return is_thread((pid_t)call->pid, by) && strike(h) == by ? NOTIFY_SILENT : 0;
}

/* Number of the call, and H->by; -1: it is a moment of another kind. */
static int find_call(struct hit *h)
{
	const char *colon = strchr(h->when, ':');

	if (h->when[0] == '/' || !colon)
		return -1;
	snprintf(h->by, sizeof(h->by), "%.*s", (int)(colon - h->when), h->when);
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (strcmp(calls[i].name, colon + 1) == 0)
			return (int)calls[i].number;
	exit(125);
}

static int ask_before(unsigned call, int sock)
{
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);

	int listener = notify_install(call);

	if (listener < 0 || notify_send(sock, listener) < 0)
		return -1;
	close(listener);
	return 0;
}

/* ---- by looking ------------------------------------------------------------------------- */

/* The server is named as the keeper, too, until it is exec'd; so a builder is sought when
 * there is a server. */
static int is_time(const struct hit *h)
{
	if (h->when[0] == '/')
		return access(h->when, F_OK) == 0;
	if (strcmp(h->who, "builder") == 0 && !find("server", h->keeper))
		return 0;
	return find(h->who, h->keeper) != 0;
}

static void look(struct hit *h)
{
	while (!is_time(h)) {
		if (!is_alive(h->keeper, NULL))
			return;
		usleep(LOOK_US);
	}
	if (h->when[0] != '/')
		usleep((useconds_t)strtoul(h->when, NULL, 10));
	strike(h);
}

/* ------------------------------------------------------------------------------------------ */

static _Noreturn void watch(struct hit *h, int call, int sock)
{
	if (dup2(sock, 3) < 0 || close_range(4, ~0U, 0) < 0)
		_exit(1);
	if (call < 0)
		look(h);
	else if ((sock = notify_receive(3)) >= 0)
		notify_serve(sock, on_call, h);
	_exit(0);
}

int main(int argc, char **argv)
{
	struct hit h = { .keeper = getpid() };
	int sv[2];

	if (argc < 6 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0)
		return 125;
	h.who = argv[1];
	h.signal = (int)strtol(argv[2], NULL, 10);
	h.when = argv[3];
	h.report = argv[4];

	int call = find_call(&h);
	pid_t pid = fork();

	if (pid == 0) {
		setsid();
		if (fork() == 0)
			watch(&h, call, sv[0]);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	if (call >= 0 && ask_before((unsigned)call, sv[1]) < 0)
		return 125;
	close(sv[0]);
	close(sv[1]);
	execl(argv[5], "ch-keeper", argv[6], (char *)NULL);
	return 125;
}
