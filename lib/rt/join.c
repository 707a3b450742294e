/* SPDX-License-Identifier: Apache-2.0 */
#include "rt/join.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/nsfs.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/text.h"
#include "rt/enter.h"
#include "sys/msg.h"

/* As many as may start at once; more have to try again. */
enum { BACKLOG = 1024 };

/* Between bind(2) and listen(2) of the first there are microseconds. Whoever has a name for
 * so long and does not listen is not one of us. */
enum { SQUATTER_MS = 10000 };

/* ---- tag ----------------------------------------------------------------------------- */

static bool is_set(const char *text)
{
	return text && text[0];
}

/* What the processes have in common, as "KIND:TAG". Returns its length. */
static int write_tag(const char *tag, const char *(*get)(const char *name), char *out, size_t size)
{
	const char *pmix = get("PMIX_NAMESPACE"), *step = get("SLURM_STEP_ID");

	if (tag)
		return snprintf(out, size, "tag:%s", tag);
	if (is_set(pmix))
		return snprintf(out, size, "pmix:%s", pmix);
	if (is_set(step))
		return snprintf(out, size, "step:%s", step);
	return snprintf(out, size, "parent:%d", (int)getppid());
}

/* The job is always a part of it: two jobs of a user must not meet by chance, since the
 * keeper, and with it the image, ends with the job that it belongs to. */
static int make_name(const char *tag, const char *(*get)(const char *name), struct ch_join *join,
		     struct ch_err *err)
{
	enum { PREFIX = CH_JOIN_NAME_MAX - 18 };
	const char *job = get("SLURM_JOB_ID");
	char text[CH_JOIN_TAG_MAX + 64];
	int n = snprintf(text, sizeof(text), "charlie:%u:%.20s:", (unsigned)geteuid(),
			 is_set(job) ? job : "");

	n += write_tag(tag, get, text + n, sizeof(text) - (size_t)n);
	if ((size_t)n >= sizeof(text))
		return ch_err_set(err, -EINVAL, "join: the tag is longer than %d bytes",
				  CH_JOIN_TAG_MAX);
	if ((size_t)n < sizeof(join->name))
		memcpy(join->name, text, (size_t)n + 1);
	else
		snprintf(join->name, sizeof(join->name), "%.*s:%016" PRIx64, PREFIX, text,
			 ch_text_hash(text, (size_t)n));
	return 0;
}

/* ---- number --------------------------------------------------------------------------- */

/* The number that TEXT begins with; launchers put something behind it. 0: none. */
static uint32_t leading_number(const char *text, const char **ret_end)
{
	char *end;
	unsigned long n = text[0] >= '0' && text[0] <= '9' ? strtoul(text, &end, 10) : 0;

	*ret_end = n ? end : text;
	return n > INT32_MAX ? 0 : (uint32_t)n;
}

uint32_t ch_join_tasks(const char *text, uint32_t node)
{
	for (;;) {
		uint32_t tasks = leading_number(text, &text), nodes = 1;

		if (tasks == 0)
			return 0;
		if (strncmp(text, "(x", 2) == 0) {
			nodes = leading_number(text + 2, &text);
			text += *text == ')';
		}
		if (node < nodes)
			return tasks;
		node -= nodes;
		if (*text++ != ',')
			return 0;
	}
}

static uint32_t number_in(const char *name, const char *(*get)(const char *name))
{
	const char *text = get(name), *end;

	return text ? leading_number(text, &end) : 0;
}

/* What launchers say; the first that says anything. */
static uint32_t find_peers(const char *(*get)(const char *name))
{
	static const char *const local_sizes[] = { "OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS",
						   "PMI_LOCAL_SIZE", "MV2_COMM_WORLD_LOCAL_SIZE" };
	const char *tasks = get("SLURM_STEP_TASKS_PER_NODE");
	uint32_t n = 0;

	for (size_t i = 0; n == 0 && i < sizeof(local_sizes) / sizeof(local_sizes[0]); i++)
		n = number_in(local_sizes[i], get);
	if (n == 0 && tasks)
		n = ch_join_tasks(tasks, number_in("SLURM_NODEID", get));
	return n ? n : number_in("SLURM_CPUS_ON_NODE", get);
}

int ch_join_find(const char *tag, uint32_t peers, const char *(*get)(const char *name),
		 struct ch_join *ret_join, struct ch_err *err)
{
	if (tag && !tag[0])
		return ch_err_set(err, -EINVAL, "join: the tag is empty");
	ret_join->peers = peers ? peers : find_peers(get);
	return make_name(tag, get, ret_join, err);
}

/* ---- meeting ---------------------------------------------------------------------------- */

static socklen_t make_address(const struct ch_join *join, struct sockaddr_un *ret)
{
	size_t n = strlen(join->name);

	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(ret->sun_path + 1, join->name, n);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + n);
}

static int new_socket(struct ch_err *err)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd < 0 ? ch_err_sys(err, "make a socket") : fd;
}

