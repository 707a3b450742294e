/* SPDX-License-Identifier: Apache-2.0 */
/* ch-run - run a command in a container
 *
 * ch-run parses the command line, has a keeper make the container, enters it, and execs
 * the command in its own process: signals, job control and exit status are the command's. */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/color.h"
#include "base/err.h"
#include "base/log.h"
#include "fakeroot/fakeroot.h"
#include "opt/optdoc.h"
#include "probe/feature.h"
#include "probe/probe.h"
#include "rt/bind.h"
#include "rt/command.h"
#include "rt/enter.h"
#include "rt/env.h"
#include "rt/environ.h"
#include "rt/exec.h"
#include "rt/plan.h"
#include "rt/start.h"
#include "rt/storage.h"
#include "rt/version.h"
#include "run.h"
#include "run_log.h"
#include "sys/stdio.h"

/* Exit codes before the command is executed. */
enum { EXIT_MISC = 31, EXIT_EXEC = 49, EXIT_USAGE_ = 64, EXIT_GONE = 84, EXIT_ABSENT = 87 };

#ifdef HAVE_JSON
enum { HAS_JSON = true };
#else
enum { HAS_JSON = false };
#endif

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

/* ---- inside -------------------------------------------------------------------------------- */

/* HOME: where --home put it; else /root if the image has that, else /. */
static int set_home(const struct run *run, struct ch_err *err)
{
	char home[PATH_MAX] = "/";
	struct stat st;

	if (run->set.home == CH_HOME_YES)
		ch_bind_home(run->user, home);
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
		rc = ch_env_path(&ch_environ, err);
	if (rc == 0)
		rc = ch_env_ops_apply(&run->set.env, &ch_environ, entry->meta,
				      entry->answer.meta_len, NULL, err);
	if (rc == 0)
		rc = ch_env_running(&ch_environ, err);
	return rc;
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
		rc = ch_run_enter(run, &entry, err);
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
	ch_exec(run->argv, err);
	return report_inside(err, EXIT_EXEC);
}

/* ---- --dry-run --------------------------------------------------------------------------- */

/* What is done for every container, and then what was asked for; as change_env() does it. */
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
	bool is_host = ch_image_is_host(run->req.image);
	char home[PATH_MAX];

	if (run->set.home == CH_HOME_YES)
		printf("environment: set HOME=%s\n", ch_bind_home(run->user, home));
	else if (!is_host)
		printf("environment: set HOME=/root if the image has it, else HOME=/\n");
	if (!is_host)
		printf("environment: unset TMPDIR\nenvironment: append /bin to PATH if it has "
		       "none\n");
	for (size_t i = 0; i < run->set.env.n; i++) {
		const struct ch_env_op *op = &run->set.env.list[i];

		printf("environment: %s%s%s\n", what[op->kind], op->text ? " " : "",
		       op->text ? op->text : "");
	}
	printf("environment: set CH_RUNNING\n");
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
	if (run->set.join || run->set.join_pid)
		printf("joins a container that is there; else this one is made\n");
	if (run->set.seccomp)
		printf("root emulation\n");
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
		.keeper = ch_run_keeper(),
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
		ch_version_print("ch-run");
		return 0;
	}

	if (run->set.feature)
		return test_feature(&run->set, err);
	if (first >= argc || !argv[first][0]) {
		ch_err_set(err, -EINVAL, "no image given; see --help");
		return report(err, EXIT_USAGE_);
	}
	take_command(run, argv + first + 1);
	if (run->set.join_pid && run->by_image) {
		ch_err_set(err, -EINVAL,
			   "--join-pid: name a command; what the image says is not "
			   "known");
		return report(err, EXIT_USAGE_);
	}
	if (ch_start_timeout(&run->start_s, err) < 0)
		return report(err, EXIT_USAGE_);
	if (ch_run_request(run, argv[first], err) < 0)
		return report(err, EXIT_MISC);
	return run->set.dry_run ? dry_run(run, err) : execute(run, err);
}

/* Real, effective and saved ids: only who is one and the same may go on. */
static bool is_set_id(void)
{
	uid_t u[3];
	gid_t g[3];

	return getresuid(&u[0], &u[1], &u[2]) < 0 || getresgid(&g[0], &g[1], &g[2]) < 0 ||
	       u[0] != u[1] || u[1] != u[2] || g[0] != g[1] || g[1] != g[2];
}

int main(int argc, char **argv)
{
	struct run run = { 0 };
	struct ch_err err;

	ch_stdio_guard();
	ch_log_to(to_stderr, &run.set, CH_INFO);
	if (LOG_CALLS)
		ch_run_log(argc, argv);
	if (is_set_id()) {
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
