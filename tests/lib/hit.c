/* SPDX-License-Identifier: Apache-2.0 */
/* hit.c - become a keeper (plugstack.conf: helper=), and have one of its family hit
 *
 * Usage: hit WHO SIGNAL DELAY KEEPER [ARG]
 *
 * WHO is keeper, builder, server (the supervisor) or worker; SIGNAL a number; DELAY in
 * microseconds, from when WHO appears. For 5 s at most a process of its own looks for WHO,
 * which is no child of the keeper and has none of its descriptors. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int is_named(pid_t pid, const char *name)
{
	char path[64], comm[32] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	f = fopen(path, "re");
	if (!f)
		return 0;
	if (!fgets(comm, sizeof(comm), f))
		comm[0] = '\0';
	fclose(f);
	comm[strcspn(comm, "\n")] = '\0';
	return strcmp(comm, name) == 0;
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
		if (is_named(pid, name))
			found = pid;
	if (f)
		fclose(f);
	return found;
}

/* The server is named as the keeper, too, until it is exec'd; so a builder is sought when
 * there is a server, or none will come. */
static pid_t find(const char *who, pid_t keeper)
{
	pid_t server = child_of(keeper, "ch-server");

	if (strcmp(who, "keeper") == 0)
		return is_named(keeper, "ch-keeper") ? keeper : 0;
	if (strcmp(who, "builder") == 0)
		return server ? child_of(keeper, "ch-keeper") : 0;
	if (strcmp(who, "server") == 0)
		return server;
	return server ? child_of(server, "ch-server") : 0;
}

static void strike(const char *who, int sig, useconds_t delay, pid_t keeper)
{
	double end = now() + 5;
	pid_t pid;

	while (!(pid = find(who, keeper)))
		if (kill(keeper, 0) < 0 || now() > end)
			return;
	usleep(delay);
	kill(pid, sig);
}

int main(int argc, char **argv)
{
	pid_t keeper = getpid(), pid;

	if (argc < 5)
		return 64;
	pid = fork();
	if (pid == 0) {
		close_range(3, ~0U, 0);
		setsid();
		if (fork() == 0)
			strike(argv[1], (int)strtol(argv[2], NULL, 10),
			       (useconds_t)strtoul(argv[3], NULL, 10), keeper);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	execl(argv[4], "ch-keeper", argv[5], (char *)NULL);
	return 125;
}
