/* SPDX-License-Identifier: Apache-2.0 */
/* The keeper as a process, over a directory image: no FUSE is needed. All is done as an
 * ordinary user: root would be allowed too much. Run it where ch-keeper was built. */
#include "rt/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "rt/enter.h"
#include "rt/proto.h"
#include "rt/request.h"
#include "sys/msg.h"
#include "unit.h"

enum { SOMEBODY = 54321, LIMIT_S = 120, REQUESTERS = 1000 };

static char dir[] = "/tmp/ch-test-keeper.XXXXXX";
static int program = -1; /* ch-keeper */

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "# line %d: %s: errno %d\n", __LINE__, #condition, errno); \
			return 1;                                                                  \
		}                                                                                  \
	} while (0)

/* ---- set up --------------------------------------------------------------------------- */

static int make_image(void **state)
{
	static const char *const dirs[] = { "dev", "proc", "sys", "tmp", "etc" };
	const char *path = getenv("CH_KEEPER");
	char name[sizeof(dir) + 16];

	(void)state;
	program = open(path ? path : "ch-keeper", O_PATH | O_CLOEXEC);
	if (program < 0 || !mkdtemp(dir) || chmod(dir, 0755) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		snprintf(name, sizeof(name), "%s/%s", dir, dirs[i]);
		if (mkdir(name, 0755) < 0)
			return -1;
	}
	snprintf(name, sizeof(name), "%s/etc/marker", dir);
	return mknod(name, S_IFREG | 0644, 0);
}

static int remove_image(void **state)
{
	static const char *const names[] = { "dev", "proc", "sys", "tmp", "etc/marker", "etc", "" };
	char name[sizeof(dir) + 16];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(name, sizeof(name), "%s/%s", dir, names[i]);
		remove(name);
	}
	return 0;
}

static int become_somebody(void)
{
	if (geteuid() != 0)
		return 0;
	if (setgroups(0, NULL) < 0 || setresgid(SOMEBODY, SOMEBODY, SOMEBODY) < 0 ||
	    setresuid(SOMEBODY, SOMEBODY, SOMEBODY) < 0)
		return -1;
	return 0;
}

/* Run FN as an ordinary user in a process of its own. */
static void as_user(int (*fn)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		alarm(LIMIT_S);
		_exit(become_somebody() < 0 ? 99 : fn());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (status != 0)
		fail_msg("status %#x", status);
}

/* ---- a keeper --------------------------------------------------------------------------- */

struct keeper {
	pid_t pid;
	int sock;
};

static _Noreturn void become_keeper(int sock, int request, rlim_t nofile)
{
	char *argv[] = { (char[]){ "ch-keeper" }, NULL };
	/* The leak finder needs ptrace, which the keeper gives up. */
	char *env[] = { (char[]){ "ASAN_OPTIONS=detect_leaks=0" }, NULL };
	struct rlimit limit = { nofile, nofile };
	int s = fcntl(sock, F_DUPFD_CLOEXEC, 10), r = fcntl(request, F_DUPFD_CLOEXEC, 10);
	int p = fcntl(program, F_DUPFD_CLOEXEC, 10);

	if (dup2(s, CH_KEEPER_SOCK) < 0 || dup2(r, CH_KEEPER_REQUEST) < 0 || p < 0)
		_exit(98);
	close_range(CH_KEEPER_REQUEST + 1, 9, 0);
	close_range(10, ~0U, CLOSE_RANGE_CLOEXEC);
	if (nofile)
		setrlimit(RLIMIT_NOFILE, &limit);
	fexecve(p, argv, env);
	_exit(97);
}

/* Start one that reads its request from REQUEST. */
static struct keeper start_from(int request, rlim_t nofile)
{
	struct keeper k = { .pid = -1 };
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0)
		return k;
	k.pid = fork();
	if (k.pid == 0)
		become_keeper(sv[1], request, nofile);
	close(sv[1]);
	k.sock = sv[0];
	return k;
}

static struct ch_request usual_request(void)
{
	return (struct ch_request){
		.image = dir,
		.uid = 1234,
		.gid = 5678,
		.no_passwd = true,
		.life = CH_LIFE_SOCKET,
	};
}

