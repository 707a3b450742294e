/* SPDX-License-Identifier: Apache-2.0 */
#include "build/rsync.h"

#include <stdint.h>

#include "base/auto.h"
#include "base/err.h"
#include "build/step.h"

/* Options, sources and destination, in order. */
static int expand(struct ch_step *step, struct ch_words *ret)
{
	int rc = 0;

	for (size_t i = 0; i < step->instr->noptions && rc == 0; i++) {
		char *text;

		rc = ch_step_expand(step, &step->instr->options[i], &text);
		if (rc == 0)
			ch_words_give(ret, text);
	}
	return rc < 0 ? rc : ch_step_words(step, ret);
}

int ch_do_rsync(struct ch_step *step)
{
	ch_auto(words) struct ch_words words = { 0 };
	ch_auto(copy_plan) struct ch_copy_plan plan = { 0 };
	const struct ch_shelf *shelf = &step->job->build->shelf;
	struct ch_err err;
	int rc = expand(step, &words);

	if (rc < 0)
		return rc;

	const struct ch_rsync_request request = {
		.context = &step->job->context,
		.words = (const char *const *)words.v,
		.n_words = words.n,
		.workdir = step->stage->meta.cwd,
		.teller = shelf->teller,
	};

	if (ch_rsync_plan(&request, &plan, &err) < 0)
		return ch_step_fail(step, &err);
	return ch_step_copy(step, &plan);
}
