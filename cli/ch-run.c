/* SPDX-License-Identifier: Apache-2.0 */
/* ch-run - run a command in a container
 *
 * ch-run parses the command line, has a keeper make the container, enters it, and execs
 * the command in its own process: signals, job control and exit status are the command's. */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/color.h"
#include "base/err.h"
#include "base/log.h"
#include "base/path.h"
#include "fakeroot/fakeroot.h"
#include "opt/optdoc.h"
#include "probe/feature.h"
#include "probe/probe.h"
#include "rt/command.h"
#include "rt/enter.h"
#include "rt/env.h"
#include "rt/join.h"
#include "rt/plan.h"
#include "rt/settings.h"
#include "rt/spawn.h"
#include "rt/storage.h"
#include "run_env.h"
#include "run_exec.h"
#include "run_log.h"
#include "sys/msg.h"

/* Exit codes before the command is executed. */
enum { EXIT_MISC = 31, EXIT_EXEC = 49, EXIT_USAGE_ = 64, EXIT_GONE = 84, EXIT_ABSENT = 87 };

enum { START_S = 60, START_MAX_S = 86400, JOIN_TRIES = 5 };

#ifdef HAVE_JSON
enum { HAS_JSON = true };
#else
enum { HAS_JSON = false };
#endif

struct run {
	struct ch_settings set;
	struct ch_request req;
	const char *user;
	char **argv; /* the command, or, with by_image, what the image's gets as arguments */
	bool by_image;
	long start_s; /* how long a start may take */
};

/* DATA: the settings. Errors and warnings in colour, so that they are seen. */
static void to_stderr(enum ch_level level, const char *line, void *data)
{
	static const char *const names[] = { "error", "warning", "info", "debug" };
	const struct ch_settings *set = data;
	const char *on = "", *off = "";

	if (level <= CH_WARN && ch_color_is_wanted(set->color, STDERR_FILENO)) {
		on = level == CH_ERROR ? CH_COLOR_RED : CH_COLOR_YELLOW;
		off = CH_COLOR_OFF;
	}
	fprintf(stderr, "%sch-run[%d]: %s: %s%s\n", on, (int)getpid(), names[level], line, off);
}

/* Print ERR, with the place in our sources for bug reports; returns CODE, unless the keeper
 * says that the image server has gone. */
static int report(const struct ch_err *err, int code)
{
	if (err->code == -EOWNERDEAD)
		code = EXIT_GONE;
	ch_log(CH_ERROR, "%s (%s:%u %d)", err->msg, err->file, err->line, -err->code);
	return code;
}

/* The same inside, where files of an image whose server has gone give these errors. */
static int report_inside(const struct ch_err *err, int code)
{
	bool is_gone = err->code == -ENOTCONN || err->code == -ECONNABORTED;

	return report(err, is_gone ? EXIT_GONE : code);
}

static void usage(FILE *out)
{
	fputs("Usage: ch-run [OPTION...] IMAGE -- [COMMAND [ARG...]]\n"
	      "       ch-run [OPTION...] IMAGE -- - [ARG...]\n"
	      "Run COMMAND in a container made of IMAGE, a directory, SquashFS or SIF file.\n"
	      "Without COMMAND, or with -, run what the image says.\n\n",
	      out);
	ch_opt_help(ch_options, CH_OPT_RUN, out);
}

/* ---- what is asked for ------------------------------------------------------------------ */

static int add_home(struct run *run, struct ch_err *err)
{
	const char *home = getenv("HOME");
	char inside[PATH_MAX];

	if (run->set.home != CH_HOME_YES)
		return 0;
	if (!home || home[0] != '/')
		return ch_err_set(err, -EINVAL, "--home: HOME is not set to an absolute path");
	snprintf(inside, sizeof(inside), "/home/%s", run->user);
	return ch_binds_add(&run->req.binds, home, inside, 0, err);
}

static int add_tmp(struct run *run, struct ch_err *err)
{
	const char *tmp = getenv("TMPDIR");

	if (run->set.private_tmp)
		return 0;
	run->req.tmp = strdup(tmp && tmp[0] == '/' ? tmp : "/tmp");
	return run->req.tmp ? 0 : ch_err_set(err, -ENOMEM, "out of memory");
}

