/* SPDX-License-Identifier: Apache-2.0 */
#include "step.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/path.h"
#include "base/text.h"
#include "child.h"
#include "job_env.h"
#include "options.h"
#include "rt/request.h"
#include "rt/storage.h"
#include "sys/msg.h"

enum { END_MS = 1000, AFTER_MS = 100 };

/* Slurm's configuration as its daemons have it; absent in other programs, and where a
 * later Slurm calls it differently. */
extern slurm_conf_t slurm_conf __attribute__((weak));

void ch_step_fail(struct ch_step *step, const struct ch_err *err)
{
	if (!step->has_error)
		step->err = *err;
	step->has_error = true;
}

/* ---- does this step want a container? ----------------------------------------------------- */

static int read_settings(struct ch_step *step, spank_t sp, struct ch_err *err)
{
	char cwd[PATH_MAX];

	if (ch_text_copy(getcwd(cwd, sizeof(cwd)) ? cwd : "/", &step->cwd, err) < 0)
		return err->code;
	step->set.cwd = step->cwd;
	for (size_t i = 0; i < step->config->env.n; i++)
		if (ch_env_ops_add(&step->set.env, CH_ENV_ASSIGN, step->config->env.list[i].text,
				   err) < 0)
			return err->code;
	return ch_options_apply(ch_job_getenv, sp, step->config->default_image, &step->set, err);
}

/* The batch script, or an interactive shell: only when asked. After an error, whatever was
 * said but "no" counts as asking: the error is to be seen, and nothing is to run outside. */
static bool is_script_meant(const struct ch_step *step, spank_t sp)
{
	const char *value = ch_options_value("script");

	if (!step->has_error)
		return step->set.script;
	if (!value)
		value = ch_job_getenv("CH_SPANK_SCRIPT", sp);
	return value && value[0] && strcmp(value, "no") != 0;
}

/* Ordinary steps do; what Slurm runs for itself never does. */
static bool is_step_meant(const struct ch_step *step, spank_t sp)
{
	uint32_t id;

	if (spank_get_item(sp, S_JOB_STEPID, &id) != ESPANK_SUCCESS)
		return true;
	if (id == SLURM_BATCH_SCRIPT || id == SLURM_INTERACTIVE_STEP)
		return is_script_meant(step, sp);
	return id != SLURM_EXTERN_CONT && id != SLURM_PENDING_STEP;
}

static bool is_image_given(const struct ch_step *step)
{
	return step->set.image && strcmp(step->set.image, "none") != 0;
}

/* Was an image asked for at all, whatever else is wrong? */
static bool is_image_mentioned(const struct ch_step *step, spank_t sp)
{
	const char *image = ch_options_value("image");

	if (!image)
		image = ch_job_getenv("CH_SPANK_IMAGE", sp);
	if (!image || !image[0])
		image = step->config->default_image;
	return image && strcmp(image, "none") != 0;
}

/* ---- the request ----------------------------------------------------------------------- */

/* A relative image: an inherited one is meant from the directory of submission. */
static int resolve_image(const struct ch_step *step, spank_t sp, char **ret_path,
			 struct ch_err *err)
{
	const char *image = step->set.image;
	const char *inherited = ch_job_getenv("SLURM_SPANK__SLURM_SPANK_OPTION_charlie_ch_image",
					      sp);
	const char *submit = ch_job_getenv("SLURM_SUBMIT_DIR", sp);
	const char *dir = step->cwd;

	if (submit && (!ch_options_value("image") || (inherited && strcmp(inherited, image) == 0)))
		dir = submit;

	return ch_path_absolute(image, dir, ret_path, err);
}

/* Names of images are looked for on the node, in the user's storage. */
static int name_image(const struct ch_step *step, spank_t sp, struct ch_request *r,
		      struct ch_err *err)
{
	const char *image = step->set.image;
	const char *storage = ch_job_getenv("CH_IMAGE_STORAGE", sp);

	if (ch_storage_may_name(image) && ch_text_copy(image, &r->name, err) < 0)
		return err->code;
	if (!storage || !storage[0])
		return 0;
	return ch_path_absolute(storage, step->cwd, &r->storage, err);
}

static int bind_home(const struct ch_step *step, const char *home, struct ch_request *r,
		     struct ch_err *err)
{
	if (step->set.home == CH_HOME_NO)
		return 0;
	if (step->set.home == CH_HOME_DEFAULT)
		return ch_binds_add_named(&r->binds, home, err);
	if (ch_binds_add_home(&r->binds, home, step->user, err) < 0)
		return ch_err_in(err, "--ch-home");
	return 0;
}

