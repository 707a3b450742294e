/* SPDX-License-Identifier: Apache-2.0 */
/* image_modify.c - ch-image modify: a build without a Dockerfile */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/log.h"
#include "dockerfile/dockerfile.h"
#include "image.h"
#include "image_build.h"
#include "json/write.h"

static const char *shell_of(const struct ch_image_build *set)
{
	return set->shell ? set->shell : "/bin/sh";
}

/* KEYWORD ["WORD", ...], which nothing in a word can end or change. */
static int add_exec(struct ch_buf *out, const char *keyword, const char *const *words,
		    struct ch_err *err)
{
	ch_auto(json_out) struct ch_json_out json = { .buf = CH_BUF_INIT(CH_DF_MAX) };

	ch_json_open(&json, NULL, '[');
	for (; *words; words++)
		ch_json_put_text(&json, NULL, *words);
	ch_json_close(&json, ']');
	if (ch_buf_bad(&json.buf))
		return ch_err_nomem(err);
	ch_buf_addf(out, "%s %s\n", keyword, json.buf.data);
	return 0;
}

static int read_script(const char *path, struct ch_buf *ret, struct ch_err *err)
{
	if (ch_image_read_text("script", path, ret, err) < 0)
		return err->code;
	if (ret->len == 0 || memchr(ret->data, '\0', ret->len))
		return ch_err_set(err, -EINVAL, "script '%s' is empty, or no text", path);
	return 0;
}

/* A here-document whose end does not occur in it. */
static int add_script(struct ch_buf *out, const char *path, struct ch_err *err)
{
	ch_auto(buf) struct ch_buf script = { 0 };
	ch_auto(buf) struct ch_buf end = CH_BUF_INIT(CH_DF_MAX);

	if (read_script(path, &script, err) < 0)
		return err->code;
	ch_buf_adds(&end, "END");
	while (!ch_buf_bad(&end) && strstr(script.data, end.data))
		ch_buf_adds(&end, "_");
	if (ch_buf_bad(&end))
		return ch_err_nomem(err);
	ch_buf_addf(out, "RUN <<'%s'\n%s%s%s\n", end.data, script.data,
		    script.data[script.len - 1] == '\n' ? "" : "\n", end.data);
	return 0;
}

/* The last instruction. */
static int add_shell(struct ch_buf *out, const struct ch_image_build *set, struct ch_err *err)
{
	const char *words[] = { shell_of(set), NULL };

	if (!isatty(STDIN_FILENO))
		return ch_err_set(err, -ENOTTY,
				  "modify: --interactive: standard input is no "
				  "terminal");
	return add_exec(out, "RUN", words, err);
}

static int add_commands(struct ch_buf *out, const struct ch_image_build *set, struct ch_err *err)
{
	for (size_t i = 0; i < set->cmds.n; i++) {
		const char *words[] = { shell_of(set), "-c", set->cmds.v[i], NULL };

		if (add_exec(out, "RUN", words, err) < 0)
			return err->code;
	}
	return 0;
}

static int write_dockerfile(const struct ch_image_build *set, const char *from, const char *script,
			    struct ch_buf *out, struct ch_err *err)
{
	const char *shell[] = { shell_of(set), "-c", NULL };

	if (!script && set->cmds.n == 0 && !set->interactive) {
		if (isatty(STDIN_FILENO))
			return ch_err_set(err, -EINVAL,
					  "modify: nothing to do: give --command, "
					  "--interactive, or a SCRIPT");
		script = "-";
	}
	ch_buf_addf(out, "FROM %s\n", from);
	if ((set->shell && add_exec(out, "SHELL", shell, err) < 0) ||
	    add_commands(out, set, err) < 0 || (script && add_script(out, script, err) < 0) ||
	    (set->interactive && add_shell(out, set, err) < 0))
		return err->code;
	return ch_buf_bad(out) ? ch_err_nomem(err) : 0;
}

int ch_image_modify(void *settings, int argc, char **argv, struct ch_err *err)
{
	const struct ch_image_build *set = settings;
	struct ch_image_source source = {
		.file = (char[]){ "modify" },
		.text = CH_BUF_INIT(2 * CH_DF_MAX),
	};
	int rc = write_dockerfile(set, argv[0], argc > 2 ? argv[2] : NULL, &source.text, err);

	if (rc == 0)
		rc = ch_image_build_source(set, &source, argv[1], err);
	ch_buf_done(&source.text);
	return rc;
}