static int find_timeout(struct run *run, struct ch_err *err)
{
	const char *text = getenv("CH_START_TIMEOUT");
	char *end;

	run->start_s = START_S;
	if (!text || !text[0])
		return 0;
	errno = 0;
	run->start_s = strtol(text, &end, 10);
	if (errno || *end || run->start_s < 1 || run->start_s > START_MAX_S)
		return ch_err_set(
			err, -EINVAL,
			"CH_START_TIMEOUT: '%.80s' is not a number of seconds from 1 to %d", text,
			START_MAX_S);
	return 0;
}

/* Names are looked for in storage, paths are not. */
static int add_image(struct run *run, const char *image, struct ch_err *err)
{
	struct ch_request *r = &run->req;
	const char *storage = run->set.storage ? run->set.storage : getenv("CH_IMAGE_STORAGE");
	struct stat st;
	int rc = ch_path_absolute(image, run->set.cwd, &r->image, err);

	r->unsafe = run->set.unsafe;
	if (rc == 0 && ch_storage_may_name(image) && !(r->name = strdup(image)))
		rc = ch_err_set(err, -ENOMEM, "out of memory");
	if (rc < 0 || !storage || !storage[0])
		return rc;
	if (ch_path_absolute(storage, run->set.cwd, &r->storage, err) < 0)
		return err->code;
	if (lstat(r->storage, &st) < 0 && errno == ENOENT)
		ch_log(CH_WARN, "storage '%s': %s", r->storage, strerrordesc_np(ENOENT));
	return 0;
}

static int make_request(struct run *run, const char *image, struct ch_err *err)
{
	struct ch_settings *s = &run->set;
	struct ch_request *r = &run->req;
	const struct passwd *pw = getpwuid(geteuid());

	run->user = pw ? pw->pw_name : "charlie";
	r->uid = s->has_uid ? s->uid : geteuid();
	r->gid = s->has_gid ? s->gid : getegid();
	r->write = s->write;
	r->write_size = ch_take(s->write_size);
	r->no_passwd = s->no_passwd;
	r->threads = s->threads;
	r->life = s->join ? CH_LIFE_JOIN : CH_LIFE_INSIDE;
	r->want_meta = s->join; /* for others who may want it */
	r->wait_cpus = s->join;
	for (size_t i = 0; i < s->env.n; i++)
		if (s->env.list[i].kind == CH_ENV_IMAGE || s->env.list[i].kind == CH_ENV_IMAGE0)
			r->want_meta = true;
	if (run->by_image)
		r->want_meta = true;

	int rc = add_image(run, image, err);

	if (rc == 0)
		rc = add_tmp(run, err);
	/* Where MPI programs meet their launcher. */
	if (rc == 0)
		rc = ch_binds_add_named(&r->binds, getenv("PMIX_SERVER_TMPDIR"), err);
	if (rc == 0)
		rc = add_home(run, err);
	return rc == 0 ? ch_binds_copy(&r->binds, &s->binds, err) : rc;
}

/* ---- inside -------------------------------------------------------------------------------- */

/* HOME: where --home put it; else /root if the image has that, else /. */
static int set_home(const struct run *run, struct ch_err *err)
{
	char home[PATH_MAX] = "/";
	struct stat st;

	if (run->set.home == CH_HOME_YES)
		snprintf(home, sizeof(home), "/home/%s", run->user);
	else if (stat("/root", &st) == 0 && S_ISDIR(st.st_mode))
		snprintf(home, sizeof(home), "/root");
	if (setenv("HOME", home, 1) < 0)
		return ch_err_sys(err, "set HOME");
	return 0;
}

