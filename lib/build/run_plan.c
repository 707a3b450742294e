/* SPDX-License-Identifier: Apache-2.0 */
#include "build/run_plan.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/path.h"
#include "build/mount.h"
#include "build/run.h"
#include "sys/mnt.h"

static const char apt_conf[] = "APT::Sandbox::User \"root\";\n";

/* ---- parts of a plan ------------------------------------------------------------------ */

/* Append OP, whose target is taken, also on failure. */
static int add_op(struct ch_run_plan *plan, struct ch_run_op op, struct ch_err *err)
{
	struct ch_run_op *ops = realloc(plan->ops, (plan->n_ops + 1) * sizeof(*ops));

	if (!ops) {
		free(op.target);
		return ch_err_nomem(err);
	}
	plan->ops = ops;
	ops[plan->n_ops++] = op;
	return 0;
}

/* Where M is to be, as an absolute path; FALLBACK, if it does not say. */
static int find_target(const struct ch_run *run, const struct ch_run_mount *m, const char *fallback,
		       char **ret_target, struct ch_err *err)
{
	const char *target = m->target ? m->target : fallback;

	return ch_path_absolute(target, run->cwd ? run->cwd : "/", ret_target, err);
}

/* ---- kinds of mounts ------------------------------------------------------------------ */

/* The path of M's source, which is in its root: links were followed there, and nowhere else. */
static int find_source(const struct ch_run_mount *m, char out[PATH_MAX], bool *ret_is_dir,
		       struct ch_err *err)
{
	char link[CH_FD_PATH_MAX];
	struct stat st;
	ch_auto(fd) int root = open(m->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	ch_auto(fd) int fd = root < 0 ? -errno : ch_open_in_root(root, m->source, O_PATH);

	if (fd < 0)
		return ch_err_rc(err, fd, "source '%s' in '%s'", m->source,
				 m->from ? m->from : "the context");

	ssize_t n = readlink(ch_fd_path(fd, link), out, PATH_MAX - 1);

	if (n < 0 || fstat(fd, &st) < 0)
		return ch_err_sys(err, "look at source '%s'", m->source);
	out[n] = '\0';
	*ret_is_dir = S_ISDIR(st.st_mode);
	return 0;
}

static int plan_bind(const struct ch_run_mount *m, char *target, struct ch_run_plan *plan,
		     struct ch_err *err)
{
	ch_auto(str) char *dst = target;
	char src[PATH_MAX];
	bool is_dir = false;

	if (find_source(m, src, &is_dir, err) < 0)
		return err->code;
	if (m->writable && !is_dir)
		return ch_err_set(err, -ENOTSUP,
				  "source '%s' is a file: only directories can be writable",
				  m->source);
	if (ch_binds_add(&plan->binds, src, dst, CH_BIND_RO, err) < 0)
		return err->code;
	if (!m->writable)
		return 0;

	struct ch_run_op op = { .kind = CH_RUN_OP_COVER, .target = ch_take(dst) };

	return add_op(plan, op, err);
}

/* PATH: of its directory */
static int plan_cache(const struct ch_run_mount *m, const char *path, char *target,
		      struct ch_run_plan *plan, struct ch_err *err)
{
	ch_auto(str) char *dst = target;

	return ch_binds_add(&plan->binds, path, dst, m->writable ? 0 : CH_BIND_RO, err);
}

static int plan_tmpfs(const struct ch_run_mount *m, char *target, struct ch_run_plan *plan,
		      struct ch_err *err)
{
	struct ch_run_op op = { .kind = CH_RUN_OP_TMPFS, .target = target, .size = m->size };

