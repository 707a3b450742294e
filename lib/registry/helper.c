/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/text.h"
#include "json/json.h"
#include "registry/secret.h"
#include "sys/msg.h"

enum {
	ANSWER_MAX = 64 * 1024,
	TIMEOUT_MS = 60 * 1000,
	SLICE_MS = 100, /* between looks whether somebody is tired of it */
	END_MS = 1000,	/* for its end, when it has said all */
};

struct talk {
	const atomic_bool *cancel; /* or NULL */
	char text[ANSWER_MAX + 1]; /* what it said */
	size_t len;
	int status; /* its exit status; -1: it did not end by itself */
};

/* Start it with SOCK as standard input and output, and no signals blocked: ours may be. Returns 0
 * or a negative errno. */
static int start(const char *program, int sock, pid_t *ret_pid)
{
	char name[128], get[] = "get";
	char *argv[] = { name, get, NULL };
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t attr;
	sigset_t none;
	int rc;

	snprintf(name, sizeof(name), "%s", program);
	sigemptyset(&none);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_adddup2(&fa, sock, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&fa, sock, STDOUT_FILENO);
	posix_spawn_file_actions_addopen(&fa, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	rc = -posix_spawnp(ret_pid, program, &fa, &attr, argv, environ);
	posix_spawn_file_actions_destroy(&fa);
	posix_spawnattr_destroy(&attr);
	return rc;
}

/* Returns 0 when there is something to read, or a negative errno. */
static int wait_for(int sock, long long deadline, const atomic_bool *cancel)
{
	struct pollfd p = { .fd = sock, .events = POLLIN };

	for (;;) {
		int left = ch_msg_left(deadline);
		int rc = poll(&p, 1, left < SLICE_MS ? left : SLICE_MS);

		if (rc > 0)
			return 0;
		if (rc < 0 && errno != EINTR)
			return -errno;
		if (cancel && atomic_load_explicit(cancel, memory_order_relaxed))
			return -ECANCELED;
		if (left == 0)
			return -ETIMEDOUT;
	}
}

/* All that it writes, until it closes, or the time is over. */
static int read_all(int sock, struct talk *talk)
{
	long long deadline = ch_msg_deadline(TIMEOUT_MS);

	for (;;) {
		ssize_t n;
		int rc = wait_for(sock, deadline, talk->cancel);

		if (rc < 0)
			return rc;
		n = read(sock, talk->text + talk->len, ANSWER_MAX - talk->len);
		/* It may have ended without reading all that it was told. */
		if (n <= 0)
			return n < 0 && errno != ECONNRESET ? -errno : 0;
		talk->len += (size_t)n;
		if (talk->len == ANSWER_MAX)
			return -EFBIG;
	}
}

/* The exit status, or -1: it did not end by itself. */
static int reap(pid_t pid, bool is_over)
{
	long long deadline = ch_msg_deadline(is_over ? 0 : END_MS);
	const struct timespec pause = { .tv_nsec = 1000000 };
	bool is_killed = false;
	int status;
	pid_t rc;

	while ((rc = waitpid(pid, &status, is_killed ? 0 : WNOHANG)) != pid) {
		if (rc < 0 && errno != EINTR)
			return -1;
		if (rc == 0 && ch_msg_left(deadline) > 0) {
			nanosleep(&pause, NULL);
		} else if (rc == 0) {
			kill(pid, SIGKILL);
			is_killed = true;
		}
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Returns 0 or a negative errno. */
static int run(const char *program, const char *server, struct talk *talk)
{
	int pair[2], rc;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	rc = start(program, pair[1], &pid);
	close(pair[1]);
	if (rc == 0) {
		(void)send(pair[0], server, strlen(server), MSG_NOSIGNAL);
		shutdown(pair[0], SHUT_WR);
		rc = read_all(pair[0], talk);
		talk->status = reap(pid, rc < 0);
	}
	close(pair[0]);
	return rc;
}

static int read_answer(const char *text, size_t len, struct ch_credentials *ret, struct ch_err *err)
{
	ch_auto(json) struct ch_json *doc = NULL;
	const char *user, *secret;

	if (ch_json_parse(text, len, &doc, err) < 0)
		return err->code;
	user = ch_json_text(ch_json_get(doc, "Username"));
	secret = ch_json_text(ch_json_get(doc, "Secret"));
	if (!user || !secret)
		return ch_err_set(err, -EINVAL, "its answer lacks 'Username' or 'Secret'");
	ret->is_token = strcmp(user, "<token>") == 0;
	ret->user = strdup(user);
	ret->secret = strdup(secret);
	return ret->user && ret->secret ? 0 : ch_err_nomem(err);
}

/* On failure, it says why. That it has none, it says in these words. */
static int read_failure(char *text, int status, struct ch_err *err)
{
	if (strstr(text, "credentials not found"))
		return 0;
	text[strcspn(text, "\r\n")] = '\0';
	ch_text_cut(text, 150);
	ch_text_one_line(text);
	return ch_err_set(err, -EIO, "exit status %d%s%s", status, text[0] ? ": " : "", text);
}

int ch_helper_get(const char *name, const char *server, const atomic_bool *cancel,
		  struct ch_credentials *ret, struct ch_err *err)
{
	struct talk talk = { .cancel = cancel };
	char program[128];
	int rc;

	snprintf(program, sizeof(program), "docker-credential-%s", name);
	rc = run(program, server, &talk);
	talk.text[talk.len] = '\0';
	if (rc < 0)
		ch_err_rc(err, rc, "run it");
	else if (talk.status != 0)
		rc = read_failure(talk.text, talk.status, err);
	else
		rc = read_answer(talk.text, talk.len, ret, err);
	explicit_bzero(talk.text, sizeof(talk.text));
	return rc < 0 ? ch_err_in(err, "credential helper '%s'", program) : 0;
}
