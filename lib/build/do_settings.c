/* SPDX-License-Identifier: Apache-2.0 */
/* Instructions that change nothing but what the image says about itself. */
#include "build/step.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "build/values.h"

/* ---- commands ------------------------------------------------------------------------------ */

/* CMD, ENTRYPOINT and HEALTHCHECK as written: their variables are for who runs them. */
static int read_form(struct ch_step *step, struct ch_oci_form *ret)
{
	const struct ch_df_instr *instr = step->instr;
	ch_auto(words) struct ch_words words = { 0 };

	if (instr->is_json)
		for (size_t i = 0; i < instr->nwords; i++)
			ch_words_add(&words, instr->words[i].text);
	else
		ch_words_add(&words, instr->rest.text);
	ch_oci_form_set(ret, !instr->is_json, &words);
	return ret->words.bad ? ch_step_nomem(step) : 0;
}

int ch_do_cmd(struct ch_step *step)
{
	int rc = ch_step_begin(step);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	rc = read_form(step, &step->stage->meta.cmd);
	return rc < 0 ? rc : ch_step_end(step, false);
}

/* Is there a CMD of this stage in front of the instruction? */
static bool has_own_cmd(const struct ch_step *step)
{
	for (const struct ch_df_instr *i = step->df->instrs; i < step->instr; i++)
		if (i->kind == CH_DF_CMD && i->stage == step->instr->stage)
			return true;
	return false;
}

/* The base image's CMD was for the base image's ENTRYPOINT. */
int ch_do_entrypoint(struct ch_step *step)
{
	struct ch_oci_meta *meta = &step->stage->meta;
	int rc = ch_step_begin(step);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	rc = read_form(step, &meta->entrypoint);
	if (!has_own_cmd(step)) {
		ch_words_done(&meta->cmd.words);
		meta->cmd.is_given = meta->cmd.is_shell = false;
	}
	return rc < 0 ? rc : ch_step_end(step, false);
}

int ch_do_shell(struct ch_step *step)
{
	ch_auto(words) struct ch_words words = { 0 };
	int rc = ch_step_words(step, &words);

	if (rc == 0)
		rc = ch_step_begin(step);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	ch_words_done(&step->stage->meta.shell);
	step->stage->meta.shell = ch_take(words);
	return ch_step_end(step, false);
}

static int read_health(struct ch_step *step, struct ch_oci_meta *meta)
{
	const struct ch_df_instr *instr = step->instr;
	const struct ch_words none = { (char *[]){ (char[]){ "NONE" }, NULL }, 1, false };
	int rc = 0;

	ch_words_done(&meta->healthopts);
	if (instr->is_none)
		ch_oci_form_set(&meta->health, false, &none);
	else
		rc = read_form(step, &meta->health);
	for (size_t i = 0; i < instr->nflags && rc == 0; i++) {
		ch_auto(str) char *value = NULL;

		rc = ch_step_expand(step, &instr->flags[i].value, &value);
		if (rc == 0)
			ch_words_set(&meta->healthopts, instr->flags[i].name, value ? value : "");
	}
	return rc;
}

int ch_do_healthcheck(struct ch_step *step)
{
	int rc = ch_step_begin(step);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	rc = read_health(step, &step->stage->meta);
	return rc < 0 ? rc : ch_step_end(step, false);
}

/* ---- texts ----------------------------------------------------------------------------------- */

/* TEXT, which is expanded, goes to PLACE. */
static int set_text(struct ch_step *step, char **text, char **place)
{
	int rc = ch_step_begin(step);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	free(*place);
	*place = ch_take(*text);
	return ch_step_end(step, false);
}

int ch_do_stopsignal(struct ch_step *step)
{
	ch_auto(str) char *text = NULL;
	int rc = ch_step_expand(step, &step->instr->rest, &text);

	if (rc < 0)
		return rc;
	if (!ch_signal_is(text))
		return ch_df_fail(step->df, &step->instr->rest, 0, step->err, -EINVAL,
				  "this is no signal: it is a number, or a name such as SIGTERM");
	return set_text(step, &text, &step->stage->meta.stopsignal);
}

/* For those who run the image elsewhere: inside, everybody is who started it. */
int ch_do_user(struct ch_step *step)
{
	ch_auto(str) char *text = NULL;
	int rc = ch_step_expand(step, &step->instr->rest, &text);

	return rc < 0 ? rc : set_text(step, &text, &step->stage->meta.user);
}

/* Deprecated by Docker, which recommends this label. */
int ch_do_maintainer(struct ch_step *step)
{
	ch_auto(str) char *text = NULL;
	int rc = ch_step_expand(step, &step->instr->rest, &text);

	if (rc == 0)
		rc = ch_step_begin(step);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	ch_words_set(&step->stage->meta.labels, "maintainer", text ? text : "");
	return ch_step_end(step, false);
}

/* ---- lists ----------------------------------------------------------------------------------- */

static bool has(const struct ch_words *list, const char *text)
{
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->v[i], text) == 0)
			return true;
	return false;
}

/* The words are expanded. */
static int add_words(struct ch_step *step, const struct ch_words *words, struct ch_words *list)
{
	int rc = ch_step_begin(step);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	for (size_t i = 0; i < words->n; i++)
		if (!has(list, words->v[i]))
			ch_words_add(list, words->v[i]);
	return ch_step_end(step, false);
}

int ch_do_expose(struct ch_step *step)
{
	ch_auto(words) struct ch_words words = { 0 };
	ch_auto(words) struct ch_words ports = { 0 };
	struct ch_err err;
	int rc = ch_step_words(step, &words);

	for (size_t i = 0; i < words.n && rc == 0; i++)
		if (ch_ports_add(words.v[i], &ports, &err) < 0)
			rc = ch_df_fail(step->df, &step->instr->words[i], 0, step->err, err.code,
					"%s", err.msg);
	return rc < 0 ? rc : add_words(step, &ports, &step->stage->meta.ports);
}

int ch_do_volume(struct ch_step *step)
{
	ch_auto(words) struct ch_words words = { 0 };
	int rc = ch_step_words(step, &words);

	return rc < 0 ? rc : add_words(step, &words, &step->stage->meta.volumes);
}

/* With its here-documents, which are on the lines behind it, as in a Dockerfile. */
int ch_do_onbuild(struct ch_step *step)
{
	ch_auto(buf) struct ch_buf text = CH_BUF_INIT(2 * CH_DF_MAX);
	char *taken;
	int rc = ch_step_begin(step);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	ch_df_key(step->instr->trigger, &text);
	if (ch_buf_take(&text, &taken) < 0)
		return ch_step_nomem(step);
	ch_words_give(&step->stage->meta.onbuild, taken);
	return ch_step_end(step, false);
}
