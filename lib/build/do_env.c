/* SPDX-License-Identifier: Apache-2.0 */
/* ENV and LABEL. */
#include "build/step.h"

#include "base/auto.h"

static int set_pairs(struct ch_step *step, struct ch_words *list)
{
	ch_auto(words) struct ch_words pairs = { 0 };
	int rc = ch_step_pairs(step, &pairs);

	if (rc == 0)
		rc = ch_step_begin(step);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	ch_words_put(list, &pairs);
	return ch_step_end(step, false);
}

int ch_do_env(struct ch_step *step)
{
	return set_pairs(step, &step->stage->meta.env);
}

int ch_do_label(struct ch_step *step)
{
	return set_pairs(step, &step->stage->meta.labels);
}
