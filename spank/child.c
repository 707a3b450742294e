/* SPDX-License-Identifier: Apache-2.0 */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "rt/proto.h"
#include "sys/caps.h"
#include "sys/msg.h"

/* RLIMIT_CPU is left out: the image server works for all tasks together, and would be
 * killed before any of them has used up its own. So is RLIMIT_FSIZE: it would be about
 * the container's /etc/passwd. */
static const struct {
	const char *name;
	int resource;
} limits[] = {
	{ "SLURM_RLIMIT_DATA", RLIMIT_DATA },	    { "SLURM_RLIMIT_STACK", RLIMIT_STACK },
	{ "SLURM_RLIMIT_CORE", RLIMIT_CORE },	    { "SLURM_RLIMIT_RSS", RLIMIT_RSS },
	{ "SLURM_RLIMIT_NPROC", RLIMIT_NPROC },	    { "SLURM_RLIMIT_NOFILE", RLIMIT_NOFILE },
	{ "SLURM_RLIMIT_MEMLOCK", RLIMIT_MEMLOCK }, { "SLURM_RLIMIT_AS", RLIMIT_AS },
};

void ch_child_limits(struct ch_child *c, const char *(*get)(const char *name, void *data),
		     void *data)
{
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		const char *text = get(limits[i].name, data);

		if (text && text[0] >= '0' && text[0] <= '9')
			c->limits[c->n_limits++] = (struct ch_limit){ limits[i].resource,
								      strtoull(text, NULL, 10) };
	}
}

/* ---- after fork: system calls only ------------------------------------------------------- */

static void append(char *out, size_t size, const char *text)
{
	size_t n = strnlen(out, size), m = strlen(text);

	if (n + m >= size)
		m = size - 1 - n;
	memcpy(out + n, text, m);
	out[n + m] = '\0';
}

/* Tell every task that there will be no container, and why. We stay until slurmstepd closes
 * its end: messages left unread would make the kernel throw our answers away. */
static _Noreturn void give_up(const struct ch_child *c, const char *what, const char *object,
			      int code)
{
	static struct ch_answer a;
	const char *why = strerrordesc_np(code);
	struct ch_cpus m;
	long n;

	a.version = CH_PROTO_VERSION;
	a.code = -code;
	append(a.msg, sizeof(a.msg), what);
	append(a.msg, sizeof(a.msg), object);
	append(a.msg, sizeof(a.msg), "': ");
	append(a.msg, sizeof(a.msg), why ? why : "unknown error");
	do {
		n = ch_msg_recv(CH_KEEPER_SOCK, &m, sizeof(m), NULL, 0, ch_msg_deadline(INT_MAX));
		if (n > 0 && m.go.kind == CH_GO_ENTER)
			ch_msg_send(CH_KEEPER_SOCK, &a, sizeof(a), NULL, 0,
				    ch_msg_deadline(c->timeout_ms));
	} while (n > 0 || n == -ETIMEDOUT);
	_exit(1);
}

/* Only what the keeper expects stays open: task's pipes would be kept from their EOF. */
static void place_descriptors(const struct ch_child *c)
{
	int sock = fcntl(c->sock, F_DUPFD_CLOEXEC, 10);
	int request = fcntl(c->request, F_DUPFD_CLOEXEC, 10);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (sock < 0 || request < 0 || null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 ||
	    dup2(null, 2) < 0 || dup2(sock, CH_KEEPER_SOCK) < 0 ||
	    dup2(request, CH_KEEPER_REQUEST) < 0)
		_exit(1);
	if (close_range(CH_KEEPER_REQUEST + 1, ~0U, 0) < 0)
		_exit(1);
}

/* Wait for the first task to say go, without taking its message: the keeper answers it.
 * Where the tasks run may come before that, and is obeyed. Returns the task's mount
 * namespace. */