static int change_env(struct run *run, const struct ch_entry *entry, struct ch_err *err)
{
	bool is_host = ch_image_is_host(run->req.image);
	int rc = is_host && run->set.home != CH_HOME_YES ? 0 : set_home(run, err);

	if (!is_host)
		unsetenv("TMPDIR");
	if (!getenv("PATH"))
		ch_log(CH_WARN, "PATH is not set");
	if (rc == 0 && !is_host)
		rc = ch_env_path(&ch_run_env, err);
	if (rc == 0)
		rc = ch_env_ops_apply(&run->set.env, &ch_run_env, entry->meta,
				      entry->answer.meta_len, NULL, err);
	if (rc == 0)
		rc = ch_env_running(&ch_run_env, err);
	return rc;
}

static void tell_times(const struct ch_entry *e)
{
	const uint32_t *t = e->answer.times;

	ch_log(CH_INFO,
	       "container ready in %.1f ms (image %.1f, namespaces %.1f, server %.1f, mounts %.1f)",
	       t[CH_TIME_READY] / 1e3, t[CH_TIME_IMAGE] / 1e3, t[CH_TIME_NAMESPACES] / 1e3,
	       t[CH_TIME_SERVER] / 1e3, t[CH_TIME_MOUNTS] / 1e3);
}

static const char *get_variable(const char *name)
{
	return getenv(name);
}

/* Ask the keeper at SOCK to let us in. */
static int ask(int sock, int pidfd, long long deadline, struct ch_entry *entry, struct ch_err *err)
{
	int rc = ch_enter_ask(sock, pidfd, deadline, err);

	return rc == 0 ? ch_enter_wait(sock, deadline, entry, err) : rc;
}

static long long start_deadline(const struct run *run)
{
	return ch_msg_deadline((int)run->start_s * 1000);
}

static const char *keeper_path(void)
{
	const char *keeper = getenv("CH_KEEPER");

	return keeper ? keeper : KEEPER;
}

static int start_keeper(struct run *run, int door, long long deadline, pid_t *ret_pid,
			struct ch_err *err)
{
	return ch_spawn_keeper(keeper_path(), &run->req, door, deadline, ret_pid, err);
}

/* Too late: which image it is, and what may be done. If somebody has stopped the keeper, or
 * what it started, they are woken, see us go, and go, too. */
static int too_late(const struct run *run, pid_t keeper, struct ch_err *err)
{
	if (keeper > 0)
		kill(-keeper, SIGCONT);
	return ch_err_set(err, -ETIMEDOUT,
			  "image '%s': no container within %ld s; is its file system slow or "
			  "gone? More time: CH_START_TIMEOUT",
			  run->req.image, run->start_s);
}

/* A container of our own. */
static int enter_alone(struct run *run, struct ch_entry *entry, struct ch_err *err)
{
	long long deadline = start_deadline(run);
	pid_t keeper = 0;
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0)
		return ch_err_sys(err, "make a socket pair");

	ch_auto(fd) int ours = sv[0];
	ch_auto(fd) int theirs = sv[1];
	int rc = start_keeper(run, theirs, deadline, &keeper, err);

	close(ch_take_fd(&theirs));
	if (rc == 0)
		rc = ask(ours, -1, deadline, entry, err);
	return rc == -ETIMEDOUT ? too_late(run, keeper, err) : rc;
}

/* Meet the others, and ask. -ECHILD: the keeper went before it answered, perhaps since the
 * last of the others had left. */
static int join_once(struct run *run, int pidfd, long long deadline, struct ch_entry *entry,
		     struct ch_err *err)
{
	struct ch_join join;
	pid_t keeper = 0;
	int sock, listener;
	int rc = ch_join_find(run->set.join_tag, run->set.join_peers, get_variable, &join, err);

	if (rc == 0)
		rc = ch_join_meet(&join, deadline, &sock, &listener, err);
	if (rc < 0)
		return rc;

	ch_auto(fd) int ours = sock;
	ch_auto(fd) int door = listener;

	run->req.peers = join.peers;
	if (door >= 0)
		rc = start_keeper(run, door, deadline, &keeper, err);
	if (door >= 0)
		close(ch_take_fd(&door));
	if (rc == 0)
		rc = ch_enter_tell_cpus(ours, deadline, err);
	if (rc == 0)
		rc = ask(ours, pidfd, deadline, entry, err);
	return rc == -ETIMEDOUT ? too_late(run, keeper, err) : rc;
}

