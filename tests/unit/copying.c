/* SPDX-License-Identifier: Apache-2.0 */
#include "copying.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "build/copy.h"
#include "trees.h"
#include "unit.h"

/* Rules of the simplest kind: what is called so, or is there, is left. */
static enum ch_tree_verdict is_called(void *data, const char *path, bool is_dir)
{
	const char *rule = data, *slash = strrchr(path, '/');

	if (*rule == '!') /* all but this */
		return strcmp(path, rule + 1) == 0 ? CH_TREE_TAKE
		       : is_dir			   ? CH_TREE_LOOK
						   : CH_TREE_LEAVE;
	return strcmp(path, rule) == 0 || (slash && strcmp(slash + 1, rule) == 0) ? CH_TREE_LEAVE
										  : CH_TREE_TAKE;
}

char copying_notes[1000];

static void take_note(enum ch_level level, const char *line, void *data)
{
	(void)level;
	(void)data;
	snprintf(copying_notes + strlen(copying_notes),
		 sizeof(copying_notes) - strlen(copying_notes), "%s;", line);
}

static void *text_of(const char *text)
{
	return (void *)(uintptr_t)text;
}

int copying_do(const struct trees *t, const struct instruction *in, struct ch_err *err)
{
	ch_auto(context) struct ch_context context = CH_CONTEXT_INIT;
	struct ch_copy_source sources[SOURCES] = { 0 };
	struct ch_copy_request req = {
		.context = &context,
		.sources = sources,
		.dest = in->dest,
		.workdir = "/work",
		.chmod = in->chmod,
		.exclude = in->exclude ? is_called : NULL,
		.exclude_data = text_of(in->exclude),
		.parents = in->parents,
		.unpack = in->unpack,
		.teller = { .sink = take_note },
	};
	ch_auto(copy_plan) struct ch_copy_plan plan = { 0 };
	char from[100];

	snprintf(from, sizeof(from), "%s/from", t->path);
	if (in->from_image)
		assert_int_equal(ch_context_of_image(dup(t->from), "base", &context, err), 0);
	else
		assert_int_equal(ch_context_open(from, &context, err), 0);
	context.ignore = in->ignore ? is_called : NULL;
	context.ignore_data = text_of(in->ignore);
	for (; req.n_sources < SOURCES && in->sources[req.n_sources]; req.n_sources++) {
		const char *source = in->sources[req.n_sources];

		sources[req.n_sources].path = source;
		if (strncmp(source, "<<", 2) == 0)
			sources[req.n_sources] = (struct ch_copy_source){ .path = source + 2,
									  .text = "text",
									  .len = 4 };
	}
	copying_notes[0] = '\0';
	if (ch_copy_plan(&req, &plan, err) < 0)
		return err->code;
	return ch_copy_execute(&plan, t->to, err);
}

void copying_check(const struct example *e)
{
	struct trees t;
	struct ch_err err = { 0 };

	trees_begin(&t);
	trees_make(t.from, e->context);
	trees_make(t.to, e->image);

	int rc = copying_do(&t, &e->copy, &err);

	if (!e->result) {
		assert_true(rc < 0);
		if (!strstr(err.msg, e->error))
			fail_msg("'%s' to '%s': '%s', not '%s'", e->copy.sources[0], e->copy.dest,
				 err.msg, e->error);
	} else {
		if (rc < 0)
			fail_msg("'%s' to '%s': %s", e->copy.sources[0], e->copy.dest, err.msg);

		ch_auto(str) char *text = trees_text(t.to);

		assert_string_equal(text, e->result);
	}
	trees_end(&t);
}
