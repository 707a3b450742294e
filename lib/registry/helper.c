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
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/text.h"
#include "json/json.h"
#include "registry/secret.h"
#include "sys/msg.h"

enum { ANSWER_MAX = 64 * 1024, TIMEOUT_MS = 60 * 1000 };

/* Start it with SOCK as standard input and output. Returns 0 or a negative errno. */
static int start(const char *program, int sock, pid_t *ret_pid)
{
	char name[128], get[] = "get";
	char *argv[] = { name, get, NULL };
	posix_spawn_file_actions_t fa;
	int rc;

	snprintf(name, sizeof(name), "%s", program);
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_adddup2(&fa, sock, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&fa, sock, STDOUT_FILENO);
	posix_spawn_file_actions_addopen(&fa, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	rc = -posix_spawnp(ret_pid, program, &fa, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&fa);
	return rc;
}

/* All that it writes, until it closes, or the time is over. */
static int read_all(int sock, char *out, size_t size, size_t *ret_len)
{
	long long deadline = ch_msg_deadline(TIMEOUT_MS);
	size_t len = 0;

	for (;;) {
		struct pollfd p = { .fd = sock, .events = POLLIN };
		ssize_t n;
		int rc = poll(&p, 1, ch_msg_left(deadline));

		if (rc == 0)
			return -ETIMEDOUT;
		if (rc < 0 && errno != EINTR)
			return -errno;
		if (rc < 0)
			continue;
		n = read(sock, out + len, size - len);
		if (n <= 0) {
			*ret_len = len;
			/* It ended without reading all that it was told. */
			return n < 0 && errno != ECONNRESET ? -errno : 0;
		}
		len += (size_t)n;
		if (len == size)
			return -EFBIG;
	}
}

/* The exit status, or -1 */
static int reap(pid_t pid, bool kill_it)
{
	int status;

	if (kill_it)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Talk to it. ret_status: its exit status. Returns 0 or a negative errno. */
static int run(const char *program, const char *server, char *out, size_t size, size_t *ret_len,
	       int *ret_status)
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
		rc = read_all(pair[0], out, size, ret_len);
		*ret_status = reap(pid, rc < 0);
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

int ch_helper_get(const char *name, const char *server, struct ch_credentials *ret,
		  struct ch_err *err)
{
	char program[128], out[ANSWER_MAX + 1];
	int rc, status = 0;
	size_t len = 0;

	snprintf(program, sizeof(program), "docker-credential-%s", name);
	rc = run(program, server, out, ANSWER_MAX, &len, &status);
	out[len] = '\0';
	if (rc < 0)
		ch_err_rc(err, rc, "run it");
	else if (status != 0)
		rc = read_failure(out, status, err);
	else
		rc = read_answer(out, len, ret, err);
	explicit_bzero(out, sizeof(out));
	return rc < 0 ? ch_err_in(err, "credential helper '%s'", program) : 0;
}
