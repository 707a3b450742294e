/* SPDX-License-Identifier: Apache-2.0 */
#include "task.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <syslog.h>
#include <unistd.h>

#include "ask.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/text.h"
#include "job_env.h"
#include "rt/bind.h"
#include "rt/command.h"
#include "rt/enter.h"
#include "rt/image.h"
#include "sys/msg.h"
#include "sys/syslog.h"

/* ---- messages ---------------------------------------------------------------------------- */

/* One line to the user's terminal: what Slurm prints reaches logs, too. */
__attribute__((format(printf, 2, 3))) static void say(spank_t sp, const char *fmt, ...)
{
	const char *name = ch_job_getenv("SLURMD_NODENAME", sp);
	char node[65] = "?", line[512];
	va_list ap;

	if (name)
		snprintf(node, sizeof(node), "%s", name);
	else
		gethostname(node, sizeof(node) - 1);
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	ch_text_one_line(node);
	ch_text_one_line(line);
	ch_text_cut(line, CH_SAY_MAX);
	ch_say("charlie: %s: %s", node, line);
}

/* Is this the first of the node's tasks that gets here? */
static bool is_first(atomic_int *flag)
{
	return atomic_exchange(flag, 1) == 0;
}

static _Noreturn void fail(struct ch_step *step, spank_t sp)
{
	if (!step->shared || is_first(&step->shared->has_failed))
		say(sp, "%s", step->err.msg);
	_exit(1);
}

/* Something worth knowing that is no error; once a node. */
static void note(struct ch_step *step, spank_t sp, const char *what, const char *text)
{
	if (is_first(&step->shared->has_noted))
		say(sp, "%s%s", what, text);
}

static void tell_times(spank_t sp, const struct ch_answer *a, long long waited_us)
{
	say(sp,
	    "container ready in %.1f ms (image %.1f, namespaces %.1f, server %.1f, mounts %.1f); "
	    "waited %.1f ms for it",
	    a->times[CH_TIME_READY] / 1e3, a->times[CH_TIME_IMAGE] / 1e3,
	    a->times[CH_TIME_NAMESPACES] / 1e3, a->times[CH_TIME_SERVER] / 1e3,
	    a->times[CH_TIME_MOUNTS] / 1e3, (double)waited_us / 1e3);
}

/* ---- before -------------------------------------------------------------------------------- */

static int local_id(spank_t sp)
{
	int id = 0;

	spank_get_item(sp, S_TASK_ID, &id);
	return id;
}

void ch_task_ask(struct ch_step *step)
{
	struct ch_err err;

	if (!step->is_wanted || step->has_error)
		return;
	if (ch_ask(step->sock, ch_msg_deadline(step->config->start_timeout * 1000), &err) < 0)
		ch_step_fail(step, &err);
}

/* ---- environment ---------------------------------------------------------------------------- */

/* The launcher's variables are not the image's business. */
static bool is_launchers(const char *name)
{
	return strncmp(name, "SLURM", 5) == 0 || strncmp(name, "PMI", 3) == 0;
}

static int change_env(struct ch_step *step, spank_t sp, const struct ch_entry *entry,
		      struct ch_err *err)
{
	struct ch_env env = ch_job_env(sp);
	char home[PATH_MAX];
	int rc = 0;

	if (step->set.home == CH_HOME_YES &&
	    env.set("HOME", ch_bind_home(step->user, home), env.data) < 0)
		rc = ch_err_set(err, -ENOMEM, "set HOME");
	env.unset(CH_PROLOG_VARIABLE, env.data);
	if (rc == 0 && !ch_image_is_host(step->set.image))
		rc = ch_env_path(&env, err);
	if (rc == 0)
		rc = ch_env_ops_apply(&step->set.env, &env, entry->meta, entry->answer.meta_len,
				      is_launchers, err);
	return rc == 0 ? ch_env_running(&env, err) : rc;
}

/* ---- entry point ---------------------------------------------------------------------------- */

/* ch-entry lives beside the keeper; it is opened outside, by the user, and exec'd inside. */
static int open_entry_program(const struct ch_step *step, struct ch_err *err)
{
	const char *helper = step->config->helper;
	const char *slash = strrchr(helper, '/');
	ch_auto(str) char *path = NULL;

	if (asprintf(&path, "%.*s/ch-entry", (int)(slash - helper), helper) < 0)
		return ch_err_nomem(err);

	int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? ch_err_sys(err, "open the helper '%s'", path) : fd;
}

/* With --multi-prog Slurm takes each task's command from elsewhere, and our change would
 * be lost. What we see then is the name of the file and its contents: "0-3 program". */
static bool is_multi_prog(int argc, char **argv)
{
	const char *text = argc == 2 ? argv[1] : "";

	while (*text == '#' && strchr(text, '\n'))
		text = strchr(text, '\n') + 1;
	return text[strspn(text, "0123456789,-*")] == ' ' && text[0] != ' ' && strchr(text, '\n');
}

/* Put the words of the image's entry point, and ARG0, into an anonymous file that stays
 * open over exec. Returns the descriptor. */