/* What the launcher of the tasks needs: PMIx' directory, prologs, the batch script. */
static int bind_launcher(const struct ch_step *step, spank_t sp, struct ch_request *r,
			 struct ch_err *err)
{
	const char *prologs[] = {
		&slurm_conf ? slurm_conf.task_prolog : NULL,
		ch_job_getenv("SLURM_TASK_PROLOG", sp),
		ch_job_getenv(CH_PROLOG_VARIABLE, sp),
	};
	int argc = 0, rc = ch_binds_add_named(&r->binds, getenv("PMIX_SERVER_TMPDIR"), err);
	uint32_t id = SLURM_PENDING_STEP;
	char **argv = NULL;

	for (size_t i = 0; rc == 0 && i < sizeof(prologs) / sizeof(prologs[0]); i++)
		if (prologs[i] && prologs[i][0] == '/')
			rc = ch_binds_add(&r->binds, prologs[i], prologs[i],
					  CH_BIND_MAYBE | CH_BIND_RO, err);
	/* An interactive step's shell is the image's. */
	spank_get_item(sp, S_JOB_STEPID, &id);
	if (rc == 0 && step->set.script && id == SLURM_BATCH_SCRIPT &&
	    spank_get_item(sp, S_JOB_ARGV, &argc, &argv) == ESPANK_SUCCESS && argc > 0 &&
	    argv[0][0] == '/')
		rc = ch_binds_add(&r->binds, argv[0], argv[0], CH_BIND_MAYBE | CH_BIND_RO, err);
	return rc;
}

/* The host as image has all of that already. */
static int bind_defaults(const struct ch_step *step, spank_t sp, struct ch_request *r,
			 struct ch_err *err)
{
	bool is_host = ch_image_is_host(r->image);
	int rc = 0;

	if (!is_host)
		rc = ch_binds_copy(&r->binds, &step->config->binds, err);
	if (rc == 0 && (!is_host || step->set.home == CH_HOME_YES))
		rc = bind_home(step, ch_job_getenv("HOME", sp), r, err);
	if (is_host)
		return rc;
	if (rc == 0)
		rc = ch_binds_add_named(&r->binds, ch_job_getenv("TMPDIR", sp), err);
	return rc == 0 ? bind_launcher(step, sp, r, err) : rc;
}

static int fill_request(struct ch_step *step, spank_t sp, struct ch_request *r, uid_t uid,
			gid_t gid, struct ch_err *err)
{
	const struct ch_settings *s = &step->set;
	int rc = resolve_image(step, sp, &r->image, err);

	r->uid = s->has_uid ? s->uid : uid;
	r->gid = s->has_gid ? s->gid : gid;
	r->write = s->write;
	r->no_passwd = s->no_passwd;
	r->each = s->each;
	r->life = CH_LIFE_SOCKET;
	r->wait_cpus = true;
	r->threads = step->config->threads;
	r->want_meta = s->entrypoint;
	for (size_t i = 0; i < s->env.n; i++)
		r->want_meta = r->want_meta || s->env.list[i].kind == CH_ENV_IMAGE;
	if (rc == 0)
		rc = ch_text_copy(s->write_size, &r->write_size, err);
	if (rc == 0)
		rc = ch_text_copy(s->private_tmp ? NULL : "/tmp", &r->tmp, err);
	if (rc == 0)
		rc = ch_text_copy(step->config->allowed_images, &r->allowed, err);
	if (rc == 0)
		rc = name_image(step, sp, r, err);
	if (rc == 0)
		rc = bind_defaults(step, sp, r, err);
	return rc == 0 ? ch_binds_copy(&r->binds, &s->binds, err) : rc;
}

/* ---- the keeper ------------------------------------------------------------------------------ */

static int map_shared(struct ch_step *step, struct ch_err *err)
{
	void *p = mmap(NULL, sizeof(*step->shared), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return ch_err_sys(err, "map a shared page");
	step->shared = p;
	return 0;
}

/* Fork with all signals blocked: the child is to get none, and starts out that way. */
static pid_t fork_blocked(const struct ch_child *c)
{
	sigset_t all, old;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);

	pid_t pid = fork();

	if (pid == 0)
		ch_child_main(c);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return pid;
}

static int start_keeper(struct ch_step *step, spank_t sp, struct ch_err *err)
{
	ch_auto(request) struct ch_request r = { 0 };
	struct ch_child c = { .helper = step->config->helper,
			      .timeout_ms = step->config->start_timeout * 1000 };
	gid_t *groups = NULL;
	int n = 0, sv[2];

	if (spank_get_item(sp, S_JOB_UID, &c.uid) != ESPANK_SUCCESS ||
	    spank_get_item(sp, S_JOB_GID, &c.gid) != ESPANK_SUCCESS ||
	    spank_get_item(sp, S_JOB_SUPPLEMENTARY_GIDS, &groups, &n) != ESPANK_SUCCESS)
		return ch_err_set(err, -EIO, "Slurm does not tell who the user is");
	c.groups = groups;
	c.n_groups = n > 0 ? (size_t)n : 0;
	ch_child_limits(&c, ch_job_getenv, sp);
	if (fill_request(step, sp, &r, c.uid, c.gid, err) < 0)
		return err->code;

	ch_auto(fd) int request = ch_request_file(&r, err);

	if (request < 0)
		return request;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0)
		return ch_err_sys(err, "make a socket pair");
	step->sock = sv[0];
	c.sock = sv[1];
	c.request = request;
	step->keeper = fork_blocked(&c);
	/* Closed at once: with the keeper gone, an EOF has to be certain. */
	close(sv[1]);
	if (step->keeper < 0) {
		step->keeper = 0;
		return ch_err_sys(err, "fork the keeper");
	}
	step->pidfd = (int)syscall(SYS_pidfd_open, step->keeper, 0);
	return 0;
}

