/* SPDX-License-Identifier: Apache-2.0 */
#include "build/step.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/path.h"
#include "sys/within.h"

/* The directory PATH in the image, made if it is not there. */
static int make(struct ch_step *step, const char *path)
{
	ch_auto(str) char *plain = NULL;
	struct ch_err err;
	int root = step->stage->draft.root;

	if (ch_within_resolve(root, path, CH_WITHIN_ROOT, &plain, &err) < 0)
		return ch_step_fail(step, &err);

	ch_auto(fd) int dir = ch_within_make_dirs(root, plain, 0755, &err);

	return dir < 0 ? ch_step_fail(step, &err) : 0;
}

int ch_do_workdir(struct ch_step *step)
{
	ch_auto(str) char *text = NULL;
	ch_auto(str) char *path = NULL;
	struct ch_oci_meta *meta = &step->stage->meta;
	struct ch_err err;
	int rc = ch_step_expand(step, &step->instr->rest, &text);

	if (rc == 0 && (!text || !*text))
		return ch_df_fail(step->df, &step->instr->rest, 0, step->err, -EINVAL,
				  "no directory is left when variables are replaced");
	if (rc == 0 && ch_path_absolute(text, meta->cwd ? meta->cwd : "/", &path, &err) < 0)
		return ch_step_fail(step, &err);
	if (rc == 0)
		rc = ch_step_begin(step);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	free(meta->cwd);
	meta->cwd = ch_take(path);
	rc = ch_step_ready(step);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	rc = make(step, meta->cwd);
	return rc < 0 ? rc : ch_step_end(step, true);
}