static int write_words(const struct ch_entry *entry, const char *arg0, struct ch_err *err)
{
	ch_auto(buf) struct ch_buf words = CH_BUF_INIT(CH_META_MAX);

	if (ch_command_entry(entry->meta, entry->answer.meta_len, &words, err) < 0)
		return ch_err_in(err, "--ch-entrypoint");
	if (words.len == 0)
		return ch_err_set(err, -ENOENT, "--ch-entrypoint: the image names no entry point");
	ch_buf_add(&words, arg0, strlen(arg0) + 1);

	ch_auto(fd) int fd = memfd_create("ch-entry", 0);

	if (ch_buf_bad(&words) || fd < 0 || write(fd, words.data, words.len) != (ssize_t)words.len)
		return ch_err_set(err, -E2BIG, "--ch-entrypoint: the entry point is too long");
	return ch_take_fd(&fd);
}

/* Slurm is about to exec argv[0]: make that ch-entry, by its descriptor PROGRAM. */
static int put_entry_point(spank_t sp, const struct ch_entry *entry, int program,
			   struct ch_err *err)
{
	struct ch_env env = ch_job_env(sp);
	char number[16], **argv = NULL;
	int argc = 0;

	if (spank_get_item(sp, S_JOB_ARGV, &argc, &argv) != ESPANK_SUCCESS || argc < 1)
		return ch_err_set(err, -EIO, "Slurm does not tell the command");
	if (is_multi_prog(argc, argv))
		return ch_err_set(err, -EINVAL, "--ch-entrypoint does not work with --multi-prog");

	int words = write_words(entry, argv[0], err);
	char *path = NULL;

	if (words < 0)
		return words;
	snprintf(number, sizeof(number), "%d", words);
	/* PATH is kept by this process until it execs. */
	if (asprintf(&path, "/proc/self/fd/%d", program) < 0 ||
	    env.set("CH_ENTRY_WORDS", number, env.data) < 0)
		return ch_err_nomem(err);
	argv[0] = path;
	return 0;
}

/* ---- entering ------------------------------------------------------------------------------- */

static int change_dir(struct ch_step *step, spank_t sp, struct ch_err *err)
{
	if (step->set.cd) {
		if (chdir(step->set.cd) < 0)
			return ch_err_sys(err, "working directory '%s' in the container",
					  step->set.cd);
		return 0;
	}
	if (chdir(step->cwd) < 0)
		note(step, sp, "using / as working directory, since the container lacks ",
		     step->cwd);
	return 0;
}

/* One line for the administrator, who asked for it (syslog=yes). */
static void log_start(struct ch_step *step, spank_t sp)
{
	uint32_t job = 0, id = 0;

	spank_get_item(sp, S_JOB_ID, &job);
	spank_get_item(sp, S_JOB_STEPID, &id);

	struct ch_err text; /* for its cleaning of control characters */

	/* No longer than CH_SAY_MAX, and not without its end. */
	ch_err_set(&text, 0, "charlie: user %u job %u.%u image '%.340s'", getuid(), job, id,
		   step->set.image);
	ch_syslog_once(LOG_USER | LOG_INFO, text.msg);
}

static long long now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000LL + ts.tv_nsec / 1000;
}

/* Wait for the container, and report on it. */
static int wait_for_it(struct ch_step *step, spank_t sp, struct ch_entry *entry, struct ch_err *err)
{
	long long begin = now_us();
	long long deadline = ch_msg_deadline(step->config->start_timeout * 1000);
	int rc = ch_enter_wait(step->sock, deadline, entry, err);

	if (rc < 0)
		return rc;
	if (step->set.verbose >= 2 && local_id(sp) == 0)
		tell_times(sp, &entry->answer, now_us() - begin);
	if (step->config->syslog && local_id(sp) == 0)
		log_start(step, sp);
	return 0;
}

static int enter(struct ch_step *step, spank_t sp, struct ch_entry *entry, struct ch_err *err)
{
	int program = -1, rc = wait_for_it(step, sp, entry, err);

	/* Files of the host, as the user: before the host's root is gone. */
	if (rc == 0)
		rc = ch_env_ops_load(&step->set.env, true, err);
	if (rc == 0 && step->set.entrypoint && (program = open_entry_program(step, err)) < 0)
		rc = program;
	if (rc == 0)
		rc = ch_enter(entry, false, err);
	if (rc == 0)
		rc = change_dir(step, sp, err);
	if (rc == 0)
		rc = change_env(step, sp, entry, err);
	if (rc == 0 && step->set.entrypoint)
		rc = put_entry_point(sp, entry, program, err);
	return rc;
}

void ch_task_enter(struct ch_step *step, spank_t sp)
{
	struct ch_err err;

	if (!step->is_wanted)
		return;
	if (step->has_error)
		fail(step, sp);

	ch_auto(mem) struct ch_entry *entry = malloc(sizeof(*entry));
	int rc = entry ? enter(step, sp, entry, &err) : ch_err_nomem(&err);

	if (rc < 0) {
		ch_step_fail(step, &err);
		fail(step, sp);
	}
}