	return add_op(plan, op, err);
}

/* Is M, a secret or an agent, there? HINT: how it would be. Returns 1; 0: it may be left out; or an
 * error. */
static int is_there(const struct ch_run_mount *m, const void *what, const char *kind,
		    const char *hint, struct ch_err *err)
{
	if (!what && m->required)
		return ch_err_set(err, -ENOENT, "required %s '%s' is not given; see %s", kind,
				  m->id, hint);
	return what != NULL;
}

static int set_secret(struct ch_run_plan *plan, const struct ch_run_mount *m, struct ch_err *err)
{
	ch_auto(str) char *value = strndup(m->data, m->len);

	if (!value)
		return ch_err_nomem(err);
	ch_words_set(&plan->env, m->env, value);
	return 0;
}

/* With a variable and no target, there is no file. */
static int plan_secret(const struct ch_run *run, const struct ch_run_mount *m,
		       struct ch_run_plan *plan, struct ch_err *err)
{
	struct ch_run_op op = {
		.kind = CH_RUN_OP_FILE, .data = m->data, .len = m->len, .mode = m->mode
	};
	char path[PATH_MAX];
	int rc = is_there(m, m->data, "secret", "option --secret", err);

	if (rc <= 0)
		return rc;
	if (m->env && set_secret(plan, m, err) < 0)
		return err->code;
	if (m->env && !m->target)
		return 0;
	snprintf(op.name, sizeof(op.name), "secret%zu", plan->n_ops);
	snprintf(path, sizeof(path), "/run/secrets/%s", m->id);
	rc = find_target(run, m, path, &op.target, err);
	return rc == 0 ? add_op(plan, op, err) : rc;
}

static int plan_ssh(const struct ch_run *run, const struct ch_run_mount *m, size_t number,
		    struct ch_run_plan *plan, struct ch_err *err)
{
	ch_auto(str) char *target = NULL;
	char path[64];
	int rc = is_there(m, m->socket, "ssh", "SSH_AUTH_SOCK", err);

	if (rc <= 0)
		return rc;
	snprintf(path, sizeof(path), "/run/buildkit/ssh_agent.%zu", number);
	rc = find_target(run, m, path, &target, err);
	if (rc == 0)
		rc = ch_binds_add(&plan->binds, m->socket, target, 0, err);
	if (rc == 0)
		ch_words_set(&plan->env, "SSH_AUTH_SOCK", target);
	return rc;
}

/* NUMBER: of M among all mounts. */
static int plan_mount(const struct ch_run *run, const struct ch_run_mount *m, size_t number,
		      struct ch_run_plan *plan, struct ch_err *err)
{
	char *target = NULL; /* taken by those that have it */

	if (m->kind == CH_RUN_MOUNT_SECRET)
		return plan_secret(run, m, plan, err);
	if (m->kind == CH_RUN_MOUNT_SSH)
		return plan_ssh(run, m, number, plan, err);
	if (find_target(run, m, "/", &target, err) < 0)
		return err->code;
	if (m->kind == CH_RUN_MOUNT_BIND)
		return plan_bind(m, target, plan, err);
	if (m->kind == CH_RUN_MOUNT_CACHE)
		return plan_cache(m, plan->caches.paths[number], target, plan, err);
	return plan_tmpfs(m, target, plan, err);
}

static int plan_mounts(const struct ch_run *run, struct ch_run_plan *plan, struct ch_err *err)
{
	int rc = ch_run_caches_use(run, &plan->caches, err);

	for (size_t i = 0; rc == 0 && i < run->n_mounts; i++)
		rc = plan_mount(run, &run->mounts[i], i, plan, err);
	return rc < 0 ? ch_err_in(err, "--mount") : 0;
}

/* ---- the whole ---------------------------------------------------------------------------- */

static bool has_variable(char *const *env, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; env && env[i]; i++)
		if (strncmp(env[i], name, len) == 0 && env[i][len] == '=')
			return true;
	return false;
}

static bool has_apt(const char *image)
{
	ch_auto(fd) int root = open(image, O_PATH | O_DIRECTORY | O_CLOEXEC);
	ch_auto(fd) int apt = root < 0 ? -1 : ch_open_in_root(root, "/etc/apt", O_PATH);

	return apt >= 0;
}