/* Does it do for a directory? A job can have any USER, such as "..". */
static bool is_name(const char *user)
{
	return user && user[0] && strlen(user) <= NAME_MAX && !strchr(user, '/') &&
	       strcmp(user, ".") != 0 && strcmp(user, "..") != 0;
}

static int prepare(struct ch_step *step, spank_t sp, struct ch_err *err)
{
	uint32_t tasks = 1;
	const char *user = ch_job_getenv("USER", sp);

	spank_get_item(sp, S_JOB_LOCAL_TASK_COUNT, &tasks);
	step->tasks = tasks;
	if (ch_text_copy(is_name(user) ? user : "user", &step->user, err) < 0 ||
	    map_shared(step, err) < 0)
		return err->code;
	return step->has_error ? 0 : start_keeper(step, sp, err);
}

void ch_step_start(struct ch_step *step, spank_t sp)
{
	struct ch_err err;
	bool was_mentioned = is_image_mentioned(step, sp);

	/* A broken configuration, or a bad option, matters to steps with an image only. */
	if (read_settings(step, sp, &err) < 0)
		ch_step_fail(step, &err);
	step->is_wanted = is_step_meant(step, sp) &&
			  (step->has_error ? was_mentioned : is_image_given(step));
	if (step->is_wanted && prepare(step, sp, &err) < 0)
		ch_step_fail(step, &err);
}

void ch_step_task_forked(struct ch_step *step, pid_t pid)
{
	unsigned char mask[CH_CPUS_BYTES] = { 0 };

	if (!step->is_wanted || step->sock < 0)
		return;
	if (syscall(SYS_sched_getaffinity, pid, sizeof(mask), mask) > 0)
		for (size_t i = 0; i < sizeof(mask); i++)
			step->cpus.mask[i] |= mask[i];
	if (++step->forked != step->tasks)
		return;
	step->cpus.go = (struct ch_go){ CH_PROTO_VERSION, CH_GO_CPUS };
	/* If it does not fit, or nobody is there: the tasks will notice what matters. */
	(void)ch_msg_send(step->sock, &step->cpus, sizeof(step->cpus), NULL, 0, ch_msg_deadline(0));
}

/* ---- the end ------------------------------------------------------------------------------------
 */

static bool is_gone(const struct ch_step *step)
{
	long long deadline = ch_msg_deadline(END_MS);
	struct pollfd p = { .fd = step->pidfd, .events = POLLIN };
	int rc;

	do
		rc = poll(&p, 1, ch_msg_left(deadline));
	while (rc < 0 && errno == EINTR);
	return rc > 0;
}

static void kill_keeper(const struct ch_step *step)
{
	syscall(SYS_pidfd_send_signal, step->pidfd, SIGKILL, NULL, 0);
	if (!is_gone(step))
		slurm_error("charlie: keeper %d does not end", (int)step->keeper);
}

/* What a keeper that was killed, by whomever, has started sees that and ends, too, a moment later.
 * Slurm, which tries but once to remove the step's groups, would find them in use. */
static void end_keeper(const struct ch_step *step)
{
	siginfo_t info = { 0 };

	if (!is_gone(step))
		kill_keeper(step);
	/* Slurm may have reaped it: ECHILD is fine. */
	(void)waitid(P_PIDFD, (id_t)step->pidfd, &info, WEXITED | WNOHANG);
	if (info.si_code != CLD_EXITED)
		(void)poll(NULL, 0, AFTER_MS);
}

void ch_step_end(struct ch_step *step)
{
	if (step->sock >= 0)
		close(ch_take_fd(&step->sock));
	if (step->keeper > 0 && step->pidfd >= 0)
		end_keeper(step);
	step->keeper = 0;
	if (step->pidfd >= 0)
		close(ch_take_fd(&step->pidfd));
	if (step->shared)
		munmap(ch_take(step->shared), sizeof(*step->shared));
	free(ch_take(step->cwd));
	free(ch_take(step->user));
	ch_settings_done(&step->set);
}

void ch_step_task_exit(struct ch_step *step)
{
	if (step->is_wanted && ++step->exited >= step->tasks)
		ch_step_end(step);
}