static struct keeper start(const struct ch_request *req, rlim_t nofile)
{
	struct ch_err err;
	ch_auto(fd) int request = ch_request_file(req, &err);

	return start_from(request, nofile);
}

/* Ask, and wait for the answer; the descriptors are closed. Returns its code. */
static int ask(int sock, struct ch_err *err)
{
	static struct ch_entry entry;
	long long deadline = ch_msg_deadline(LIMIT_S * 1000);
	int rc = ch_enter_ask(sock, NULL, 0, deadline, err);

	if (rc == 0)
		rc = ch_enter_wait(sock, deadline, &entry, err);
	if (rc < 0)
		return rc;
	close(entry.userns);
	close(entry.mntns);
	return 0;
}

/* Wait until the keeper has ended; returns what wait(2) says, or -1 when it does not. */
static int ended(struct keeper *k, int seconds)
{
	int status;

	for (int i = 0; i < seconds * 100; i++) {
		if (waitpid(k->pid, &status, WNOHANG) == k->pid)
			return status;
		usleep(10000);
	}
	return -1;
}

static int end(struct keeper *k)
{
	close(k->sock);
	return ended(k, 10);
}

/* ---- letting in --------------------------------------------------------------------------- */

/* Enter, and look around. */
static int go_inside(int sock)
{
	static struct ch_entry entry;
	long long deadline = ch_msg_deadline(LIMIT_S * 1000);
	struct ch_err err;
	struct stat st;

	err.msg[0] = '\0';
	if (ch_enter_ask(sock, NULL, 0, deadline, &err) < 0 ||
	    ch_enter_wait(sock, deadline, &entry, &err) < 0 || ch_enter(&entry, false, &err) < 0) {
		fprintf(stderr, "# %s\n", err.msg);
		return 2;
	}
	CHECK(stat("/etc/marker", &st) == 0);
	CHECK(stat("/proc/self", &st) == 0);
	CHECK(getuid() == 1234 && getgid() == 5678);
	return 0;
}

/* N processes that all wait for GATE to be closed, and then ask on one socket. Returns how
 * many were not let in. */
static int crowd(int sock, int n)
{
	int gate[2], bad = 0, status;

	if (pipe2(gate, O_CLOEXEC) < 0)
		return n;
	for (int i = 0; i < n; i++) {
		pid_t pid = fork();
		char byte;

		if (pid < 0)
			return n - i;
		if (pid == 0) {
			close(gate[1]);
			_exit(read(gate[0], &byte, 1) == 0 ? go_inside(sock) : 3);
		}
	}
	close(gate[0]);
	close(gate[1]);
	for (int i = 0; i < n; i++)
		bad += wait(&status) < 0 || status != 0;
	return bad;
}

static int thousand(void)
{
	struct ch_request req = usual_request();
	/* So few that the kernel refuses to have all answers in flight (ETOOMANYREFS). */
	struct keeper k = start(&req, 64);
	long long begin = ch_msg_deadline(0);
	struct ch_err err;

	CHECK(k.pid > 0);
	CHECK(ask(k.sock, &err) == 0);
	/* Not children of ours, so that wait() in crowd() sees only its own. */
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(crowd(k.sock, REQUESTERS) != 0);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	CHECK(ch_msg_deadline(0) - begin < LIMIT_S / 2 * 1000);
	CHECK(ask(k.sock, &err) == 0);
	CHECK(end(&k) == 0);
	return 0;
}

static void a_thousand_requesters_at_once_are_let_in(void **state)
{
	(void)state;
	as_user(thousand);
}

/* The mount namespace that one is let into. It stays open: numbers of namespaces that are
 * gone are given again. */
static ino_t namespace_of(int sock)
{
	static struct ch_entry entry;
	long long deadline = ch_msg_deadline(10000);
	struct ch_err err;
	struct stat st = { 0 };

	if (ch_enter_ask(sock, NULL, 0, deadline, &err) < 0 ||
	    ch_enter_wait(sock, deadline, &entry, &err) < 0)
		return 0;
	fstat(entry.mntns, &st);
	close(entry.userns);
	return st.st_ino;
}