static int wait_for_go(bool *ret_placed)
{
	struct ch_cpus m;
	int mntns;

	for (;;) {
		long long deadline = ch_msg_deadline(INT_MAX);
		long n = ch_msg_peek(CH_KEEPER_SOCK, &m, sizeof(m), &mntns, 1, deadline);

		if (n == -ETIMEDOUT)
			continue;
		if (n <= 0)
			_exit(0); /* slurmstepd has gone, or no task came so far */
		if (m.go.kind != CH_GO_CPUS)
			return mntns;
		ch_msg_recv(CH_KEEPER_SOCK, &m, sizeof(m), NULL, 0, deadline);
		syscall(SYS_sched_setaffinity, 0, sizeof(m.mask), m.mask);
		*ret_placed = true;
	}
}

/* A job may have a mount namespace of its own (job_container/tmpfs), whose directories are the
 * ones that are meant. */
static void follow_task(const struct ch_child *c, int mntns)
{
	struct stat theirs, ours;

	/* It was sent: there is no room for the descriptor. */
	if (mntns < 0)
		give_up(c, "follow '", "the job", EMFILE);
	if (fstat(mntns, &theirs) < 0 || stat("/proc/self/ns/mnt", &ours) < 0)
		give_up(c, "compare mount namespaces with '", "/proc/self/ns/mnt", errno);
	if (theirs.st_ino != ours.st_ino && setns(mntns, CLONE_NEWNS) < 0)
		give_up(c, "enter the mount namespace of '", "the job", errno);
	close(mntns);
}

static void take_limits(const struct ch_child *c)
{
	for (size_t i = 0; i < c->n_limits; i++) {
		struct rlimit r;

		if (getrlimit((__rlimit_resource_t)c->limits[i].resource, &r) < 0)
			continue;
		r.rlim_cur = c->limits[i].soft < r.rlim_max ? c->limits[i].soft : r.rlim_max;
		setrlimit((__rlimit_resource_t)c->limits[i].resource, &r);
	}
}

/* slurmstepd is exempt from the killer of processes in low memory; the keeper is not. */
static void allow_oom_kill(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd >= 0) {
		(void)!write(fd, "0", 1);
		close(fd);
	}
}

/* Raw calls: glibc's wrappers would involve threads that do not exist in this process. */
static void become_user(const struct ch_child *c)
{
	/* A user namespace that maps root needs CAP_SETFCAP of root (user_namespaces(7)). */
	if (c->uid != 0)
		ch_caps_drop_bounding();
	if (syscall(SYS_setgroups, c->n_groups, c->groups) < 0 ||
	    syscall(SYS_setresgid, c->gid, c->gid, c->gid) < 0 ||
	    syscall(SYS_setresuid, c->uid, c->uid, c->uid) < 0)
		give_up(c, "become '", "the user", errno);
	/* This must fail now, for good. */
	if (c->uid != 0 && syscall(SYS_setresuid, -1, 0, -1) == 0)
		_exit(1);
	if (ch_caps_no_new_privs() < 0)
		give_up(c, "set '", "no_new_privs", errno);
}

void ch_child_main(const struct ch_child *c)
{
	static char placed[] = CH_KEEPER_PLACED;
	char *argv[] = { (char[]){ "ch-keeper" }, NULL, NULL };
	char *env[] = { (char[]){ "PATH=/usr/bin:/bin" }, NULL };

	bool is_placed = false;

	place_descriptors(c);
	setsid();

	int mntns = wait_for_go(&is_placed);

	if (is_placed)
		argv[1] = placed;

	/* user_init runs with the user's effective id, but root's real one. */
	if (syscall(SYS_setresuid, -1, 0, -1) < 0)
		give_up(c, "prepare '", "the keeper", errno);
	follow_task(c, mntns);
	if (chdir("/") < 0)
		give_up(c, "change to '", "/", errno);
	allow_oom_kill();
	take_limits(c);
	become_user(c);
	execve(c->helper, argv, env);
	give_up(c, "execute the helper '", c->helper, errno);
}
