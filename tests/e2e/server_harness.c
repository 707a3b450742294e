/* SPDX-License-Identifier: Apache-2.0 */
/* server_harness - run a command on an image, with the image server but without keeper
 *
 *	server_harness [-b] [-l] [-o OFFSET] [-p PIDFILE] [-t] [-n THREADS] SERVER IMAGE DIR [CMD…]
 *
 * Makes a user and a mount namespace, mounts FUSE at DIR, starts SERVER as the keeper does
 * (rt/server_proto.h), and runs CMD. Without CMD only the server's report is awaited.
 *
 *	-b	send a start message that is too long
 *	-l	pass ourselves as lifeline
 *	-p	write the server's PID
 *	-t	print how long the steps took
 *
 * Exit status: CMD's; 90 when the server reports an error (printed), 91 on other trouble. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "rt/server_proto.h"
#include "sys/msg.h"

#define FAILED_SERVER 90
#define FAILED_ELSE   91

struct options {
	int big;
	int lifeline;
	int times;
	const char *offset;
	const char *pidfile;
	unsigned threads;
};

static void die(const char *what) __attribute__((noreturn));

static void die(const char *what)
{
	fprintf(stderr, "server_harness: %s: %s\n", what, strerror(errno));
	exit(FAILED_ELSE);
}

static double now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		die(path);
	close(fd);
}

static pid_t start_server(const struct options *o, const char *server, const char *image, int sock)
{
	static char *const no_env[] = { NULL };
	char name[] = "ch-server";
	char offset[32];
	char *argv[] = { name, o->offset ? offset : NULL, NULL };
	pid_t pid;

	snprintf(offset, sizeof(offset), "%s", o->offset ? o->offset : "");
	pid = fork();
	if (pid != 0)
		return pid;

	int fd = open(image, O_RDONLY | O_CLOEXEC);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (fd < 0 || null < 0)
		die(image);
	/* Out of the way of the numbers below first. */
	fd = fcntl(fd, F_DUPFD_CLOEXEC, 10);
	sock = fcntl(sock, F_DUPFD_CLOEXEC, 10);
	dup2(null, 0);
	dup2(null, 1);
	if (!getenv("HARNESS_KEEP_STDERR"))
		dup2(null, 2);
	dup2(sock, CH_SERVER_SOCK);
	dup2(fd, CH_SERVER_IMAGE);
	if (getenv("HARNESS_KEEP_STDERR"))
		execv(server, argv);
	else
		execve(server, argv, no_env);
	die(server);
}

static void enter_namespaces(void)
{
	unsigned uid = geteuid(), gid = getegid();
	char map[64];

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		die("unshare");
	put("/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "%u %u 1", uid, uid);
	put("/proc/self/uid_map", map);
	snprintf(map, sizeof(map), "%u %u 1", gid, gid);
	put("/proc/self/gid_map", map);
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		die("make mounts private");
}

static int mount_fuse(const char *dir)
{
	char data[256];
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		die("/dev/fuse");
	snprintf(data, sizeof(data),
		 "fd=%d,rootmode=40000,user_id=%u,group_id=%u,allow_other,default_permissions", fd,
		 geteuid(), getegid());
	if (mount("none", dir, "fuse", MS_NOSUID | MS_NODEV | MS_RDONLY, data) < 0)
		die("mount");
	return fd;
}

static int report(int sock, int timeout)
{
	struct ch_server_report r = { .code = 0 };
	long n = ch_msg_recv(sock, &r, sizeof(r), NULL, 0, ch_msg_deadline(timeout));

	if (n == sizeof(r) && r.code == 0)
		return 0;
	if (n == sizeof(r))
		printf("server: %s (%d)\n", r.msg, r.code);
	else
		printf("server: no report (%ld)\n", n);
	return FAILED_SERVER;
}

static int self_pidfd(void)
{
	return (int)syscall(SYS_pidfd_open, getpid(), 0);
}

static int run(char **argv)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		execvp(argv[0], argv);
		die(argv[0]);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void send_start(const struct options *o, int sock, int fuse)
{
	struct ch_server_start start = {
		.version = CH_SERVER_VERSION,
		.threads = o->threads,
		.uid = geteuid(),
		.gid = getegid(),
	};
	int fds[] = { fuse, o->lifeline ? self_pidfd() : -1 };
	char packet[sizeof(start) + 8] = { 0 };

	memcpy(packet, &start, sizeof(start));

	int rc = ch_msg_send(sock, packet, o->big ? sizeof(packet) : sizeof(start), fds,
			     o->lifeline ? 2 : 1, ch_msg_deadline(1000));

	/* A server that dislikes the image may have gone already. */
	if (rc < 0 && rc != -EPIPE && rc != -ECONNRESET) {
		errno = -rc;
		die("send");
	}
	close(fuse);
	if (o->lifeline)
		close(fds[1]);
}

static int test(const struct options *o, char **argv)
{
	int socks[2];
	double t0 = now_ms(), t1, t2;
	char text[32];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks) < 0)
		die("socketpair");

	pid_t pid = start_server(o, argv[0], argv[1], socks[1]);

	if (pid < 0)
		die("fork");
	close(socks[1]);
	if (o->pidfile) {
		snprintf(text, sizeof(text), "%d\n", (int)pid);
		put(o->pidfile, text);
	}
	enter_namespaces();

	int fuse = mount_fuse(argv[2]);
	struct stat st;

	t1 = now_ms();
	send_start(o, socks[0], fuse);
	if (o->times) {
		if (stat(argv[2], &st) < 0)
			die("stat");
		t2 = now_ms();
		printf("exec to start message %.2f ms, start message to first stat %.2f ms\n",
		       t1 - t0, t2 - t1);
	}

	int rc = report(socks[0], 10000);

	close(socks[0]);
	return rc == 0 && argv[3] ? run(argv + 3) : rc;
}

int main(int argc, char **argv)
{
	struct options o = { .threads = 0 };
	int c;

	while ((c = getopt(argc, argv, "+blto:p:n:")) != -1) {
		switch (c) {
		case 'b':
			o.big = 1;
			break;
		case 'l':
			o.lifeline = 1;
			break;
		case 't':
			o.times = 1;
			break;
		case 'o':
			o.offset = optarg;
			break;
		case 'p':
			o.pidfile = optarg;
			break;
		case 'n':
			o.threads = (unsigned)strtoul(optarg, NULL, 10);
			break;
		default:
			return FAILED_ELSE;
		}
	}
	if (argc - optind < 3)
		return FAILED_ELSE;
	return test(&o, argv + optind);
}