static int shared(void)
{
	struct ch_request req = usual_request();
	struct keeper k = start(&req, 0);
	ino_t first = namespace_of(k.sock);

	CHECK(first != 0 && namespace_of(k.sock) == first);
	CHECK(end(&k) == 0);
	return 0;
}

static void all_get_the_same_namespaces(void **state)
{
	(void)state;
	as_user(shared);
}

static int one_each(void)
{
	struct ch_request req = usual_request();

	req.each = true;

	struct keeper k = start(&req, 0);
	ino_t first = namespace_of(k.sock), second = namespace_of(k.sock);
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(crowd(k.sock, 20));
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	CHECK(first && second && first != second);
	CHECK(end(&k) == 0);
	return 0;
}

static void with_each_everybody_gets_namespaces_of_their_own(void **state)
{
	(void)state;
	as_user(one_each);
}

/* ---- the end -------------------------------------------------------------------------------- */

static int end_of_file(void)
{
	struct ch_request req = usual_request();
	struct keeper ready = start(&req, 0), early = start(&req, 0);
	struct ch_err err;

	CHECK(end(&early) == 0); /* while it builds */
	CHECK(ask(ready.sock, &err) == 0);
	CHECK(ended(&ready, 0) == -1 && kill(ready.pid, 0) == 0);
	CHECK(end(&ready) == 0);
	return 0;
}

static void it_ends_when_the_other_end_is_closed(void **state)
{
	(void)state;
	as_user(end_of_file);
}

static int inside(void)
{
	struct ch_request req = usual_request();
	struct ch_err err;

	req.life = CH_LIFE_INSIDE;

	struct keeper k = start(&req, 0);

	CHECK(ask(k.sock, &err) == 0);
	CHECK(ended(&k, 10) == 0); /* though the socket is open */
	CHECK(ask(k.sock, &err) == -ECHILD);
	close(k.sock);
	return 0;
}

static void one_of_ch_run_answers_once(void **state)
{
	(void)state;
	as_user(inside);
}

/* Who made the socket dies; we have the other end still. */
static int boss_dies(void)
{
	int *shared_pid = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
			       0);
	int pass[2], sock, gone = 0;
	char byte;
	struct ch_err err;

	CHECK(shared_pid != MAP_FAILED);
	CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pass) == 0);

	pid_t boss = fork();

	if (boss == 0) {
		struct ch_request req = usual_request();
		struct keeper k = start(&req, 0);

		*shared_pid = k.pid;
		ch_msg_send(pass[1], "x", 1, &k.sock, 1, ch_msg_deadline(1000));
		pause();
		_exit(0);
	}
	CHECK(ch_msg_recv(pass[0], &byte, 1, &sock, 1, ch_msg_deadline(10000)) == 1 && sock >= 0);
	CHECK(ask(sock, &err) == 0);
	CHECK(kill(boss, SIGKILL) == 0 && waitpid(boss, NULL, 0) == boss);
	for (int i = 0; i < 500 && !gone; i++) {
		gone = ask(sock, &err) == -ECHILD;
		usleep(10000);
	}
	CHECK(gone);
	return 0;
}

static void it_ends_with_who_made_the_socket(void **state)
{
	(void)state;
	as_user(boss_dies);
}

/* ---- errors ------------------------------------------------------------------------------------
 */

