/* SPDX-License-Identifier: Apache-2.0 */
/* plugin.c - the SPANK hooks, by context (spank(7))
 *
 * In srun, sbatch and salloc mistakes are refused. On a node every hook but task_init
 * returns success, whatever happens: see step.h. */
#include "base/auto.h"
#include "base/buf.h"
#include "base/text.h"
#include "cmdline.h"
#include "contain.h"
#include "options.h"
#include "rt/storage.h"
#include "rt/version.h"
#include "slurm.h"
#include "step.h"
#include "task.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

SPANK_PLUGIN(charlie, 1)

static struct {
	struct ch_config config;
	struct ch_step step;
	pid_t pid; /* of slurmstepd proper */
} self = { .step = { .sock = -1, .pidfd = -1 } };

static bool is_submitting(void)
{
	spank_context_t c = spank_context();

	return c == S_CTX_LOCAL || c == S_CTX_ALLOCATOR;
}

static bool is_on_node(void)
{
	return spank_context() == S_CTX_REMOTE;
}

int slurm_spank_init(spank_t sp, int ac, char *av[])
{
	struct ch_err err, ignored;

	if (!is_submitting() && !is_on_node())
		return 0;
	slurm_debug("charlie: version %s", ch_version);
	self.pid = getpid();
	self.step.config = &self.config;
	ch_options_strict(is_submitting());

	int rc = ch_options_register(sp);

	if (rc < 0)
		ch_err_set(&err, -EIO, "Slurm does not accept our options");
	if (ch_config_parse(ac, av, &self.config, rc < 0 ? &ignored : &err) < 0)
		rc = -1;
	if (rc == 0)
		return 0;
	if (is_on_node()) {
		ch_step_fail(&self.step, &err);
		return 0;
	}
	ch_text_cut(err.msg, CH_SAY_MAX);
	slurm_error("charlie: %s", err.msg);
	return -1;
}

/* What is inherited was looked at when its job was submitted, perhaps elsewhere. */
static bool is_inherited(const char *image)
{
	const char *value = getenv("SLURM_SPANK__SLURM_SPANK_OPTION_charlie_ch_image");

	return value && strcmp(value, image) == 0;
}

/* srun --task-prolog: the nodes learn of it too late to be told by Slurm, and it has to be
 * visible in the container. Their variable for that is not Slurm's own, which would take
 * effect in the steps of a step. */
static void hand_down_prolog(void)
{
	ch_auto(buf) struct ch_buf words = { 0 };
	size_t pos = 0;

	ch_cmdline_read(&words);

	const char *path = ch_cmdline_next(&words, "task-prolog", &pos);

	if (path && path[0] == '/')
		setenv(CH_PROLOG_VARIABLE, path, 1);
}

/* Is IMAGE here, as a file or by its name? */
static bool is_visible(const char *image)
{
	ch_auto(image) struct ch_image found = CH_IMAGE_INIT;
	ch_auto(request) struct ch_request r = { .image = strdup("/dev/null") };
	const char *storage = getenv("CH_IMAGE_STORAGE");
	struct ch_err err;

	if (access(image, F_OK) == 0 || !ch_storage_may_name(image))
		return access(image, F_OK) == 0;
	r.name = strdup(image);
	if (storage && storage[0] == '/')
		r.storage = strdup(storage);
	/* /dev/null, the path beside the name, is no image. */
	return r.image && r.name && ch_storage_find(&r, &found, &err) == 0;
}

/* An image may exist on the nodes only: that is no error. */
int slurm_spank_init_post_opt(spank_t sp, int ac, char *av[])
{
	const char *image = ch_options_value("image");
	struct ch_err text; /* for its cleaning of control characters */

	(void)sp;
	(void)ac;
	(void)av;
	if (spank_context() == S_CTX_LOCAL)
		hand_down_prolog();
	if (!is_submitting() || !image || strcmp(image, "none") == 0 || is_inherited(image) ||
	    is_visible(image))
		return 0;
	/* No longer than CH_SAY_MAX, and not without its end. */
	ch_err_set(&text, 0, "image '%.340s' is not visible here; it has to be on the nodes",
		   image);
	slurm_info("charlie: %s", text.msg);
	return 0;
}

int slurm_spank_user_init(spank_t sp, int ac, char *av[])
{
	struct ch_err err;

	(void)ac;
	(void)av;
	if (!is_on_node())
		return 0;
	if (ch_contain_check(self.pid, getpid(), &err) < 0)
		ch_step_fail(&self.step, &err);
	ch_step_start(&self.step, sp);
	return 0;
}

int slurm_spank_task_init_privileged(spank_t sp, int ac, char *av[])
{
	(void)ac;
	(void)av;
	(void)sp;
	ch_task_ask(&self.step);
	return 0;
}

int slurm_spank_task_post_fork(spank_t sp, int ac, char *av[])
{
	pid_t pid;

	(void)ac;
	(void)av;
	if (is_on_node() && spank_get_item(sp, S_TASK_PID, &pid) == ESPANK_SUCCESS)
		ch_step_task_forked(&self.step, pid);
	return 0;
}

int slurm_spank_task_init(spank_t sp, int ac, char *av[])
{
	(void)ac;
	(void)av;
	ch_task_enter(&self.step, sp);
	return 0;
}

int slurm_spank_task_exit(spank_t sp, int ac, char *av[])
{
	(void)sp;
	(void)ac;
	(void)av;
	ch_step_task_exit(&self.step);
	return 0;
}

int slurm_spank_exit(spank_t sp, int ac, char *av[])
{
	(void)sp;
	(void)ac;
	(void)av;
	ch_step_end(&self.step);
	ch_config_done(&self.config);
	ch_options_done();
	return 0;
}
