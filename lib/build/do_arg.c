/* SPDX-License-Identifier: Apache-2.0 */
#include "build/step.h"

#include <string.h>

#include "base/auto.h"
#include "build/vars.h"

/* The value given on the command line, or NULL. */
static const char *given(struct ch_job *job, const char *name)
{
	const struct ch_words *args = &job->build->args;
	size_t len = strlen(name);

	for (size_t i = 0; i < args->n; i++)
		if (strncmp(args->v[i], name, len) == 0 && args->v[i][len] == '=') {
			job->used[i] = true;
			return args->v[i] + len + 1;
		}
	return NULL;
}

/* The command line beats the default; without both, it is what there is for the platform, or stays
 * unset, or what it was. */
static int set(struct ch_step *step, const struct ch_df_pair *pair)
{
	ch_auto(str) char *name = NULL;
	ch_auto(str) char *value = NULL;
	int rc = ch_step_expand(step, &pair->name, &name);

	if (rc < 0 || !name)
		return rc;

	const char *text = given(step->job, name);

	if (!text && pair->has_value) {
		rc = ch_step_expand(step, &pair->value, &value);
		text = value;
	}
	if (!text)
		text = ch_vars_of_platform(step, name);
	if (rc < 0 || !text)
		return rc;
	if (!ch_vars_is_passed(name))
		ch_key_text(&step->key, text);
	ch_words_set(&step->job->args, name, text);
	return step->job->args.bad ? ch_step_nomem(step) : 0;
}

int ch_do_arg(struct ch_step *step)
{
	int rc = 0;

	for (size_t i = 0; i < step->instr->npairs && rc == 0; i++)
		rc = set(step, &step->instr->pairs[i]);
	if (rc < 0)
		return rc;
	/* In front of FROM there is no image yet that could be in a state. */
	if (step->instr->is_global)
		return ch_step_show(step, ' ');
	rc = ch_step_begin(step);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	return ch_step_end(step, false);
}