static int bad_version(void)
{
	static const struct {
		struct ch_go go;
		size_t len;
	} cases[] = {
		{ { CH_PROTO_VERSION + 1, CH_GO_ENTER }, sizeof(struct ch_go) },
		{ { 0, 0 }, sizeof(struct ch_go) },
		{ { CH_PROTO_VERSION, 77 }, sizeof(struct ch_go) },
		{ { CH_PROTO_VERSION, CH_GO_CPUS }, sizeof(struct ch_go) }, /* no mask */
		{ { CH_PROTO_VERSION, CH_GO_ENTER }, sizeof(uint32_t) },
		{ { CH_PROTO_VERSION, CH_GO_ENTER }, 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		static struct ch_entry entry;
		struct ch_request req = usual_request();
		struct keeper k = start(&req, 0);
		long long deadline = ch_msg_deadline(10000);
		struct ch_err err;

		CHECK(ch_msg_send(k.sock, &cases[i].go, cases[i].len, NULL, 0, deadline) == 0);
		CHECK(ch_enter_wait(k.sock, deadline, &entry, &err) == -EPROTO);
		CHECK(strcmp(err.msg, "keeper and plugin or ch-run are not of one version") == 0);
		/* Everybody is told, as all answers are equal. */
		CHECK(ask(k.sock, &err) == -EPROTO);
		CHECK(end(&k) == 0);
	}
	return 0;
}

static void other_versions_get_an_error(void **state)
{
	(void)state;
	as_user(bad_version);
}

static int huge_message(void)
{
	static char huge[100000];
	struct ch_request req = usual_request();
	struct keeper k = start(&req, 0);
	struct ch_err err;
	static struct ch_entry entry;
	long long deadline = ch_msg_deadline(10000);

	CHECK(ch_msg_send(k.sock, huge, sizeof(huge), NULL, 0, deadline) == 0);
	CHECK(ch_enter_wait(k.sock, deadline, &entry, &err) == -EPROTO);
	CHECK(end(&k) == 0);
	return 0;
}

static void a_huge_message_gets_an_error(void **state)
{
	(void)state;
	as_user(huge_message);
}

static int bad_request(void)
{
	static const struct {
		const char *text;
		size_t len;
		int code;
		const char *part;
	} cases[] = {
		{ "", 0, -EPROTO, "request has format" },
		{ "garbage", 7, -EPROTO, "request has format" },
		{ "format=3\0image=relative", 24, -EINVAL,
		  "request: image 'relative' is not absolute" },
		{ "format=3\0image=/\0x=y", 21, -EINVAL, "request: unknown field 'x=y'" },
		{ "format=3\0image=/nonexistent", 28, -ENOENT, "image '/nonexistent'" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ch_auto(fd) int fd = memfd_create("request", MFD_CLOEXEC);
		struct ch_err err;

		CHECK(write(fd, cases[i].text, cases[i].len) == (ssize_t)cases[i].len);

		struct keeper k = start_from(fd, 0);

		/* Whatever the request says of its life: it may be read by half only. */
		CHECK(ask(k.sock, &err) == cases[i].code);
		CHECK(strstr(err.msg, cases[i].part));
		if (cases[i].code != -ENOENT)
			CHECK(ask(k.sock, &err) == cases[i].code);
		CHECK(end(&k) == 1 << 8);
	}
	return 0;
}

static void a_bad_request_gets_an_error(void **state)
{
	(void)state;
	as_user(bad_request);
}

static int bad_mounts(void)
{
	struct ch_request req = usual_request();
	struct ch_err err;

	CHECK(ch_binds_add(&req.binds, "/nonexistent", "/opt", 0, &err) == 0);

	struct keeper k = start(&req, 0);

	for (int i = 0; i < 3; i++) {
		CHECK(ask(k.sock, &err) == -ENOENT);
		CHECK(strcmp(err.msg, "bind source '/nonexistent': No such file or directory") ==
		      0);
	}
	CHECK(end(&k) == 1 << 8);
	ch_binds_done(&req.binds);
	return 0;
}

static void everybody_is_told_why_there_is_no_container(void **state)
{
	(void)state;
	as_user(bad_mounts);
}

/* ---- hostile users
 * ---------------------------------------------------------------------------------- */

static int open_proc(pid_t pid, const char *name, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return open(path, flags | O_CLOEXEC);
}

static int attack(void)
{
	static const char *const files[] = { "mem",	"environ", "maps", "ns/user", "root/etc",
					     "cwd/etc", "exe",	   "fd/3", "auxv",    "io" };
	struct ch_request req = usual_request();
	struct keeper k = start(&req, 0);
	struct ch_err err;
	char byte;
	struct iovec ours = { &byte, 1 }, theirs = { &byte, 1 };

	CHECK(ask(k.sock, &err) == 0);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		int fd = open_proc(k.pid, files[i], O_RDONLY);

		/* Some can be opened by anybody, but not be read. */
		if (fd >= 0 && read(fd, &byte, 1) > 0) {
			fprintf(stderr, "# /proc/PID/%s can be read\n", files[i]);
			return 1;
		}
		close(fd);
	}
	CHECK(open_proc(k.pid, "mem", O_RDWR) < 0);
	CHECK(open_proc(k.pid, "oom_score_adj", O_WRONLY) < 0);
	CHECK(ptrace(PTRACE_ATTACH, k.pid, NULL, NULL) < 0 && errno == EPERM);
	CHECK(ptrace(PTRACE_SEIZE, k.pid, NULL, NULL) < 0 && errno == EPERM);
	CHECK(process_vm_readv(k.pid, &ours, 1, &theirs, 1, 0) < 0 && errno == EPERM);
	CHECK(process_vm_writev(k.pid, &ours, 1, &theirs, 1, 0) < 0 && errno == EPERM);

	int pidfd = (int)syscall(SYS_pidfd_open, k.pid, 0);

	CHECK(pidfd >= 0);
	CHECK(syscall(SYS_pidfd_getfd, pidfd, CH_KEEPER_SOCK, 0) < 0 && errno == EPERM);
	CHECK(ask(k.sock, &err) == 0); /* alive and well */
	CHECK(end(&k) == 0);
	return 0;
}

static void its_user_can_neither_trace_nor_read_it(void **state)
{
	(void)state;
	as_user(attack);
}

static int give_descriptors(void)
{
	static struct ch_entry entry;
	struct ch_request req = usual_request();
	struct keeper k = start(&req, 64);
	struct ch_go go = { CH_PROTO_VERSION, CH_GO_ENTER };
	long long deadline = ch_msg_deadline(20000);
	struct ch_err err;
	int ends[2];
	char byte;

	CHECK(pipe2(ends, O_CLOEXEC) == 0);

	int fds[CH_MSG_FDS] = { ends[1], ends[1], ends[1], ends[1] };

	/* More than it could hold. */
	for (int i = 0; i < 100; i++) {
		CHECK(ch_msg_send(k.sock, &go, sizeof(go), fds, CH_MSG_FDS, deadline) == 0);
		CHECK(ch_enter_wait(k.sock, deadline, &entry, &err) == 0);
		close(entry.userns);
		close(entry.mntns);
	}
	close(ends[1]);
	/* Nobody has the other end any more. */
	CHECK(read(ends[0], &byte, 1) == 0);
	CHECK(end(&k) == 0);
	return 0;
}

static void descriptors_given_to_it_are_not_kept(void **state)
{
	(void)state;
	as_user(give_descriptors);
}

static int never_reads(void)
{
	struct ch_request req = usual_request();
	struct keeper k = start(&req, 64);
	struct ch_go go = { CH_PROTO_VERSION, CH_GO_ENTER };
	struct ch_err err;
	int sent = 0;

	/* Somebody asks and asks, and never takes an answer: it must not block. */
	CHECK(ask(k.sock, &err) == 0);
	while (sent < 2000 &&
	       ch_msg_send(k.sock, &go, sizeof(go), NULL, 0, ch_msg_deadline(20)) == 0)
		sent++;
	CHECK(sent >= 100);
	CHECK(end(&k) == 0);
	return 0;
}

static void who_never_reads_does_not_block_it(void **state)
{
	(void)state;
	as_user(never_reads);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_thousand_requesters_at_once_are_let_in),
		cmocka_unit_test(all_get_the_same_namespaces),
		cmocka_unit_test(with_each_everybody_gets_namespaces_of_their_own),
		cmocka_unit_test(it_ends_when_the_other_end_is_closed),
		cmocka_unit_test(one_of_ch_run_answers_once),
		cmocka_unit_test(it_ends_with_who_made_the_socket),
		cmocka_unit_test(other_versions_get_an_error),
		cmocka_unit_test(a_huge_message_gets_an_error),
		cmocka_unit_test(a_bad_request_gets_an_error),
		cmocka_unit_test(everybody_is_told_why_there_is_no_container),
		cmocka_unit_test(its_user_can_neither_trace_nor_read_it),
		cmocka_unit_test(descriptors_given_to_it_are_not_kept),
		cmocka_unit_test(who_never_reads_does_not_block_it),
	};

	return cmocka_run_group_tests(tests, make_image, remove_image);
}
