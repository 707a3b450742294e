/* SPDX-License-Identifier: Apache-2.0 */
#include "rt/command.h"

#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "rt/meta.h"

/* Of all words together; the kernel takes a quarter of the stack's limit. */
enum { WORDS_MAX = 2 * 1024 * 1024 };

static void add_word(struct ch_buf *out, const char *word)
{
	ch_buf_add(out, word, strlen(word) + 1);
}

/* All items of KIND, as words. */
static void add_items(struct ch_buf *out, const char *meta, size_t len, const char *kind)
{
	const char *word;
	size_t pos = 0;

	while ((word = ch_meta_next(meta, len, kind, &pos)))
		add_word(out, word);
}

/* One of the two: its exec form is items of kind EXEC, its shell form one of kind SHELL. */
static void add_form(struct ch_buf *out, const char *meta, size_t len, const char *exec,
		     const char *shell)
{
	size_t pos = 0, before = out->len;
	const char *text = ch_meta_next(meta, len, shell, &pos);

	if (!text) {
		add_items(out, meta, len, exec);
		return;
	}
	add_items(out, meta, len, "shell");
	if (out->len == before) {
		add_word(out, "/bin/sh");
		add_word(out, "-c");
	}
	add_word(out, text);
}

/* Can the metadata be relied on? */
static int check(const char *meta, size_t len, struct ch_err *err)
{
	int rc = ch_meta_check(meta, len, "error", err);

	return rc == 0 ? ch_meta_check(meta, len, "cmd-error", err) : rc;
}

int ch_command_entry(const char *meta, size_t len, struct ch_buf *out, struct ch_err *err)
{
	if (check(meta, len, err) < 0)
		return err->code;
	add_form(out, meta, len, "entry", "entry-shell");
	return 0;
}

/* TEXT is LEN bytes of words. */
static int split(char *text, size_t len, struct ch_command *ret_command, struct ch_err *err)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += text[i] == '\0';

	char **argv = calloc(n + 1, sizeof(*argv));

	if (!argv)
		return ch_err_nomem(err);
	for (size_t i = 0, pos = 0; i < n; i++, pos += strlen(text + pos) + 1)
		argv[i] = text + pos;
	ret_command->argv = argv;
	return 0;
}

int ch_command_make(const char *meta, size_t len, char **args, struct ch_command *ret_command,
		    struct ch_err *err)
{
	ch_auto(buf) struct ch_buf words = CH_BUF_INIT(WORDS_MAX);
	ch_auto(command) struct ch_command c = { 0 };

	if (ch_command_entry(meta, len, &words, err) < 0)
		return err->code;
	if (!args || !args[0])
		add_form(&words, meta, len, "cmd", "cmd-shell");
	for (; args && *args; args++)
		add_word(&words, *args);

	size_t size = words.len;

	if (size == 0 && !ch_buf_bad(&words))
		return ch_err_set(err, -ENOENT,
				  "the image has neither ENTRYPOINT nor CMD: name a command");
	if (ch_buf_take(&words, &c.text) < 0)
		return ch_err_set(err, -E2BIG, "the command is too long");
	if (split(c.text, size, &c, err) < 0)
		return err->code;
	*ret_command = ch_take(c);
	return 0;
}