/* Become the first. Returns a listening socket, -EADDRINUSE, or another negative errno. */
static int bind_name(const struct ch_join *join, struct ch_err *err)
{
	struct sockaddr_un to;
	socklen_t len = make_address(join, &to);
	ch_auto(fd) int fd = new_socket(err);

	if (fd < 0)
		return fd;
	if (bind(fd, (struct sockaddr *)&to, len) < 0 || listen(fd, BACKLOG) < 0)
		return ch_err_sys(err, "join: take the name '@%s'", join->name);
	return ch_take_fd(&fd);
}

/* Whoever listens: a process of ours? It is who made the socket that counts. */
static int check_owner(const struct ch_join *join, int sock, struct ch_err *err)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return ch_err_sys(err, "join: who is '@%s'", join->name);
	if (cred.uid != geteuid())
		return ch_err_set(err, -EPERM,
				  "join: the name '@%s' is taken by user %u, who is somebody else; "
				  "another --join-tag may help",
				  join->name, (unsigned)cred.uid);
	return 0;
}

/* Returns a socket, -ECONNREFUSED or -EAGAIN, or another negative errno. */
static int connect_name(const struct ch_join *join, struct ch_err *err)
{
	struct sockaddr_un to;
	socklen_t len = make_address(join, &to);
	ch_auto(fd) int fd = new_socket(err);

	if (fd < 0)
		return fd;
	if (connect(fd, (struct sockaddr *)&to, len) < 0)
		return ch_err_sys(err, "join: connect to '@%s'", join->name);
	if (check_owner(join, fd, err) < 0)
		return err->code;
	return ch_take_fd(&fd);
}

static void wait_a_little(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
}

int ch_join_meet(const struct ch_join *join, long long deadline, int *ret_sock, int *ret_listener,
		 struct ch_err *err)
{
	long long patience = ch_msg_deadline(SQUATTER_MS);

	for (;;) {
		ch_auto(fd) int listener = bind_name(join, err);
		int sock;

		if (listener < 0 && listener != -EADDRINUSE)
			return listener;
		sock = connect_name(join, err);
		if (sock >= 0) {
			*ret_sock = sock;
			*ret_listener = listener >= 0 ? ch_take_fd(&listener) : -1;
			return 0;
		}
		/* Not there yet, just gone, or busy. */
		if (sock != -ECONNREFUSED && sock != -EAGAIN)
			return sock;
		if (ch_msg_left(deadline) == 0 || ch_msg_left(patience) == 0)
			return ch_err_set(err, -ETIMEDOUT,
					  "join: the name '@%s' is taken by a process that does "
					  "not answer; another --join-tag may help",
					  join->name);
		wait_a_little();
	}
}

/* ---- one process's container --------------------------------------------------------------- */

static int open_namespace(int dir, pid_t pid, const char *name, struct ch_err *err)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);

	if (fd < 0 && (errno == EACCES || errno == EPERM))
		return ch_err_set(err, -EACCES,
				  "join: process %d is another user's, or may not be looked at",
				  (int)pid);
	if (fd < 0 && (errno == ENOENT || errno == ESRCH))
		return ch_err_set(err, -ESRCH, "join: process %d has ended", (int)pid);
	return fd < 0 ? ch_err_sys(err, "join: process %d", (int)pid) : fd;
}

/* The kernel would let root into anybody's container, whose programs root must not run. */
static int check_maker(int userns, pid_t pid, struct ch_err *err)
{
	uid_t uid;

	if (ioctl(userns, NS_GET_OWNER_UID, &uid) < 0)
		return ch_err_sys(err, "join: whose container process %d is in", (int)pid);
	if (uid != geteuid())
		return ch_err_set(err, -EACCES, "join: process %d is in a container of user %u",
				  (int)pid, (unsigned)uid);
	return 0;
}

static bool is_same(int fd, const char *path)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && stat(path, &b) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

int ch_join_process(pid_t pid, struct ch_entry *ret_entry, struct ch_err *err)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d", (int)pid);

	ch_auto(fd) int dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return ch_err_set(err, -ESRCH, "join: there is no process %d", (int)pid);

	ch_auto(fd) int userns = open_namespace(dir, pid, "ns/user", err);
	ch_auto(fd) int mntns = userns < 0 ? -1 : open_namespace(dir, pid, "ns/mnt", err);

	if (userns < 0 || mntns < 0)
		return err->code;
	if (is_same(userns, "/proc/self/ns/user"))
		return ch_err_set(err, -EINVAL, "join: process %d is not in a container", (int)pid);
	if (check_maker(userns, pid, err) < 0)
		return err->code;
	ret_entry->answer = (struct ch_answer){ .version = CH_PROTO_VERSION };
	ret_entry->userns = ch_take_fd(&userns);
	ret_entry->mntns = ch_take_fd(&mntns);
	return 0;
}