/* A configuration of apt that only this command sees, unless it has one already. */
static int plan_apt(const struct ch_run *run, struct ch_run_plan *plan, struct ch_err *err)
{
	static const char path[] = CH_RUN_DIR "/" CH_RUN_APT;
	struct ch_run_op op = { .kind = CH_RUN_OP_FILE,
				.name = CH_RUN_APT,
				.data = apt_conf,
				.len = sizeof(apt_conf) - 1,
				.mode = 0444 };

	if (!run->apt_root || has_variable(run->env, "APT_CONFIG") || !has_apt(run->image))
		return 0;
	ch_words_set(&plan->env, "APT_CONFIG", path);
	return add_op(plan, op, err);
}

static int plan_script(const struct ch_run *run, struct ch_run_plan *plan, struct ch_err *err)
{
	struct ch_run_op op = { .kind = CH_RUN_OP_FILE,
				.name = CH_RUN_SCRIPT,
				.data = run->script,
				.len = run->script ? strlen(run->script) : 0,
				.mode = 0555 };

	return run->script ? add_op(plan, op, err) : 0;
}

/* What every command has, unless the image or the Dockerfile says otherwise. */
static void plan_defaults(const struct ch_run *run, struct ch_run_plan *plan)
{
	static const char *const defaults[][2] = {
		{ "HOME", "/root" },
		{ "PATH", "/ch/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" },
	};

	for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++)
		if (!has_variable(run->env, defaults[i][0]))
			ch_words_set(&plan->env, defaults[i][0], defaults[i][1]);
	/* It tries to change owners all the same, and bears EPERM. With one user id, the
	 * kernel says EINVAL. */
	if (run->fakeroot)
		ch_words_set(&plan->env, "FAKEROOTDONTTRYCHOWN", "1");
}

/* The order between what the host has at /tmp and others who mount there is theirs. */
static bool is_below_tmp(const struct ch_run_plan *plan, const struct ch_run *run)
{
	for (size_t i = run->binds ? run->binds->n : 0; i < plan->binds.n; i++)
		if (ch_path_is_below(plan->binds.list[i].dst, "/tmp"))
			return true;
	for (size_t i = 0; i < plan->n_ops; i++)
		if (plan->ops[i].target && ch_path_is_below(plan->ops[i].target, "/tmp"))
			return true;
	return false;
}

int ch_run_plan_make(const struct ch_run *run, struct ch_run_plan *ret_plan, struct ch_err *err)
{
	ch_auto(run_plan) struct ch_run_plan plan = { 0 };
	int rc = 0;

	plan_defaults(run, &plan);
	if (run->binds)
		rc = ch_binds_copy(&plan.binds, run->binds, err);
	if (rc == 0)
		rc = plan_mounts(run, &plan, err);
	if (rc == 0)
		rc = plan_apt(run, &plan, err);
	if (rc == 0)
		rc = plan_script(run, &plan, err);
	if (rc == 0 && plan.env.bad)
		rc = ch_err_nomem(err);
	if (rc < 0)
		return rc;
	plan.is_tmp_fresh = is_below_tmp(&plan, run);
	*ret_plan = ch_take(plan);
	return 0;
}

bool ch_run_plan_wants_dir(const struct ch_run_plan *plan)
{
	for (size_t i = 0; i < plan->n_ops; i++)
		if (plan->ops[i].kind != CH_RUN_OP_TMPFS)
			return true;
	return false;
}

void ch_run_plan_done(struct ch_run_plan *plan)
{
	ch_binds_done(&plan->binds);
	for (size_t i = 0; i < plan->n_ops; i++)
		free(plan->ops[i].target);
	ch_words_done(&plan->env);
	ch_run_caches_done(&plan->caches);
	free(plan->ops);
	*plan = (struct ch_run_plan){ 0 };
}