static int join_others(struct run *run, struct ch_entry *entry, struct ch_err *err)
{
	long long deadline = start_deadline(run);
	ch_auto(fd) int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	int rc = -ECHILD;

	if (pidfd < 0)
		return ch_err_sys(err, "open a descriptor of our process");
	for (int i = 0; i < JOIN_TRIES && rc == -ECHILD; i++)
		rc = join_once(run, pidfd, deadline, entry, err);
	if (rc == 0 && entry->answer.shape != ch_request_shape(&run->req))
		ch_log(CH_WARN, "joined a container that was made with other options; those of "
				"this command that shape a container have no effect");
	return rc;
}

/* Make the container, or find it, and move into it. */
static int enter(struct run *run, struct ch_entry *entry, struct ch_err *err)
{
	bool is_ours = !run->set.join && !run->set.join_pid;
	int rc;

	if (run->set.join_pid)
		rc = ch_join_process(run->set.join_pid, entry, err);
	else if (run->set.join)
		rc = join_others(run, entry, err);
	else
		rc = enter_alone(run, entry, err);
	if (rc == 0 && run->set.verbose > 1)
		tell_times(entry);
	return rc == 0 ? ch_enter(entry, is_ours && run->req.uid == 0, err) : rc;
}

/* What the image says shall be run. */
static int find_command(struct run *run, const struct ch_entry *entry,
			struct ch_command *ret_command, struct ch_err *err)
{
	if (!run->by_image)
		return 0;
	if (!HAS_JSON)
		return ch_err_set(err, -ENOSYS,
				  "built without JSON, so images cannot say what to run: name a "
				  "command");
	if (ch_command_make(entry->meta, entry->answer.meta_len, run->argv, ret_command, err) < 0)
		return ch_err_in(err, "image '%s'", run->req.image);
	run->argv = ret_command->argv;
	return 0;
}

static int change_dir(const struct run *run, struct ch_err *err)
{
	if (run->set.cd && chdir(run->set.cd) < 0)
		return ch_err_sys(err, "working directory '%s' in the container", run->set.cd);
	return 0;
}

static int execute(struct run *run, struct ch_err *err)
{
	static struct ch_entry entry;
	ch_auto(command) struct ch_command command = { 0 };
	int rc = ch_env_ops_load(&run->set.env, false, err);

	if (rc == 0)
		rc = enter(run, &entry, err);
	if (rc < 0)
		return report(err, EXIT_MISC);
	rc = find_command(run, &entry, &command, err);
	if (rc == 0)
		rc = change_env(run, &entry, err);
	if (rc == 0)
		rc = change_dir(run, err);
	if (rc == 0 && run->set.verbose > 0)
		ch_log(CH_INFO, "executing '%s'", run->argv[0]);
	if (rc == 0 && run->set.seccomp)
		rc = ch_fakeroot_install(err);
	if (rc < 0)
		return report_inside(err, EXIT_MISC);
	ch_run_exec(run->argv, err);
	return report_inside(err, EXIT_EXEC);
}

/* ---- --dry-run --------------------------------------------------------------------------- */

static void print_env(const struct run *run)
{
	static const char *const what[] = {
		[CH_ENV_ASSIGN] = "set",
		[CH_ENV_FILE] = "set from file",
		[CH_ENV_FILE0] = "set from file",
		[CH_ENV_IMAGE] = "set from the image",
		[CH_ENV_IMAGE0] = "set from the image",
		[CH_ENV_UNSET] = "unset",
	};

	for (size_t i = 0; i < run->set.env.n; i++) {
		const struct ch_env_op *op = &run->set.env.list[i];

		printf("environment: %s%s%s\n", what[op->kind], op->text ? " " : "",
		       op->text ? op->text : "");
	}
}

