/* SPDX-License-Identifier: Apache-2.0 */
#include "build/step.h"

#include "base/auto.h"

int ch_do_label(struct ch_step *step)
{
	ch_auto(words) struct ch_words pairs = { 0 };
	int rc = ch_step_pairs(step, &pairs);

	if (rc == 0)
		rc = ch_step_begin(step);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	ch_words_put(&step->stage->meta.labels, &pairs);
	return ch_step_end(step, false);
}