static int dry_run(struct run *run, struct ch_err *err)
{
	ch_auto(image) struct ch_image image = CH_IMAGE_INIT;
	ch_auto(plan) struct ch_plan plan = { 0 };

	if (ch_storage_find(&run->req, &image, err) < 0 ||
	    ch_plan_make(&run->req, &image, &plan, err) < 0)
		return report(err, EXIT_MISC);
	ch_plan_print(&plan, stdout);
	print_env(run);
	printf("ids: user %u, group %u\n", run->req.uid, run->req.gid);
	printf("working directory: %s\n", run->set.cd ? run->set.cd : "/");
	printf("command:%s", run->by_image ? " what the image says" : "");
	if (run->by_image && run->argv[0])
		printf(", with arguments");
	for (char **a = run->argv; *a; a++)
		printf(" '%s'", *a);
	printf("\n");
	return fflush(stdout) == 0 ? 0 : EXIT_MISC;
}

/* ---- --feature ---------------------------------------------------------------------------- */

static int test_feature(const struct ch_settings *set, struct ch_err *err)
{
	struct ch_site site = {
		.keeper = keeper_path(),
#ifdef HAVE_SERVER
		.has_server = true,
#endif
		.has_json = HAS_JSON,
		.fakeroot = ch_fakeroot_install,
	};
	struct ch_finding f;

	if (ch_feature_try(set->feature, &site, &f, err) < 0)
		return report(err, EXIT_USAGE_);
	if (f.verdict != CH_VERDICT_NO)
		return 0;
	if (set->verbose > 0)
		ch_log(CH_INFO, "feature '%s': %s%s%s", set->feature, f.found,
		       f.remedy[0] ? "; remedy: " : "", f.remedy);
	return EXIT_ABSENT;
}

/* ---- main ----------------------------------------------------------------------------------- */

static enum ch_level level_of(const struct ch_settings *s)
{
	if (s->quiet > 1)
		return CH_ERROR;
	if (s->quiet == 1)
		return CH_WARN;
	return s->verbose > 2 ? CH_DEBUG : CH_INFO;
}

/* WORDS: what follows the image. */
static void take_command(struct run *run, char **words)
{
	bool is_dash = words[0] && strcmp(words[0], "-") == 0;

	run->by_image = is_dash || !words[0];
	run->argv = is_dash ? words + 1 : words;
}

static int run_it(struct run *run, int argc, char **argv, struct ch_err *err)
{
	char cwd[PATH_MAX];
	int first;

	run->set.cwd = getcwd(cwd, sizeof(cwd)) ? cwd : "/";
	if (ch_opt_parse(ch_options, argc, argv, &run->set, &first, err) < 0)
		return report(err, EXIT_USAGE_);
	ch_log_to(to_stderr, &run->set, level_of(&run->set));
	if (run->set.help) {
		usage(stdout);
		return 0;
	}
	if (run->set.version) {
		puts("ch-run (" PACKAGE_NAME ") " PACKAGE_VERSION);
		return 0;
	}

	if (run->set.feature)
		return test_feature(&run->set, err);
	if (first >= argc || !argv[first][0]) {
		ch_err_set(err, -EINVAL, "no image given; see --help");
		return report(err, EXIT_USAGE_);
	}
	take_command(run, argv + first + 1);
	if (find_timeout(run, err) < 0)
		return report(err, EXIT_USAGE_);
	if (make_request(run, argv[first], err) < 0)
		return report(err, EXIT_MISC);
	return run->set.dry_run ? dry_run(run, err) : execute(run, err);
}

int main(int argc, char **argv)
{
	struct run run = { 0 };
	struct ch_err err;

	ch_log_to(to_stderr, &run.set, CH_INFO);
	if (LOG_CALLS)
		ch_run_log(argc, argv);
	if (getuid() != geteuid() || getgid() != getegid()) {
		ch_log(CH_ERROR, "must not be set-user-ID or set-group-ID");
		return EXIT_MISC;
	}
	if (argc == 1) {
		usage(stderr);
		return EXIT_USAGE_;
	}

	int code = run_it(&run, argc, argv, &err);

	ch_log_to(NULL, NULL, CH_ERROR);
	ch_settings_done(&run.set);
	ch_request_done(&run.req);
	return code;
}
